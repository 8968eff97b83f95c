/** The sign of the connection: are the streams there, and how long a message takes. */

import { byId, put } from "./dom.js";

const WORDS = { open: "Live", connecting: "Connecting", waiting: "Reconnecting" };

/** Shows the state and the latency of the streams, and which way orders go. */
export class ConnectionSign {
  constructor() {
    this._latency = null;
    this._state = "connecting";
  }

  /**
   * Take the word of the streams.
   * @param {"connecting"|"open"|"waiting"} state
   * @param {number|null} latencyMs
   */
  take(state, latencyMs) {
    if (latencyMs !== null) this._latency = latencyMs;
    if (state !== "open") this._latency = null;
    this._state = state;
    const sign = byId("connection");
    if (sign.dataset.state !== state) sign.dataset.state = state;
    put(byId("connection-text"), WORDS[state]);
    put(byId("latency"), this._latency === null ? "– ms" : `${this._latency.toFixed(this._latency < 10 ? 1 : 0)} ms`);
    document.documentElement.dataset.connection = state;
  }

  /**
   * Take the word of the WebSocket API.
   * @param {boolean} isOpen
   */
  takeWire(isOpen) {
    byId("connection").title = isOpen ? "Orders go over the WebSocket API." : "Orders go by REST.";
    document.documentElement.dataset.orders = isOpen ? "ws-api" : "rest";
  }
}
