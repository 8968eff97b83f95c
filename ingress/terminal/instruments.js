/** The list of instruments with live prices, and the head line of the one on show. */

import { grouped, trimmed } from "./decimal.js";
import { byId, el, perFrame, put } from "./dom.js";

/** What every instrument last traded at, and the choice among them. */
export class Instruments {
  /**
   * @param {import("./rest.js").Rest} rest
   * @param {import("./streams.js").Streams} streams
   * @param {(symbol: string) => void} choose
   */
  constructor(rest, streams, choose) {
    this._rest = rest;
    this._streams = streams;
    this._choose = choose;
    this._rows = new Map();
    /** @type {Map<string, any>} the day of each instrument */
    this.days = new Map();
    this._draw = perFrame(() => this._put());
    byId("search").addEventListener("input", () => this._filter());
    byId("search").addEventListener("keydown", (event) => {
      if (event.key === "Enter") [...this._rows.values()].find((one) => !one.row.hidden)?.button.click();
    });
  }

  /**
   * List the instruments.
   * @param {Map<string, import("./market.js").Market>} markets
   */
  show(markets) {
    this._markets = markets;
    const list = byId("instrument-list");
    list.replaceChildren();
    this._rows.clear();
    for (const market of markets.values()) {
      const [price, change] = [el("span.num.price", { text: "–" }), el("span.num.change")];
      const name = el("span.name", { text: market.base }, el("small", { text: `/${market.quote}` }));
      const button = el(
        "button.instrument",
        { type: "button", onclick: () => this._choose(market.symbol), "data-symbol": market.symbol },
        name, price, change,
      );
      const row = el("li", {}, button);
      this._rows.set(market.symbol, { row, button, price, change });
      list.append(row);
    }
    this._streams.listen("!miniTicker@arr", (tickers) => tickers.forEach((one) => this._mini(one)), () => this._load());
    this._load();
  }

  /**
   * Mark the instrument on show.
   * @param {import("./market.js").Market} market
   */
  mark(market) {
    this._market = market;
    for (const [symbol, { button }] of this._rows) {
      button.setAttribute("aria-pressed", String(symbol === market.symbol));
    }
    put(byId("head-base"), market.base);
    put(byId("head-quote"), `/${market.quote}`);
    this._draw();
  }

  /**
   * Take a trade of the instrument on show: it comes sooner than the tickers of each second.
   * @param {{s: string, p: string, m: boolean}} trade
   */
  trade(trade) {
    const day = this.days.get(trade.s);
    if (!day) return;
    day.last = trade.p;
    // A price beyond the day's range is a new end of it, not a contradiction for a second.
    if (Number(day.high) > 0) {
      if (Number(trade.p) > Number(day.high)) day.high = trade.p;
      if (Number(trade.p) < Number(day.low)) day.low = trade.p;
    }
    day.side = trade.m ? "sell" : "buy";
    this._draw();
  }

  /**
   * Go to the instrument before or after.
   * @param {number} step
   */
  step(step) {
    const symbols = [...this._markets.keys()];
    const at = symbols.indexOf(this._market.symbol);
    this._choose(symbols[(at + step + symbols.length) % symbols.length]);
  }

  async _load() {
    try {
      const days = await this._rest.get("/api/v3/ticker/24hr");
      for (const one of days) {
        this._take(one.symbol, {
          last: one.lastPrice, open: one.openPrice, high: one.highPrice, low: one.lowPrice, quoteVolume: one.quoteVolume,
        });
      }
    } catch {
      // The stream tells the same within a second.
    }
  }

  _mini(one) {
    this._take(one.s, { last: one.c, open: one.o, high: one.h, low: one.l, quoteVolume: one.q });
  }

  _take(symbol, day) {
    this.days.set(symbol, { ...this.days.get(symbol), ...day });
    this._draw();
  }

  _put() {
    for (const [symbol, { price, change }] of this._rows) {
      const day = this.days.get(symbol);
      if (!day) continue;
      const market = this._markets.get(symbol);
      put(price, Number(day.last) ? market.shownPrice(day.last) : "–");
      const moved = changeOf(day);
      put(change, moved.text);
      if (change.dataset.way !== moved.way) change.dataset.way = moved.way;
    }
    this._putHead();
  }

  _putHead() {
    const market = this._market;
    const day = market && this.days.get(market.symbol);
    if (!day) return;
    const traded = Number(day.last) > 0;
    const last = byId("head-last");
    put(last, traded ? market.shownPrice(day.last) : "–");
    if (last.dataset.way !== (day.side ?? "")) last.dataset.way = day.side ?? "";
    const moved = changeOf(day);
    put(byId("head-change"), moved.text || "–");
    byId("head-change").dataset.way = moved.way;
    // The first trade of the day comes a moment before the day's figures.
    const known = Number(day.high) > 0;
    put(byId("head-high"), known ? market.shownPrice(day.high) : "–");
    put(byId("head-low"), known ? market.shownPrice(day.low) : "–");
    put(byId("head-volume"), known ? `${grouped(trimmed(day.quoteVolume.replace(/\..*/, "")))} ${market.quote}` : "–");
    const title = traded ? `${market.shownPrice(day.last)} ${market.base}/${market.quote}` : market.symbol;
    if (document.title !== title) document.title = title;
  }

  _filter() {
    const wanted = byId("search").value.trim().toUpperCase();
    for (const [symbol, { row }] of this._rows) row.hidden = !symbol.includes(wanted);
  }
}

function changeOf(day) {
  const [open, last] = [Number(day.open), Number(day.last)];
  if (!open || !last) return { text: "", way: "" };
  const share = ((last - open) / open) * 100;
  const text = `${share >= 0 ? "+" : "−"}${Math.abs(share).toFixed(2)}%`;
  return { text, way: share >= 0 ? "buy" : "sell" };
}
