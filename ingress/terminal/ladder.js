/**
 * The order book as a ladder: asks above, the last price between, bids below. Its rows are made once and only
 * their texts and bars change, so that hundreds of updates a second cost one drawing per frame.
 */

import { steps } from "./book.js";
import { fromWhole, grouped } from "./decimal.js";
import { byId, el, isShown, perFrame, put } from "./dom.js";

const ROWS = 40;
const WIDTHS = [1, 5, 10, 50, 100, 500, 1000, 5000, 10000];

/** The ladder. */
export class Ladder {
  /** @param {{choose: (price: string, side: string) => void}} wishes what a click on a price does */
  constructor({ choose }) {
    this._choose = choose;
    this._width = 1;
    this._own = { bids: new Map(), asks: new Map() };
    this.draw = perFrame(() => this._draw());
    this._asks = this._rows("asks");
    this._bids = this._rows("bids");
    this._spread = byId("spread");
    this._select = byId("grouping");
    this._select.addEventListener("change", () => {
      this._width = Number(this._select.value);
      this.draw();
    });
    this._shown = { bids: [], asks: [] };
    new ResizeObserver(() => this._measure()).observe(byId("asks"));
    this._measure();
  }

  /**
   * Show the book of an instrument.
   * @param {import("./market.js").Market} market
   * @param {{book: import("./book.js").Book}} live
   */
  show(market, live) {
    this._market = market;
    this._live = live;
    this._width = market.tick;
    const options = WIDTHS.map((one) => one * market.tick).map((one) =>
      el("option", { value: one, text: fromWhole(one, market.pricePlaces) }),
    );
    this._select.replaceChildren(...options);
    put(byId("book-price-unit"), market.quote);
    put(byId("book-qty-unit"), market.base);
    this.draw();
  }

  /** Take the next wider grouping; after the widest the narrowest. */
  widen() {
    const next = (this._select.selectedIndex + 1) % this._select.options.length;
    this._select.selectedIndex = next;
    this._select.dispatchEvent(new Event("change"));
  }

  /**
   * Mark the account's own prices.
   * @param {any[]} orders open orders of the instrument
   */
  mark(orders) {
    this._own = { bids: new Set(), asks: new Set() };
    for (const order of orders) {
      if (!order.isWorking || Number(order.price) === 0) continue;
      this._own[order.side === "BUY" ? "bids" : "asks"].add(this._market.price(order.price));
    }
    this.draw();
  }

  /**
   * Show the last trade between the sides.
   * @param {number} price
   * @param {"buy"|"sell"|""} side who took
   */
  last(price, side) {
    const node = byId("ladder-last");
    put(node, price ? `${side === "sell" ? "▼" : "▲"} ${this._market.priceText(price)}` : "–");
    if (node.className !== side) node.className = side;
  }

  _rows(side) {
    const rows = [];
    const box = byId(side);
    for (let at = 0; at < ROWS; at += 1) {
      const [price, qty, total] = ["price", "qty", "total"].map((name) => el(`span.${name}`));
      const bar = el("i.bar", { "aria-hidden": "true" });
      const row = el("button.level", { type: "button", tabindex: "-1", hidden: true }, bar, price, qty, total);
      row.addEventListener("click", () => this._click(side, at));
      rows.push({ row, bar, price, qty, total });
      box.append(row);
    }
    return rows;
  }

  _measure() {
    const room = byId("asks").clientHeight;
    const row = parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
    const fits = Math.max(1, Math.min(ROWS, Math.floor(room / row)));
    if (fits === this._fits) return;
    this._fits = fits;
    this.draw();
  }

  _click(side, at) {
    const level = this._shown[side][at];
    if (level) this._choose(fromWhole(level.price, this._market.pricePlaces), side);
  }

  _draw() {
    if (!this._market || !isShown(byId("ladder"))) return;
    const { book } = this._live;
    const asks = steps(book.asks, this._width, this._fits);
    const bids = steps(book.bids, this._width, this._fits);
    const most = Math.max(asks.at(-1)?.total ?? 0, bids.at(-1)?.total ?? 0, 1);
    this._shown = { asks, bids };
    this._fill(this._asks, asks, most, this._own.asks);
    this._fill(this._bids, bids, most, this._own.bids);
    put(this._spread, this._spreadText(book));
  }

  _fill(rows, levels, most, own) {
    const { _market: market, _fits: fits, _width: width } = this;
    const marks = new Set(own.size ? [...own].map((price) => this._step(price, own === this._own.asks)) : []);
    for (let at = 0; at < ROWS; at += 1) {
      const { row, bar, price, qty, total } = rows[at];
      const level = at < fits ? levels[at] : undefined;
      if (row.hidden !== !level) row.hidden = !level;
      if (!level) continue;
      put(price, market.priceText(level.price));
      put(qty, market.qtyText(level.qty));
      put(total, market.qtyText(level.total));
      const scale = (level.total / most).toFixed(3);
      if (bar.scale !== scale) {
        bar.scale = scale;
        bar.style.transform = `scaleX(${scale})`;
      }
      const mine = marks.has(level.price);
      if (row.mine !== mine) {
        row.mine = mine;
        row.classList.toggle("mine", mine);
        row.title = mine ? "Your order is here" : "";
      }
    }
    this._drawnWidth = width;
  }

  _step(price, rising) {
    const rest = price % this._width;
    if (!rest) return price;
    return rising ? price - rest + this._width : price - rest;
  }

  _spreadText(book) {
    if (!book.synced) return "loading…";
    if (!book.bestBid && !book.bestAsk) return "empty";
    if (!book.bestBid || !book.bestAsk) return "one-sided";
    const gap = book.bestAsk - book.bestBid;
    if (gap < 0) return "crossed (auction)";
    const share = ((gap / book.bestAsk) * 100).toFixed(3);
    return `spread ${grouped(fromWhole(gap, this._market.pricePlaces))} · ${share}%`;
  }
}
