/** The admin API: the words of the command line over HTTP, with the key of an operator. */

const PATIENCE_MS = 20_000;

/** What was refused, in the words of the exchange. */
export class AdminError extends Error {
  /**
   * @param {string} why
   * @param {number} status the HTTP status; 0 when nobody answered
   */
  constructor(why, status) {
    super(why);
    this.status = status;
  }
}

/** A client of the operator's door. */
export class Admin {
  /**
   * @param {string} url address of the door, as `http://127.0.0.1:3100`
   * @param {string} key
   */
  constructor(url, key) {
    this._url = url;
    this._key = key;
  }

  /**
   * Ask how something stands.
   * @param {string} what `status`, `instruments`, `accounts` or `audit`
   */
  get(what) {
    return this._ask("GET", what);
  }

  /**
   * Do something.
   * @param {string} words as on the command line, `/` between them
   * @param {Record<string, any>} args by their names
   */
  say(words, args) {
    return this._ask("POST", words, JSON.stringify(args));
  }

  async _ask(method, path, body) {
    let answer;
    let told;
    try {
      answer = await fetch(`${this._url}/admin/v1/${path}`, {
        method,
        body,
        headers: { Authorization: `Bearer ${this._key}` },
        cache: "no-store",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      told = await answer.json();
    } catch {
      throw new AdminError(`No answer at ${this._url}. It listens on the exchange's own machine only.`, 0);
    }
    if (!answer.ok) throw new AdminError(told.error ?? answer.statusText, answer.status);
    return told;
  }
}
