/** The depth chart: what waits on each side, added up from the best price, around the middle. */

import { fromWhole, grouped } from "./decimal.js";
import { byId, isShown, perFrame } from "./dom.js";

const PAUSE_MS = 100;
const SHARE = 0.5;
const FOOT_PX = 22;

/** Draws the book on a canvas, at most ten times a second. */
export class DepthChart {
  constructor() {
    this._box = byId("depth");
    this._canvas = byId("depth-canvas");
    this._frame = perFrame(() => this._draw());
    this._drawn = 0;
    new ResizeObserver(() => this._frame()).observe(this._box);
  }

  /**
   * @param {import("./market.js").Market} market
   * @param {{book: import("./book.js").Book}} live
   */
  show(market, live) {
    this._market = market;
    this._live = live;
    this._frame();
  }

  /** Draw anew, now or a little later. */
  draw() {
    const wait = this._drawn + PAUSE_MS - performance.now();
    if (wait <= 0) this._frame();
    else if (!this._timer) {
      this._timer = setTimeout(() => {
        this._timer = 0;
        this._frame();
      }, wait);
    }
  }

  _draw() {
    if (!this._market || !isShown(this._box)) return;
    this._drawn = performance.now();
    const { width, height } = this._size();
    const pen = this._canvas.getContext("2d");
    pen.clearRect(0, 0, width, height);
    const { book } = this._live;
    const { prices: bids } = book.bids;
    const { prices: asks } = book.asks;
    if (!bids.length || !asks.length) return;
    const middle = (bids[0] + asks[0]) / 2;
    // As far as the nearer side reaches beyond its best half: one stray order must not flatten the rest.
    const reach = Math.max(far(bids, middle), far(asks, middle), 1);
    const most = Math.max(within(book.bids, middle, reach), within(book.asks, middle, reach), 1);
    const scale = { middle, reach, most, width, height: height - FOOT_PX };
    const style = getComputedStyle(document.documentElement);
    this._side(pen, book.bids, scale, style.getPropertyValue("--buy"), style.getPropertyValue("--buy-bar"));
    this._side(pen, book.asks, scale, style.getPropertyValue("--sell"), style.getPropertyValue("--sell-bar"));
    this._foot(pen, scale, style);
    this._tell(scale);
  }

  _side(pen, side, scale, line, fill) {
    const x = (price) => ((price - scale.middle) / scale.reach / 2 + 0.5) * scale.width;
    const y = (total) => scale.height - (total / scale.most) * (scale.height - 8);
    const { prices, qtys } = side;
    const path = new Path2D();
    path.moveTo(x(prices[0]), scale.height);
    let total = 0;
    let at = 0;
    for (; at < prices.length && Math.abs(prices[at] - scale.middle) <= scale.reach; at += 1) {
      path.lineTo(x(prices[at]), y(total));
      total += qtys[at];
      path.lineTo(x(prices[at]), y(total));
    }
    const edge = side.rising ? scale.width : 0;
    path.lineTo(edge, y(total));
    pen.strokeStyle = line;
    pen.lineWidth = 1.5;
    pen.stroke(path);
    path.lineTo(edge, scale.height);
    path.closePath();
    pen.fillStyle = fill;
    pen.fill(path);
  }

  _foot(pen, scale, style) {
    pen.fillStyle = style.getPropertyValue("--muted");
    pen.font = `11px ${style.fontFamily}`;
    pen.textBaseline = "bottom";
    const places = this._market.pricePlaces;
    for (const [share, align] of [[0, "left"], [0.25, "center"], [0.5, "center"], [0.75, "center"], [1, "right"]]) {
      const price = Math.round(scale.middle + (share - 0.5) * 2 * scale.reach);
      pen.textAlign = align;
      const inset = align === "left" ? 6 : align === "right" ? -6 : 0;
      if (price > 0) {
        pen.fillText(grouped(fromWhole(price, places)), share * scale.width + inset, scale.height + FOOT_PX - 5);
      }
    }
  }

  /** Say in words what the picture shows. */
  _tell(scale) {
    const { book } = this._live;
    const bids = this._market.qtyText(within(book.bids, scale.middle, scale.reach));
    const asks = this._market.qtyText(within(book.asks, scale.middle, scale.reach));
    this._canvas.setAttribute("aria-label", `Depth: ${bids} ${this._market.base} bid, ${asks} offered`);
  }

  _size() {
    const { clientWidth: width, clientHeight: height } = this._box;
    const ratio = globalThis.devicePixelRatio || 1;
    if (this._canvas.width !== width * ratio || this._canvas.height !== height * ratio) {
      this._canvas.width = width * ratio;
      this._canvas.height = height * ratio;
    }
    this._canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    return { width, height };
  }
}

function far(prices, middle) {
  const at = Math.min(prices.length - 1, Math.max(10, Math.floor(prices.length * SHARE)));
  return Math.abs(prices[at] - middle) * 1.05;
}

function within(side, middle, reach) {
  let total = 0;
  for (let at = 0; at < side.prices.length && Math.abs(side.prices[at] - middle) <= reach; at += 1) {
    total += side.qtys[at];
  }
  return total;
}
