/**
 * The instrument's filters, checked before an order is sent, so that a slip costs no way to the exchange. The
 * exchange decides all the same: what passes here may be refused there, in its own words.
 */

import { parse, times, trimmed } from "./decimal.js";
import { hasPrice, isContingent } from "./kinds.js";

/** @typedef {{field: string, text: string}} Fault */

const MARKETS = ["MARKET", "STOP_LOSS", "TAKE_PROFIT"];

/**
 * Check the legs of a request.
 * @param {import("./market.js").Market} market
 * @param {import("./kinds.js").Leg[]} legs
 * @returns {Fault[]} what is wrong, at most one for each field
 */
export function faults(market, legs) {
  const found = new Map();
  for (const leg of legs) {
    for (const [name, text] of checkLeg(market, leg.params)) {
      const field = leg.at[name] ?? name;
      if (!found.has(field)) found.set(field, { field, text });
    }
  }
  return [...found.values()];
}

function* checkLeg(market, order) {
  const type = order.type;
  const units = {};
  for (const name of ["price", "stopPrice", "quantity", "quoteOrderQty", "icebergQty"]) {
    if (order[name] === undefined || order[name] === "") continue;
    units[name] = parse(order[name]);
    if (units[name] === null) yield [name, "Write a number, like 12.5."];
  }
  yield* missing(order, type);
  for (const name of ["price", "stopPrice"]) yield* onGrid(name, units[name], priceRule(market));
  for (const name of ["quantity", "icebergQty"]) yield* onGrid(name, units[name], lotRule(market, "LOT_SIZE"));
  if (MARKETS.includes(type)) yield* onGrid("quantity", units.quantity, lotRule(market, "MARKET_LOT_SIZE"));
  yield* iceberg(market, units);
  yield* trailing(market, order);
  yield* notional(market, units);
}

function* missing(order, type) {
  if (hasPrice(type) && !order.price) yield ["price", "A price is needed."];
  if (!order.quantity && !order.quoteOrderQty) yield ["quantity", "A quantity is needed."];
  if (isContingent(type) && !order.stopPrice && !order.trailingDelta) {
    yield ["stopPrice", "A stop price or a trailing distance is needed."];
  }
  if (order.timeInForce === "GTD" && !order.goodTillDate) yield ["goodTillDate", "Choose until when."];
}

function priceRule(market) {
  const { minPrice, maxPrice, tickSize } = market.filters.PRICE_FILTER;
  return { filter: "PRICE_FILTER", low: minPrice, high: maxPrice, step: tickSize };
}

function lotRule(market, filter) {
  const { minQty, maxQty, stepSize } = market.filters[filter];
  return { filter, low: minQty, high: maxQty, step: stepSize };
}

function* onGrid(name, units, rule) {
  if (units === undefined || units === null) return;
  const [low, high, step] = [parse(rule.low), parse(rule.high), parse(rule.step)];
  if (units === 0n) yield [name, "Must be above zero."];
  else if (low > 0n && units < low) yield [name, `At least ${trimmed(rule.low)} (${rule.filter}).`];
  else if (high > 0n && units > high) yield [name, `At most ${trimmed(rule.high)} (${rule.filter}).`];
  else if (step > 0n && units % step !== 0n) yield [name, `In steps of ${trimmed(rule.step)} (${rule.filter}).`];
}

function* iceberg(market, units) {
  const { icebergQty, quantity } = units;
  if (!icebergQty || !quantity) return;
  const limit = market.filters.ICEBERG_PARTS?.limit ?? 0;
  if (icebergQty >= quantity) yield ["icebergQty", "Must be less than the quantity."];
  else if (limit && (quantity + icebergQty - 1n) / icebergQty > BigInt(limit)) {
    yield ["icebergQty", `At most ${limit} slices (ICEBERG_PARTS).`];
  }
}

function* trailing(market, order) {
  if (!order.trailingDelta) return;
  if (!/^\d{1,5}$/.test(order.trailingDelta)) {
    yield ["trailingDelta", "A whole number of basis points; 100 is 1 %."];
    return;
  }
  const rule = market.filters.TRAILING_DELTA;
  if (!rule) return;
  const above = order.type.startsWith("STOP") === (order.side === "BUY");
  const [low, high] = above
    ? [rule.minTrailingAboveDelta, rule.maxTrailingAboveDelta]
    : [rule.minTrailingBelowDelta, rule.maxTrailingBelowDelta];
  const bips = Number(order.trailingDelta);
  if (bips < low || bips > high) yield ["trailingDelta", `From ${low} to ${high} (TRAILING_DELTA).`];
}

function* notional(market, units) {
  const rule = market.filters.NOTIONAL;
  if (!rule) return;
  const byPrice = units.price && units.quantity;
  if (!byPrice && !(units.quoteOrderQty && rule.applyMinToMarket)) return;
  const worth = byPrice ? times(units.price, units.quantity) : units.quoteOrderQty;
  const field = byPrice ? "quantity" : "quoteOrderQty";
  const [low, high] = [parse(rule.minNotional), parse(rule.maxNotional)];
  const unit = market.quote;
  if (low > 0n && worth < low) yield [field, `Worth at least ${trimmed(rule.minNotional)} ${unit} (NOTIONAL).`];
  if (high > 0n && worth > high) yield [field, `Worth at most ${trimmed(rule.maxNotional)} ${unit} (NOTIONAL).`];
}
