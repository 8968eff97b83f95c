/** One instrument as exchangeInfo describes it, and how its numbers are written. */

import { fromWhole, grouped, parse, placesOf, toWhole } from "./decimal.js";

/** An instrument. Prices and quantities of the market are whole numbers of its ticks' and lots' places. */
export class Market {
  /** @param {any} info one member of `symbols` */
  constructor(info) {
    this.info = info;
    this.symbol = info.symbol;
    this.base = info.baseAsset;
    this.quote = info.quoteAsset;
    this.stream = info.symbol.toLowerCase();
    /** @type {Record<string, any>} filters by type */
    this.filters = Object.fromEntries(info.filters.map((one) => [one.filterType, one]));
    const { tickSize } = this.filters.PRICE_FILTER;
    const { stepSize } = this.filters.LOT_SIZE;
    this.pricePlaces = placesOf(tickSize);
    this.qtyPlaces = placesOf(stepSize);
    this.tick = toWhole(tickSize, this.pricePlaces);
    this.tickUnits = parse(tickSize);
    this.stepUnits = parse(stepSize);
  }

  /**
   * @param {string} text
   * @returns {number}
   */
  price(text) {
    return toWhole(text, this.pricePlaces);
  }

  /**
   * @param {string} text
   * @returns {number}
   */
  qty(text) {
    return toWhole(text, this.qtyPlaces);
  }

  /**
   * @param {number} whole
   * @returns {string} with commas, for people
   */
  priceText(whole) {
    return grouped(fromWhole(whole, this.pricePlaces));
  }

  /**
   * @param {number} whole
   * @returns {string} with commas, for people
   */
  qtyText(whole) {
    return grouped(fromWhole(whole, this.qtyPlaces));
  }

  /**
   * @param {string} text a price as the exchange sends it
   * @returns {string} for people
   */
  shownPrice(text) {
    return this.priceText(this.price(text));
  }

  /**
   * @param {string} text a quantity as the exchange sends it
   * @returns {string} for people
   */
  shownQty(text) {
    return this.qtyText(this.qty(text));
  }
}
