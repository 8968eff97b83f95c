// binance (by tiagosiebler): another client for JavaScript, with its own ids and its own way of signing.
import { MINE, REST, assert, load, refused, run } from "./cases.mjs";

const { MainClient } = load("binance");
const symbol = "BTCUSDT";
const connect = (api_key, api_secret) => new MainClient({ api_key, api_secret, baseUrl: REST });
const client = connect(MINE.api_key, MINE.secret);
// The client writes an id of its own into what it is given, so each order is a new object.
const limit = () => ({ symbol, side: "BUY", type: "LIMIT", timeInForce: "GTC", quantity: 0.001, price: 30000 });
const code = async (call) => (await refused(call)).code;

await run({
  async tells_the_market() {
    await client.testConnectivity();
    assert.equal((await client.getExchangeInfo({ symbol })).symbols[0].symbol, symbol);
    assert.equal((await client.getOrderBook({ symbol, limit: 5 })).bids.length, 5);
    assert.equal((await client.getRecentTrades({ symbol, limit: 3 })).length, 3);
    assert.equal((await client.getHistoricalTrades({ symbol, limit: 3 })).length, 3);
    assert.equal((await client.getAggregateTrades({ symbol, limit: 3 })).length, 3);
    assert.equal((await client.getKlines({ symbol, interval: "1m", limit: 1 }))[0].length, 12);
    assert.equal((await client.getUIKlines({ symbol, interval: "1h", limit: 1 }))[0].length, 12);
    assert.equal((await client.getAvgPrice({ symbol })).mins, 5);
  },
  async tells_every_kind_of_ticker() {
    assert.ok((await client.get24hrChangeStatistics()).length >= 4);
    assert.equal((await client.get24hrChangeStatistics({ symbol })).symbol, symbol);
    assert.equal((await client.get24hrChangeStatistics({ symbols: [symbol, "ETHUSDT"] })).length, 2);
    assert.equal((await client.getTradingDayTicker({ symbol })).symbol, symbol);
    assert.ok(Number((await client.getSymbolPriceTicker({ symbol })).price) > 0);
    assert.ok(Number((await client.getSymbolOrderBookTicker({ symbol })).bidPrice) > 0);
    assert.equal((await client.getRollingWindowTicker({ symbol, windowSize: "1h" })).symbol, symbol);
  },
  async places_queries_and_cancels() {
    assert.deepEqual(await client.testNewOrder(limit()), {});
    const placed = await client.submitNewOrder({ ...limit(), quantity: 0.002 });
    const about = { symbol, orderId: placed.orderId };
    assert.equal((await client.getOrder(about)).status, "NEW");
    assert.equal((await client.getOpenOrders({ symbol }))[0].orderId, placed.orderId);
    assert.equal((await client.cancelOrder(about)).status, "CANCELED");
    await client.submitNewOrder(limit());
    assert.equal((await client.cancelAllSymbolOrders({ symbol })).length, 1);
    assert.ok((await client.getAllOrders({ symbol })).length >= 2);
  },
  async trades_and_replaces() {
    const bought = await client.submitNewOrder({ symbol, side: "BUY", type: "MARKET", quantity: 0.001 });
    assert.equal(bought.status, "FILLED");
    const trades = await client.getAccountTradeList({ symbol, orderId: bought.orderId });
    assert.ok(trades.length >= 1);
    const placed = await client.submitNewOrder(limit());
    const told = await client.replaceOrder({
      ...limit(),
      cancelReplaceMode: "STOP_ON_FAILURE",
      cancelOrderId: placed.orderId,
    });
    assert.equal(told.newOrderResult, "SUCCESS");
    await client.cancelAllSymbolOrders({ symbol });
  },
  async places_and_cancels_lists() {
    const pair = { aboveType: "LIMIT_MAKER", abovePrice: 70000, belowType: "STOP_LOSS", belowStopPrice: 40000 };
    const oco = await client.submitNewOrderList({ symbol, side: "SELL", quantity: 0.001, ...pair });
    assert.equal((await client.getOCO({ orderListId: oco.orderListId })).contingencyType, "OCO");
    assert.equal((await client.getAllOpenOCO()).length, 1);
    const gone = await client.cancelOCO({ symbol, orderListId: oco.orderListId });
    assert.equal(gone.listOrderStatus, "ALL_DONE");
    assert.ok((await client.getAllOCO()).length >= 1);
  },
  async tells_the_account() {
    assert.equal((await client.getAccountInformation()).accountType, "SPOT");
    assert.equal((await client.getOrderRateLimit())[0].rateLimitType, "ORDERS");
    assert.equal((await client.getCommissionRates({ symbol })).symbol, symbol);
    assert.deepEqual(await client.getPreventedMatches({ symbol, orderId: 1 }), []);
    assert.equal((await client.getSpotUserDataListenKey()).listenKey.length, 64);
  },
  async says_what_is_wrong() {
    assert.equal(await code(() => client.getOrderBook({ symbol: "NONE" })), -1121);
    assert.equal(await code(() => client.cancelOrder({ symbol, orderId: 999999999 })), -2011);
    assert.equal(await code(() => connect("x".repeat(64), "y").getAccountInformation()), -2015);
    assert.equal(await code(() => connect(MINE.api_key, "y").getAccountInformation()), -1022);
  },
});
