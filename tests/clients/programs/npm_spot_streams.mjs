// @binance/spot: its stream client and its client of the WebSocket API.
import { MINE, REST, WS, assert, first, load, refused, run } from "./cases.mjs";

const { Spot } = load("@binance/spot");
const symbol = "BTCUSDT";
const stream = { symbol: symbol.toLowerCase() };
const limit = { symbol, side: "BUY", type: "LIMIT", timeInForce: "GTC", quantity: 0.001, price: 30000 };
const { apiKey, apiSecret } = { apiKey: MINE.api_key, apiSecret: MINE.secret };
const wsURL = `${REST.replace("http", "ws")}/ws-api/v3`;
const client = new Spot({
  configurationRestAPI: { apiKey, apiSecret, basePath: REST },
  configurationWebsocketAPI: { apiKey, apiSecret, wsURL, timeout: 20000 },
  configurationWebsocketStreams: { wsURL: WS },
});
const listening = await client.websocketStreams.connect();
const api = await client.websocketAPI.connect();
const heard = (name, parameters) => {
  const one = listening[name]({ ...stream, ...parameters });
  return first((told) => one.on("message", told)).finally(() => one.unsubscribe());
};
const data = async (call) => (await call).data;

await run({
  async hears_every_kind_of_stream() {
    const trade = await heard("trade");
    assert.equal(trade.s, symbol);
    assert.ok(Number(trade.p) > 0);
    assert.ok((await heard("aggTrade")).a > 0);
    assert.equal((await heard("kline", { interval: "1m" })).k.i, "1m");
    assert.equal((await heard("klineOffset", { interval: "1h" })).k.i, "1h");
    assert.equal((await heard("miniTicker")).e, "24hrMiniTicker");
    assert.equal((await heard("ticker")).e, "24hrTicker");
    assert.equal((await heard("rollingWindowTicker", { windowSize: "1h" })).e, "1hTicker");
    assert.ok(Number((await heard("bookTicker")).a) > 0);
    assert.equal((await heard("avgPrice")).i, "5m");
    assert.equal((await heard("partialBookDepth", { levels: 5 })).bids.length, 5);
    const change = await heard("diffBookDepth", { updateSpeed: "100ms" });
    assert.ok(change.u >= change.U);
  },
  async hears_of_all_markets_at_once() {
    assert.ok(Array.isArray(await heard("allMiniTicker")));
    assert.ok(Array.isArray(await heard("allMarketRollingWindowTicker", { windowSize: "4h" })));
  },
  async asks_for_the_market() {
    assert.ok((await data(api.time())).serverTime > 0);
    assert.equal((await data(api.exchangeInfo({ symbol }))).symbols[0].symbol, symbol);
    assert.equal((await data(api.depth({ symbol, limit: 5 }))).bids.length, 5);
    assert.equal((await data(api.tradesRecent({ symbol, limit: 2 }))).length, 2);
    assert.equal((await data(api.tradesAggregate({ symbol, limit: 2 }))).length, 2);
    assert.equal((await data(api.klines({ symbol, interval: "1m", limit: 1 })))[0].length, 12);
    assert.equal((await data(api.ticker24hr({ symbol }))).symbol, symbol);
    assert.equal((await data(api.tickerPrice({ symbol }))).symbol, symbol);
    assert.equal((await data(api.tickerBook({ symbol }))).symbol, symbol);
  },
  async trades_and_hears_of_it() {
    const { response, stream: events } = await api.userDataStreamSubscribeSignature();
    assert.equal(response.data.subscriptionId, 0);
    const told = [];
    events.on("message", (event) => told.push(event));
    const placed = await data(api.orderPlace({ ...limit, quantity: 0.002 }));
    const about = { symbol, orderId: placed.orderId };
    assert.equal((await data(api.orderStatus(about))).status, "NEW");
    assert.equal((await data(api.openOrdersStatus({ symbol })))[0].orderId, placed.orderId);
    const amended = await data(api.orderAmendKeepPriority({ ...about, newQty: 0.001 }));
    assert.equal(amended.amendedOrder.qty, "0.00100000");
    assert.equal((await data(api.orderCancel(about))).status, "CANCELED");
    const bought = await data(api.orderPlace({ symbol, side: "BUY", type: "MARKET", quantity: 0.001 }));
    assert.equal(bought.status, "FILLED");
    assert.ok((await data(api.myTrades({ symbol }))).some((one) => one.orderId === bought.orderId));
    const kinds = (id) => told.filter((one) => one.e === "executionReport" && one.i === id).map((one) => one.x);
    for (let wait = 0; wait < 100 && !kinds(bought.orderId).includes("TRADE"); wait += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(kinds(placed.orderId), ["NEW", "REPLACED", "CANCELED"]);
    assert.equal(kinds(bought.orderId)[0], "NEW");
    assert.equal(kinds(bought.orderId).at(-1), "TRADE");
    assert.ok(told.some((one) => one.e === "outboundAccountPosition"));
    await api.userDataStreamUnsubscribe();
  },
  async tells_the_account() {
    assert.equal((await data(api.accountStatus())).accountType, "SPOT");
    assert.equal((await data(api.accountCommission({ symbol }))).symbol, symbol);
    assert.equal((await data(api.accountRateLimitsOrders()))[0].rateLimitType, "ORDERS");
  },
  async says_what_is_wrong() {
    const wrong = await refused(() => api.depth({ symbol: "NONE" }));
    assert.equal(wrong.code, -1121);
    const unknown = await refused(() => api.orderCancel({ symbol, orderId: 999999999 }));
    assert.equal(unknown.msg, "Unknown order sent.");
  },
});
await listening.disconnect();
await api.disconnect();
