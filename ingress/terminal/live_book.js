/** The book of the instrument on show: the recipe of `book.js` fed by the streams and REST. */

import { Book } from "./book.js";

const LEVELS = 1000;
const RETRY_MS = 500;

/** Keeps one book in step with the exchange. */
export class LiveBook {
  /**
   * @param {import("./rest.js").Rest} rest
   * @param {import("./streams.js").Streams} streams
   * @param {() => void} changed called after every change, many times a second
   */
  constructor(rest, streams, changed) {
    this._rest = rest;
    this._streams = streams;
    this._changed = changed;
    this._stop = () => {};
    this._turn = 0;
    /** @type {Book|null} */
    this.book = null;
    this.updates = 0;
  }

  /**
   * Follow another instrument.
   * @param {import("./market.js").Market} market
   */
  follow(market) {
    this._stop();
    this._market = market;
    this.book = new Book(market.pricePlaces, market.qtyPlaces);
    this._changed();
    this._stop = this._streams.listen(
      `${market.stream}@depth@100ms`,
      (change) => this._receive(change),
      () => this._begin(),
    );
  }

  _receive(change) {
    this.updates += 1;
    if (!this.book.apply(change)) {
      this._begin();
      return;
    }
    this._changed();
  }

  /** Take a snapshot, and again until one fits. */
  async _begin() {
    this._turn += 1;
    const turn = this._turn;
    const { book, _market: market } = this;
    book.restart();
    for (;;) {
      const snapshot = await this._snapshot(market.symbol);
      if (turn !== this._turn || book !== this.book) return;
      if (snapshot && book.load(snapshot)) break;
      await new Promise((done) => setTimeout(done, RETRY_MS));
      if (turn !== this._turn) return;
    }
    this._changed();
  }

  async _snapshot(symbol) {
    try {
      return await this._rest.get("/api/v3/depth", { symbol, limit: LEVELS });
    } catch {
      return null;
    }
  }
}
