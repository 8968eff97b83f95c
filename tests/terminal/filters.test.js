import { faults } from "../../ingress/terminal/filters.js";
import { Market } from "../../ingress/terminal/market.js";
import { same } from "./check.js";

/** As exchangeInfo of the exchange describes its first instrument. */
export const INFO = {
  symbol: "BTCUSDT", baseAsset: "BTC", quoteAsset: "USDT", quotePrecision: 8,
  orderTypes: ["LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"],
  ocoAllowed: true, otoAllowed: true, allowTrailingStop: true,
  filters: [
    { filterType: "PRICE_FILTER", minPrice: "0.01000000", maxPrice: "1000000.00000000", tickSize: "0.01000000" },
    { filterType: "LOT_SIZE", minQty: "0.00001000", maxQty: "9000.00000000", stepSize: "0.00001000" },
    { filterType: "MARKET_LOT_SIZE", minQty: "0.00000000", maxQty: "100.00000000", stepSize: "0.00000000" },
    { filterType: "NOTIONAL", minNotional: "5.00000000", applyMinToMarket: true, maxNotional: "9000000.00000000", applyMaxToMarket: false },
    { filterType: "ICEBERG_PARTS", limit: 10 },
    { filterType: "TRAILING_DELTA", minTrailingAboveDelta: 10, maxTrailingAboveDelta: 2000, minTrailingBelowDelta: 20, maxTrailingBelowDelta: 1000 },
  ],
};
const market = new Market(INFO);

function told(params, at = {}) {
  return Object.fromEntries(faults(market, [{ params, at }]).map(({ field, text }) => [field, text]));
}

const limit = (fields) => ({ type: "LIMIT", side: "BUY", price: "50000", quantity: "0.1", timeInForce: "GTC", ...fields });

export const tests = {
  "an order within all filters has no fault"() {
    same(told(limit({})), {});
    same(told({ type: "MARKET", side: "BUY", quoteOrderQty: "10" }), {});
    same(told({ type: "STOP_LOSS", side: "SELL", stopPrice: "40000", quantity: "1" }), {});
  },
  "prices stand on the tick and within their bounds"() {
    same(told(limit({ price: "50000.005" })), { price: "In steps of 0.01 (PRICE_FILTER)." });
    same(told(limit({ price: "1000000.01" })), { price: "At most 1000000 (PRICE_FILTER)." });
    same(told(limit({ price: "0" })).price, "Must be above zero.");
    same(told(limit({ price: "12x" })).price, "Write a number, like 12.5.");
    same(told(limit({ price: "" })).price, "A price is needed.");
  },
  "quantities stand on the lot; market orders have a bound of their own"() {
    same(told(limit({ quantity: "0.000011" })).quantity, "In steps of 0.00001 (LOT_SIZE).");
    same(told(limit({ quantity: "9001" })).quantity, "At most 9000 (LOT_SIZE).");
    same(told({ type: "MARKET", side: "SELL", quantity: "101" }), { quantity: "At most 100 (MARKET_LOT_SIZE)." });
    same(told(limit({ quantity: "" })).quantity, "A quantity is needed.");
  },
  "an order is worth what it must be"() {
    same(told(limit({ price: "1", quantity: "1" })), { quantity: "Worth at least 5 USDT (NOTIONAL)." });
    same(told(limit({ price: "999999.99", quantity: "9000" })), { quantity: "Worth at most 9000000 USDT (NOTIONAL)." });
    same(told({ type: "MARKET", side: "BUY", quoteOrderQty: "4.99" }), { quoteOrderQty: "Worth at least 5 USDT (NOTIONAL)." });
  },
  "icebergs show less than they are, in not too many slices"() {
    same(told(limit({ icebergQty: "0.1" })), { icebergQty: "Must be less than the quantity." });
    same(told(limit({ icebergQty: "0.01" })), {});
    same(told(limit({ icebergQty: "0.00999" })), { icebergQty: "At most 10 slices (ICEBERG_PARTS)." });
  },
  "a stop needs a price or a distance, and a distance its bounds"() {
    const stop = (fields) => ({ type: "STOP_LOSS", side: "SELL", quantity: "1", ...fields });
    same(told(stop({})), { stopPrice: "A stop price or a trailing distance is needed." });
    same(told(stop({ trailingDelta: "19" })), { trailingDelta: "From 20 to 1000 (TRAILING_DELTA)." });
    same(told(stop({ trailingDelta: "19", side: "BUY" })), {});
    same(told(stop({ trailingDelta: "1.5" })).trailingDelta, "A whole number of basis points; 100 is 1 %.");
  },
  "good till date needs a date"() {
    same(told(limit({ timeInForce: "GTD" })), { goodTillDate: "Choose until when." });
    same(told(limit({ timeInForce: "GTD", goodTillDate: 1700000000000 })), {});
  },
  "a fault is told at the field that the person sees"() {
    same(told(limit({ price: "100.001" }), { price: "profitPrice" }), { profitPrice: "In steps of 0.01 (PRICE_FILTER)." });
  },
};
