/** Where a person adds, makes, chooses and forgets keys. */

import { byId, el } from "./dom.js";
import { forgetKey, keepKey, storedKeys } from "./keys.js";
import { canSign, importSecret, makePair } from "./signing.js";

/** The dialog and the choice of key. */
export class KeysDialog {
  /**
   * @param {{demo: boolean}} beginning what the exchange offers to this page
   * @param {(key: import("./keys.js").StoredKey|null) => void} use called with the key to sign with from now on
   */
  constructor(beginning, use) {
    this._beginning = beginning;
    this._use = use;
    this._dialog = byId("keys");
    this._pair = null;
    byId("keys-open").addEventListener("click", () => this.open());
    byId("keys-close").addEventListener("click", () => this._dialog.close());
    byId("key-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this._add();
    });
    byId("make-pair").addEventListener("click", () => this._makePair());
    byId("key-off").addEventListener("click", () => this._choose(null));
    byId("demo-keys").hidden = !beginning.demo;
    byId("no-signing").hidden = canSign();
  }

  /** Use the key of the last time, if there is one. */
  async begin() {
    if (!canSign()) {
      this._show(null);
      return;
    }
    const [latest] = await storedKeys();
    await this._choose(latest ?? null, true);
    if (this._beginning.demo) await this._offerDemo();
  }

  /** Open the dialog. */
  async open() {
    this._tell("");
    await this._list();
    this._dialog.showModal();
  }

  async _offerDemo() {
    const answer = await fetch("/terminal/demo.json", { cache: "no-store" });
    if (!answer.ok) return;
    const found = Object.entries(await answer.json());
    const buttons = found.map(([name, one]) =>
      el("button", { type: "button", text: `Use ${name}`, onclick: () => this._keep(name, one.api_key, one.secret) }),
    );
    byId("demo-buttons").replaceChildren(...buttons);
  }

  async _add() {
    const apiKey = byId("key-api").value.trim();
    const label = byId("key-label").value.trim() || `${apiKey.slice(0, 6)}…`;
    if (!/^[A-Za-z0-9]{16,128}$/.test(apiKey)) {
      this._tell("An API key is 64 letters and digits, as `openbourse account create` prints it.");
      return;
    }
    if (this._pair) await this._keepWith(label, apiKey, this._pair);
    else await this._keep(label, apiKey, byId("key-secret").value);
  }

  async _keep(label, apiKey, secret) {
    try {
      await this._keepWith(label, apiKey, await importSecret(secret));
    } catch (problem) {
      this._tell(problem.message);
    }
  }

  async _keepWith(label, apiKey, { kind, key }) {
    const made = { apiKey, label, kind, key, used: Date.now() };
    await keepKey(made);
    this._pair = null;
    byId("key-form").reset();
    byId("pair").hidden = true;
    byId("secret-row").hidden = false;
    await this._choose(made);
  }

  async _choose(key, quiet = false) {
    if (key && !quiet) await keepKey({ ...key, used: Date.now() });
    this._show(key);
    this._use(key);
    if (!quiet) this._dialog.close();
  }

  _show(key) {
    byId("key-name").textContent = key ? key.label : "Add a key";
    byId("key-off").hidden = !key;
  }

  async _list() {
    const rows = (await storedKeys()).map((one) =>
      el(
        "li",
        {},
        el("span", { text: `${one.label} · ${one.kind} · ${one.apiKey.slice(0, 6)}…` }),
        el("button.small", { type: "button", text: "Use", "aria-label": `Use ${one.label}`, onclick: () => this._choose(one) }),
        el("button.small", { type: "button", text: "Forget", "aria-label": `Forget ${one.label}`, onclick: () => this._forget(one) }),
      ),
    );
    byId("key-list").replaceChildren(...rows);
  }

  async _forget(one) {
    await forgetKey(one.apiKey);
    await this._list();
  }

  /** Make an Ed25519 pair: its public half is for the operator, who answers with an API key. */
  async _makePair() {
    this._pair = await makePair();
    byId("pair").hidden = false;
    byId("secret-row").hidden = true;
    byId("pair-public").textContent = this._pair.publicPem;
  }

  _tell(text) {
    byId("key-fault").textContent = text;
  }
}
