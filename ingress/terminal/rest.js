/** The REST API: same origin, signed where it must be, its errors as the exchange words them. */

import { sign } from "./signing.js";

const PATIENCE_MS = 15_000;
const WINDOW_MS = 10_000;

/** What the exchange refused, or that it gave no answer. */
export class ApiError extends Error {
  /**
   * @param {number} code the dialect's code; 0 when nobody answered
   * @param {string} msg the exchange's own words
   * @param {number} [status] the HTTP status
   * @param {object} [data] what a refused cancel-replace tells besides
   */
  constructor(code, msg, status = 0, data = undefined) {
    super(msg);
    this.code = code;
    this.status = status;
    this.data = data;
  }

  /** @returns {boolean} whether the request may have been done all the same */
  get unknown() {
    return this.code === 0 || this.code === -1007;
  }

  /** @returns {string} code and words, as they came */
  get text() {
    return this.code ? `${this.message} (${this.code})` : this.message;
  }
}

/** A client of the exchange that served this page. */
export class Rest {
  constructor() {
    /** @type {{apiKey: string, kind: string, key: CryptoKey}|null} who signs */
    this.signer = null;
    /** What the exchange's clock is ahead of ours. */
    this.offsetMs = 0;
    /** @type {import("./order_wire.js").OrderWire|null} a shorter way for orders */
    this.wire = null;
  }

  /**
   * Ask without a key.
   * @param {string} path
   * @param {Record<string, string|number|undefined>} [params]
   */
  async get(path, params = {}) {
    const query = encode(params);
    return this._ask("GET", query ? `${path}?${query}` : path, {});
  }

  /**
   * Ask with the key alone, unsigned.
   * @param {string} method
   * @param {string} path
   * @param {Record<string, string|number|undefined>} [params]
   */
  async keyed(method, path, params = {}) {
    const query = encode(params);
    return this._ask(method, query ? `${path}?${query}` : path, this._headers());
  }

  /**
   * Ask for the account, signed; what changes orders goes over the WebSocket API while that is there.
   * @param {string} method
   * @param {string} path
   * @param {Record<string, string|number|undefined>} [params]
   */
  async signed(method, path, params = {}) {
    const headers = this._headers();
    const timestamp = Math.round(Date.now() + this.offsetMs);
    const whole = { ...params, recvWindow: WINDOW_MS, timestamp };
    if (this.wire?.takes(method, path)) return this.wire.ask(method, path, whole, this.signer);
    const query = encode(whole);
    const seal = encodeURIComponent(await sign(this.signer, query));
    return this._ask(method, `${path}?${query}&signature=${seal}`, headers);
  }

  /**
   * Set our clock by the exchange's.
   * @returns {Promise<number>} milliseconds to the exchange and back
   */
  async setClock() {
    const begun = performance.now();
    const sent = Date.now();
    const { serverTime } = await this.get("/api/v3/time");
    const took = performance.now() - begun;
    this.offsetMs = serverTime - (sent + took / 2);
    return took;
  }

  _headers() {
    if (!this.signer) throw new ApiError(-2014, "No API key: open “Keys” to add one.", 401);
    return { "X-MBX-APIKEY": this.signer.apiKey };
  }

  async _ask(method, target, headers) {
    let answer;
    let told;
    try {
      const signal = AbortSignal.timeout(PATIENCE_MS);
      answer = await fetch(target, { method, headers, signal, cache: "no-store" });
      told = await answer.json();
    } catch (error) {
      const why = error.name === "TimeoutError" ? "No answer in time" : "No connection to the exchange";
      throw new ApiError(0, `${why}.`, answer?.status);
    }
    if (!answer.ok) {
      throw new ApiError(told.code ?? 0, told.msg ?? answer.statusText, answer.status, told.data);
    }
    return told;
  }
}

/**
 * Write parameters as a query string, in their order; those without a value are left out.
 * @param {Record<string, string|number|undefined>} params
 * @returns {string}
 */
export function encode(params) {
  return Object.entries(params)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&");
}
