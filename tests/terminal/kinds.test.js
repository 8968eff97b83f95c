import { KINDS } from "../../ingress/terminal/kinds.js";
import { same } from "./check.js";
import { INFO } from "./filters.test.js";

const BASE = { symbol: "BTCUSDT", side: "SELL", quantity: "1", timeInForce: "GTC" };
const params = (kind, values) => KINDS[kind].request({ ...BASE, ...values }).params;

export const tests = {
  "a limit order sends what was typed, letter for letter"() {
    same(params("LIMIT", { price: "50000.10", quantity: "0.10" }), {
      symbol: "BTCUSDT", side: "SELL", type: "LIMIT", timeInForce: "GTC", price: "50000.10", quantity: "0.10",
    });
  },
  "fields of other kinds are left out"() {
    const found = params("MARKET", { price: "1", stopPrice: "2", timeInForce: "", quoteOrderQty: "", icebergQty: "1" });
    same(found, { symbol: "BTCUSDT", side: "SELL", type: "MARKET", quantity: "1" });
  },
  "a date goes only with good till date"() {
    same(params("LIMIT", { price: "1", timeInForce: "GTD", goodTillDate: 7 }).goodTillDate, 7);
    same(params("LIMIT", { price: "1", goodTillDate: 7 }).goodTillDate, undefined);
  },
  "a trailing stop is a stop loss with a distance"() {
    same(params("TRAILING", { trailingDelta: "100", stopPrice: "", timeInForce: "" }), {
      symbol: "BTCUSDT", side: "SELL", type: "STOP_LOSS", trailingDelta: "100", quantity: "1",
    });
  },
  "an OCO to sell has its limit above and its stop below, to buy the other way"() {
    const legs = { price: "60", stopPrice: "40", stopLimitPrice: "39" };
    same(params("OCO", legs), {
      symbol: "BTCUSDT", side: "SELL", quantity: "1", aboveType: "LIMIT_MAKER", abovePrice: "60",
      belowType: "STOP_LOSS_LIMIT", belowStopPrice: "40", belowPrice: "39", belowTimeInForce: "GTC",
    });
    same(params("OCO", { side: "BUY", price: "40", stopPrice: "60" }), {
      symbol: "BTCUSDT", side: "BUY", quantity: "1", belowType: "LIMIT_MAKER", belowPrice: "40",
      aboveType: "STOP_LOSS", aboveStopPrice: "60",
    });
  },
  "an OTO names both orders in full"() {
    const values = { side: "BUY", price: "50", pendingSide: "SELL", pendingType: "LIMIT", pendingPrice: "60", pendingQuantity: "0.5" };
    same(params("OTO", values), {
      symbol: "BTCUSDT", workingType: "LIMIT", workingSide: "BUY", workingPrice: "50", workingQuantity: "1",
      workingTimeInForce: "GTC", pendingType: "LIMIT", pendingSide: "SELL", pendingQuantity: "0.5", pendingPrice: "60",
      pendingTimeInForce: "GTC",
    });
  },
  "an OTOCO leaves by the other side"() {
    const values = { side: "BUY", price: "50", profitPrice: "60", stopPrice: "40" };
    same(params("OTOCO", values), {
      symbol: "BTCUSDT", workingType: "LIMIT", workingSide: "BUY", workingPrice: "50", workingQuantity: "1",
      workingTimeInForce: "GTC", pendingSide: "SELL", pendingQuantity: "1", pendingAboveType: "LIMIT_MAKER",
      pendingAbovePrice: "60", pendingBelowType: "STOP_LOSS", pendingBelowStopPrice: "40",
    });
  },
  "an instrument is offered only what it takes"() {
    const offered = (info) => Object.keys(KINDS).filter((kind) => KINDS[kind].offered({ ...INFO, ...info }));
    same(offered({}).length, 11);
    same(offered({ ocoAllowed: false }).includes("OTOCO"), false);
    same(offered({ orderTypes: ["LIMIT"], ocoAllowed: false, otoAllowed: false }), ["LIMIT"]);
  },
};
