/**
 * The WebSocket API, over which orders go while it is there: one connection that mends itself. Every request is signed
 * by itself, so another key needs no other connection. What was sent and not answered when it breaks is unknown: it
 * may have been done, and whoever asked must look.
 */

import { ApiError } from "./rest.js";
import { sign } from "./signing.js";

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
const PATIENCE_MS = 15_000;

/** Requests of REST, and what the WebSocket API calls them. */
export const METHODS = {
  "POST /api/v3/order": "order.place",
  "DELETE /api/v3/order": "order.cancel",
  "DELETE /api/v3/openOrders": "openOrders.cancelAll",
  "POST /api/v3/order/cancelReplace": "order.cancelReplace",
  "PUT /api/v3/order/amend/keepPriority": "order.amend.keepPriority",
  "POST /api/v3/orderList/oco": "orderList.place.oco",
  "POST /api/v3/orderList/oto": "orderList.place.oto",
  "POST /api/v3/orderList/otoco": "orderList.place.otoco",
};

/** One connection to the WebSocket API. */
export class OrderWire {
  /**
   * @param {string} url
   * @param {(isOpen: boolean) => void} tell called when the connection opens or ends
   * @param {(url: string) => WebSocket} [open] opens a socket; another one for tests
   */
  constructor(url, tell, open = (where) => new WebSocket(where)) {
    this._url = `${url}/ws-api/v3?returnRateLimits=false`;
    this._tell = tell;
    this._open = open;
    this._socket = null;
    this._pause = FIRST_PAUSE_MS;
    this._nextId = 1;
    /** @type {Map<number, {done: (result: any) => void, fail: (problem: ApiError) => void, timer: any}>} */
    this._waiting = new Map();
  }

  /** Open the connection and keep it open. */
  start() {
    const socket = this._open(this._url);
    socket.onopen = () => {
      this._socket = socket;
      this._pause = FIRST_PAUSE_MS;
      this._tell(true);
    };
    socket.onmessage = (event) => this._receive(JSON.parse(event.data));
    socket.onclose = () => this._closed();
  }

  /**
   * Tell whether a request of REST can go this way now.
   * @param {string} method
   * @param {string} path
   */
  takes(method, path) {
    return this._socket !== null && `${method} ${path}` in METHODS;
  }

  /**
   * Send a request that is taken.
   * @param {string} method
   * @param {string} path
   * @param {Record<string, string|number|undefined>} params
   * @param {{apiKey: string, kind: string, key: CryptoKey}} signer
   * @returns {Promise<any>} as REST would answer
   * @throws {ApiError}
   */
  async ask(method, path, params, signer) {
    const whole = Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined && value !== ""));
    whole.apiKey = signer.apiKey;
    whole.signature = await sign(signer, payloadOf(whole));
    // The connection may have ended while the browser signed.
    if (!this._socket) throw new ApiError(0, "No connection to the exchange.");
    const id = this._nextId;
    this._nextId += 1;
    return new Promise((done, fail) => {
      const timer = setTimeout(() => this._givenUp(id), PATIENCE_MS);
      this._waiting.set(id, { done, fail, timer });
      this._socket.send(JSON.stringify({ id, method: METHODS[`${method} ${path}`], params: whole }));
    });
  }

  _receive(told) {
    const asked = this._waiting.get(told.id);
    if (!asked) return;
    clearTimeout(asked.timer);
    this._waiting.delete(told.id);
    if (told.status === 200) asked.done(told.result);
    else asked.fail(new ApiError(told.error.code, told.error.msg, told.status, told.error.data));
  }

  /** A connection that does not answer is none: the next order shall not wait for it, too. */
  _givenUp(id) {
    this._waiting.get(id)?.fail(new ApiError(0, "No answer in time."));
    this._waiting.delete(id);
    this._socket?.close();
  }

  _closed() {
    if (this._socket) this._tell(false);
    this._socket = null;
    for (const { fail, timer } of this._waiting.values()) {
      clearTimeout(timer);
      fail(new ApiError(0, "No connection to the exchange."));
    }
    this._waiting.clear();
    setTimeout(() => this.start(), this._pause * (0.75 + Math.random() / 2));
    this._pause = Math.min(this._pause * 2, LONGEST_PAUSE_MS);
  }
}

/**
 * Write what is signed: all parameters by name, each as it stands in the JSON.
 * @param {Record<string, string|number>} params
 * @returns {string}
 */
export function payloadOf(params) {
  return Object.keys(params)
    .toSorted()
    .map((name) => `${name}=${params[name]}`)
    .join("&");
}
