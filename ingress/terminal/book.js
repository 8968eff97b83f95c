/**
 * The order book of one instrument, kept by the dialect's recipe: listen to the changes, take a snapshot,
 * drop what it already includes, then apply one change after the other without a gap. Nothing here
 * talks to the network; whoever owns the book gives it messages and asks what to do.
 */

import { toWhole } from "./decimal.js";

/** One side: prices from the best on, with the quantity at each; both whole numbers. */
export class Side {
  /** @param {boolean} rising true for asks: the best price is the lowest */
  constructor(rising) {
    this.rising = rising;
    /** @type {number[]} */
    this.prices = [];
    /** @type {number[]} */
    this.qtys = [];
  }

  /** Forget everything. */
  clear() {
    this.prices.length = 0;
    this.qtys.length = 0;
  }

  /**
   * Set the quantity at a price; none removes the level.
   * @param {number} price
   * @param {number} qty
   */
  set(price, qty) {
    const { prices, qtys } = this;
    let low = 0;
    let high = prices.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rising ? prices[middle] < price : prices[middle] > price) low = middle + 1;
      else high = middle;
    }
    const there = prices[low] === price;
    if (qty > 0 && there) {
      qtys[low] = qty;
    } else if (qty > 0) {
      prices.splice(low, 0, price);
      qtys.splice(low, 0, qty);
    } else if (there) {
      prices.splice(low, 1);
      qtys.splice(low, 1);
    }
  }
}

/** The book, and where it stands in the recipe. */
export class Book {
  /**
   * @param {number} pricePlaces decimals of a price
   * @param {number} qtyPlaces decimals of a quantity
   */
  constructor(pricePlaces, qtyPlaces) {
    this.pricePlaces = pricePlaces;
    this.qtyPlaces = qtyPlaces;
    this.bids = new Side(false);
    this.asks = new Side(true);
    this.lastId = 0;
    this.synced = false;
    this.resyncs = 0;
    this._waiting = [];
  }

  /** Begin the recipe anew: the next snapshot counts, changes wait for it. */
  restart() {
    if (this.synced) this.resyncs += 1;
    this.synced = false;
    this._waiting = [];
  }

  /**
   * Take a snapshot.
   * @param {{lastUpdateId: number, bids: string[][], asks: string[][]}} snapshot
   * @returns {boolean} false: it is older than the changes, another one is needed
   */
  load(snapshot) {
    const first = this._waiting[0];
    if (first && snapshot.lastUpdateId < first.U - 1) return false;
    this.bids.clear();
    this.asks.clear();
    this._set(this.bids, snapshot.bids);
    this._set(this.asks, snapshot.asks);
    this.lastId = snapshot.lastUpdateId;
    this.synced = true;
    const waiting = this._waiting;
    this._waiting = [];
    this.synced = waiting.every((change) => this.apply(change));
    return this.synced;
  }

  /**
   * Take a change, as `depthUpdate` tells it.
   * @param {{U: number, u: number, b: string[][], a: string[][]}} change
   * @returns {boolean} false: something is missing in between, begin anew
   */
  apply(change) {
    if (!this.synced) {
      this._waiting.push(change);
      return true;
    }
    if (change.u <= this.lastId) return true;
    if (change.U > this.lastId + 1) return false;
    this._set(this.bids, change.b);
    this._set(this.asks, change.a);
    this.lastId = change.u;
    return true;
  }

  /** @returns {number} the best bid, 0 when there is none */
  get bestBid() {
    return this.bids.prices[0] ?? 0;
  }

  /** @returns {number} the best ask, 0 when there is none */
  get bestAsk() {
    return this.asks.prices[0] ?? 0;
  }

  _set(side, levels) {
    for (const [price, qty] of levels) {
      side.set(toWhole(price, this.pricePlaces), toWhole(qty, this.qtyPlaces));
    }
  }
}

/**
 * Add levels up into steps of `width` ticks: bids downwards, asks upwards, so that no step looks better than
 * what is in it.
 * @param {Side} side
 * @param {number} width
 * @param {number} most how many steps
 * @returns {{price: number, qty: number, total: number}[]} best first; `total` adds up from the best
 */
export function steps(side, width, most) {
  const found = [];
  let total = 0;
  let last = null;
  for (let at = 0; at < side.prices.length; at += 1) {
    const price = side.prices[at];
    const rest = price % width;
    const step = rest === 0 ? price : side.rising ? price - rest + width : price - rest;
    if (last === null || last.price !== step) {
      if (found.length === most) break;
      last = { price: step, qty: 0, total };
      found.push(last);
    }
    last.qty += side.qtys[at];
    total += side.qtys[at];
    last.total = total;
  }
  return found;
}
