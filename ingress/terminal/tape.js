/** The trade tape: the latest trades, newest on top, in rows that are made once. */

import { byId, clockText, el, isShown, perFrame, put } from "./dom.js";

const ROWS = 60;

/** The tape of the instrument on show. */
export class Tape {
  constructor() {
    this._trades = [];
    this.draw = perFrame(() => this._draw());
    const box = byId("tape-rows");
    this._rows = Array.from({ length: ROWS }, () => {
      const [price, qty, time] = ["price", "qty", "time"].map((name) => el(`td.${name}.num`));
      const row = el("tr", { hidden: true }, price, qty, time);
      box.append(row);
      return { row, price, qty, time };
    });
  }

  /**
   * Begin with what was traded before.
   * @param {import("./market.js").Market} market
   * @param {{price: string, qty: string, time: number, isBuyerMaker: boolean}[]} trades oldest first
   */
  show(market, trades) {
    this._market = market;
    this._trades = trades.slice(-ROWS).reverse();
    this.draw();
  }

  /**
   * Add a trade as the stream tells it.
   * @param {{p: string, q: string, T: number, m: boolean}} trade
   */
  add(trade) {
    this._trades.unshift({ price: trade.p, qty: trade.q, time: trade.T, isBuyerMaker: trade.m });
    if (this._trades.length > ROWS) this._trades.length = ROWS;
    this.draw();
  }

  _draw() {
    if (!this._market || !isShown(byId("tape"))) return;
    for (let at = 0; at < ROWS; at += 1) {
      const { row, price, qty, time } = this._rows[at];
      const trade = this._trades[at];
      if (row.hidden !== !trade) row.hidden = !trade;
      if (!trade) continue;
      const sold = trade.isBuyerMaker;
      put(price, `${sold ? "▼" : "▲"} ${this._market.shownPrice(trade.price)}`);
      put(qty, this._market.shownQty(trade.qty));
      put(time, clockText(trade.time));
      const kind = sold ? "sell" : "buy";
      if (row.className !== kind) row.className = kind;
    }
  }
}
