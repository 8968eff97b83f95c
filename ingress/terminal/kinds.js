/**
 * The kinds of orders of the ticket: which fields each asks for, and the request that they make. A request
 * consists of legs in the plain parameter names of an order; `at` says which field a parameter came from.
 */

const SINGLE = "/api/v3/order";
const LIMIT_TIMES = ["GTC", "IOC", "FOK", "DAY", "GTD", "AT_OPENING", "AT_CLOSE"];
const MARKET_TIMES = ["", "AT_OPENING", "AT_CLOSE", "DAY", "GTD"];
const RESTING_TIMES = ["", "DAY", "GTD"];
const STOP_TIMES = ["GTC", "IOC", "FOK", "DAY", "GTD"];
const LIST_TIMES = ["GTC", "DAY"];

/** @type {Record<string, string>} what a time in force means, for people */
export const TIMES = {
  "": "Standard",
  GTC: "Good till cancelled",
  IOC: "Immediate or cancel",
  FOK: "Fill or kill",
  DAY: "Day",
  GTD: "Good till date",
  AT_OPENING: "At the opening",
  AT_CLOSE: "At the close",
};

/**
 * @typedef {object} Leg
 * @property {Record<string, any>} params plain parameters of one order
 * @property {Record<string, string>} at the field of each parameter
 */

/**
 * @typedef {object} Kind
 * @property {string} label
 * @property {string} hint one sentence on what it does
 * @property {(info: any) => boolean} offered whether the instrument takes it
 * @property {string[]} fields
 * @property {string[]} times
 * @property {(v: Record<string, string>) => {path: string, params: Record<string, any>, legs: Leg[]}} request
 */

/** @type {Record<string, Kind>} */
export const KINDS = {
  LIMIT: single("LIMIT", "Limit", "Trades at your price or better; the rest waits in the book.",
    ["price", "quantity", "icebergQty"], LIMIT_TIMES),
  MARKET: single("MARKET", "Market", "Trades at once at the best prices there are.",
    ["quantity", "quoteOrderQty"], MARKET_TIMES),
  STOP_LOSS_LIMIT: single("STOP_LOSS_LIMIT", "Stop limit",
    "Becomes a limit order when the last price reaches the stop.",
    ["stopPrice", "price", "quantity", "trailingDelta", "icebergQty"], STOP_TIMES),
  LIMIT_MAKER: single("LIMIT_MAKER", "Limit maker", "Only rests; refused if it would trade at once.",
    ["price", "quantity", "icebergQty"], RESTING_TIMES),
  STOP_LOSS: single("STOP_LOSS", "Stop market",
    "Becomes a market order when the last price reaches the stop.",
    ["stopPrice", "quantity", "trailingDelta"], RESTING_TIMES),
  TAKE_PROFIT: single("TAKE_PROFIT", "Take profit market",
    "Becomes a market order when the last price has moved in your favour.",
    ["stopPrice", "quantity", "trailingDelta"], RESTING_TIMES),
  TAKE_PROFIT_LIMIT: single("TAKE_PROFIT_LIMIT", "Take profit limit",
    "Becomes a limit order when the last price has moved in your favour.",
    ["stopPrice", "price", "quantity", "trailingDelta", "icebergQty"], STOP_TIMES),
  TRAILING: {
    ...single("STOP_LOSS", "Trailing stop",
      "Follows the market at a distance and trades when it turns by so much.",
      ["trailingDelta", "quantity", "stopPrice"], RESTING_TIMES),
    offered: (info) => info.allowTrailingStop && info.orderTypes.includes("STOP_LOSS"),
  },
  OCO: {
    label: "OCO: limit and stop",
    hint: "Two orders; when one trades, the other is cancelled.",
    offered: (info) => info.ocoAllowed,
    fields: ["price", "stopPrice", "stopLimitPrice", "quantity"],
    times: LIST_TIMES,
    request(v) {
      const legs = [makerLeg(v, v.side, "price"), stopLeg(v, v.side)];
      const [limit, stop] = v.side === "SELL" ? ["above", "below"] : ["below", "above"];
      const params = {
        symbol: v.symbol,
        side: v.side,
        quantity: v.quantity,
        ...prefixed(limit, legs[0].params),
        ...prefixed(stop, legs[1].params),
      };
      return { path: "/api/v3/orderList/oco", params, legs };
    },
  },
  OTO: {
    label: "OTO: one triggers another",
    hint: "When the first order is filled, the second one enters.",
    offered: (info) => info.otoAllowed,
    fields: ["price", "quantity", "pendingSide", "pendingType", "pendingPrice", "pendingStopPrice",
      "pendingQuantity"],
    times: LIST_TIMES,
    request(v) {
      const legs = [limitLeg(v), pendingLeg(v)];
      const own = ["side", "quantity"];
      const params = {
        symbol: v.symbol,
        ...prefixed("working", legs[0].params, own),
        ...prefixed("pending", legs[1].params, own),
      };
      return { path: "/api/v3/orderList/oto", params, legs };
    },
  },
  OTOCO: {
    label: "OTOCO: entry with profit and stop",
    hint: "When the entry is filled, take profit and stop enter; when one trades, the other goes.",
    offered: (info) => info.otoAllowed && info.ocoAllowed,
    fields: ["price", "quantity", "profitPrice", "stopPrice", "stopLimitPrice"],
    times: LIST_TIMES,
    request(v) {
      const out = v.side === "SELL" ? "BUY" : "SELL";
      const legs = [limitLeg(v), makerLeg(v, out, "profitPrice"), stopLeg(v, out)];
      const [limit, stop] = out === "SELL" ? ["pendingAbove", "pendingBelow"] : ["pendingBelow", "pendingAbove"];
      const params = {
        symbol: v.symbol,
        ...prefixed("working", legs[0].params, ["side", "quantity"]),
        pendingSide: out,
        pendingQuantity: v.quantity,
        ...prefixed(limit, legs[1].params),
        ...prefixed(stop, legs[2].params),
      };
      return { path: "/api/v3/orderList/otoco", params, legs };
    },
  },
};

