/**
 * Signatures made in the browser. A key is imported once, cannot be read out again, and signs by WebCrypto:
 * HMAC-SHA256 with a secret, or Ed25519 with a private key.
 */

const ASCII = new TextEncoder();

/** @returns {boolean} whether this page may sign at all: browsers allow it on HTTPS and on localhost only */
export function canSign() {
  return globalThis.isSecureContext !== false && Boolean(globalThis.crypto?.subtle);
}

/**
 * Import what a person pasted: a secret, or an Ed25519 private key in PEM.
 * @param {string} text
 * @returns {Promise<{kind: "HMAC"|"ED25519", key: CryptoKey}>}
 * @throws {Error} in words for the person
 */
export async function importSecret(text) {
  if (text.includes("-----BEGIN")) {
    if (!text.includes("BEGIN PRIVATE KEY")) {
      throw new Error("This PEM holds no private key in PKCS #8; it must begin with BEGIN PRIVATE KEY.");
    }
    const body = text.replace(/-----[A-Z ]+-----/g, "").replace(/\s+/g, "");
    try {
      const bytes = Uint8Array.from(atob(body), (one) => one.charCodeAt(0));
      const key = await crypto.subtle.importKey("pkcs8", bytes, "Ed25519", false, ["sign"]);
      return { kind: "ED25519", key };
    } catch {
      throw new Error("This PEM cannot be read as an Ed25519 private key.");
    }
  }
  const secret = text.trim();
  if (!secret) throw new Error("The secret is empty.");
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", ASCII.encode(secret), algorithm, false, ["sign"]);
  return { kind: "HMAC", key };
}

/**
 * Make a new Ed25519 pair; the private half never leaves this browser.
 * @returns {Promise<{kind: "ED25519", key: CryptoKey, publicPem: string}>}
 */
export async function makePair() {
  const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  const bytes = new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey));
  const body = btoa(String.fromCharCode(...bytes));
  const publicPem = `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----\n`;
  return { kind: "ED25519", key: pair.privateKey, publicPem };
}

/**
 * Sign the bytes that are sent.
 * @param {{kind: string, key: CryptoKey}} signer
 * @param {string} payload
 * @returns {Promise<string>} hex for HMAC, base64 for Ed25519 (to be percent-encoded in an address)
 */
export async function sign(signer, payload) {
  const algorithm = signer.kind === "HMAC" ? "HMAC" : "Ed25519";
  const seal = new Uint8Array(await crypto.subtle.sign(algorithm, signer.key, ASCII.encode(payload)));
  if (signer.kind === "HMAC") {
    return Array.from(seal, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  return btoa(String.fromCharCode(...seal));
}
