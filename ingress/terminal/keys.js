/**
 * The keys that this browser may trade with. They are kept in its own database as keys that sign but cannot be read
 * out again, not even by this page; the secret itself is kept nowhere.
 */

const NAME = "openbourse";
const STORE = "keys";

/**
 * @typedef {object} StoredKey
 * @property {string} apiKey
 * @property {string} label
 * @property {"HMAC"|"ED25519"} kind
 * @property {CryptoKey} key
 * @property {number} used when it was last chosen
 */

/** @returns {Promise<StoredKey[]>} the latest used first */
export async function storedKeys() {
  const found = await inStore("readonly", (store) => store.getAll());
  return found.sort((a, b) => b.used - a.used);
}

/** @param {StoredKey} key kept under its API key */
export async function keepKey(key) {
  await inStore("readwrite", (store) => store.put(key));
}

/** @param {string} apiKey */
export async function forgetKey(apiKey) {
  await inStore("readwrite", (store) => store.delete(apiKey));
}

function inStore(mode, deed) {
  return new Promise((done, fail) => {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "apiKey" });
    opening.onerror = () => fail(opening.error);
    opening.onsuccess = () => {
      const base = opening.result;
      const request = deed(base.transaction(STORE, mode).objectStore(STORE));
      request.onsuccess = () => {
        base.close();
        done(request.result);
      };
      request.onerror = () => {
        base.close();
        fail(request.error);
      };
    };
  });
}