/** What may be the second order of an OTO. */
export const PENDING_TYPES = ["LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT",
  "TAKE_PROFIT_LIMIT"];

/**
 * Tell whether an order type has a limit price.
 * @param {string} type
 */
export const hasPrice = (type) => type.includes("LIMIT");

/**
 * Tell whether an order type waits for a price.
 * @param {string} type
 */
export const isContingent = (type) => type.startsWith("STOP") || type.startsWith("TAKE");

function single(type, label, hint, fields, times) {
  return {
    label,
    hint,
    fields,
    times,
    offered: (info) => info.orderTypes.includes(type),
    request(v) {
      const params = { symbol: v.symbol, side: v.side, type };
      if (v.timeInForce) params.timeInForce = v.timeInForce;
      for (const field of fields) if (v[field]) params[field] = v[field];
      if (v.timeInForce === "GTD" && v.goodTillDate) params.goodTillDate = v.goodTillDate;
      return { path: SINGLE, params, legs: [{ params, at: {} }] };
    },
  };
}

function limitLeg(v) {
  const params = { type: "LIMIT", side: v.side, price: v.price, quantity: v.quantity };
  return { params: { ...params, timeInForce: v.timeInForce || "GTC" }, at: {} };
}

function makerLeg(v, side, field) {
  const params = { type: "LIMIT_MAKER", side, price: v[field], quantity: v.quantity };
  return { params, at: { price: field } };
}

function stopLeg(v, side) {
  const params = { type: "STOP_LOSS", side, stopPrice: v.stopPrice, quantity: v.quantity };
  if (v.stopLimitPrice) {
    params.type = "STOP_LOSS_LIMIT";
    params.price = v.stopLimitPrice;
    params.timeInForce = v.timeInForce || "GTC";
  }
  return { params, at: { price: "stopLimitPrice" } };
}

function pendingLeg(v) {
  const type = v.pendingType;
  const params = { type, side: v.pendingSide, quantity: v.pendingQuantity || v.quantity };
  if (hasPrice(type)) params.price = v.pendingPrice;
  if (isContingent(type)) params.stopPrice = v.pendingStopPrice;
  if (hasPrice(type) && type !== "LIMIT_MAKER") params.timeInForce = v.timeInForce || "GTC";
  return {
    params,
    at: { price: "pendingPrice", stopPrice: "pendingStopPrice", quantity: "pendingQuantity" },
  };
}

/** Give a leg's own parameters their prefix; side and quantity belong to the list unless they are `own`. */
function prefixed(prefix, params, own = []) {
  const kept = Object.entries(params).filter(
    ([name]) => !["symbol", "side", "quantity"].includes(name) || own.includes(name),
  );
  return Object.fromEntries(kept.map(([name, value]) => [prefix + name[0].toUpperCase() + name.slice(1), value]));
}
