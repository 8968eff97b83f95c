// binance (by tiagosiebler): its stream client, with user data by a listen key, and its client of the WebSocket API.
import { MINE, REST, WS, assert, first, load, refused, run } from "./cases.mjs";

const { MainClient, WebsocketAPIClient, WebsocketClient } = load("binance");
const symbol = "BTCUSDT";
const about_me = { api_key: MINE.api_key, api_secret: MINE.secret };
const silent = { trace() {}, info() {}, error() {} };
const rest = new MainClient({ ...about_me, baseUrl: REST });
const limit = () => ({ symbol, side: "BUY", type: "LIMIT", timeInForce: "GTC", quantity: 0.001, price: 30000 });
const listener = (options) => new WebsocketClient({ ...options, wsUrl: WS }, silent);
const streams = listener({});
const api = new WebsocketAPIClient({ ...about_me, wsUrl: REST.replace("http", "ws") }, silent);
const heard = async (topic, is = () => true) => {
  let hear;
  const message = first((told) => {
    hear = (one) => {
      if (one.stream === topic || is === null || is(one)) told(one);
    };
    streams.on("message", hear);
  });
  await streams.subscribe(topic, "main");
  const told = await message;
  streams.off("message", hear);
  await streams.unsubscribe(topic, "main");
  return told.data ?? told;
};
const of = (kind) => (one) => (one.data ?? one).e === kind;

await run({
  async hears_every_kind_of_stream() {
    assert.equal((await heard("btcusdt@trade", of("trade"))).s, symbol);
    assert.ok((await heard("btcusdt@aggTrade", of("aggTrade"))).a > 0);
    assert.equal((await heard("btcusdt@kline_1m", of("kline"))).k.i, "1m");
    assert.equal((await heard("btcusdt@ticker", of("24hrTicker"))).s, symbol);
    assert.equal((await heard("btcusdt@miniTicker", of("24hrMiniTicker"))).s, symbol);
    assert.equal((await heard("btcusdt@avgPrice", of("avgPrice"))).i, "5m");
    const change = await heard("btcusdt@depth@100ms", of("depthUpdate"));
    assert.ok(change.u >= change.U);
    assert.equal((await heard("btcusdt@depth5", (one) => one.data?.bids !== undefined || one.bids)).bids.length, 5);
    assert.ok(Number((await heard("btcusdt@bookTicker", (one) => (one.data ?? one).A)).a) > 0);
  },
  async hears_of_its_own_orders_by_a_listen_key() {
    const { listenKey } = await rest.getSpotUserDataListenKey();
    await rest.keepAliveSpotUserDataListenKey(listenKey);
    const mine = listener(about_me);
    const told = [];
    mine.on("message", (one) => told.push(one.data ?? one));
    await mine.subscribeSpotUserDataStreamWithListenKey("main", listenKey);
    const placed = await rest.submitNewOrder(limit());
    await rest.cancelOrder({ symbol, orderId: placed.orderId });
    const kinds = () => told.filter((one) => one.e === "executionReport" && one.i === placed.orderId).map((one) => one.x);
    for (let wait = 0; wait < 100 && kinds().length < 2; wait += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual(kinds(), ["NEW", "CANCELED"]);
    mine.closeAll(true);
  },
  async asks_for_the_market() {
    assert.ok((await api.getSpotServerTime()).result.serverTime > 0);
    assert.equal((await api.getSpotExchangeInfo({ symbol })).result.symbols[0].symbol, symbol);
    assert.equal((await api.getSpotOrderBook({ symbol, limit: 5 })).result.bids.length, 5);
    assert.equal((await api.getSpotRecentTrades({ symbol, limit: 2 })).result.length, 2);
    assert.equal((await api.getSpotKlines({ symbol, interval: "1m", limit: 1 })).result[0].length, 12);
    assert.equal((await api.getSpot24hrTicker({ symbol })).result.symbol, symbol);
  },
  async trades() {
    const placed = (await api.submitNewSpotOrder({ ...limit(), timestamp: Date.now() })).result;
    const about = () => ({ symbol, orderId: placed.orderId, timestamp: Date.now() });
    assert.equal((await api.getSpotOrderStatus(about())).result.status, "NEW");
    assert.equal((await api.getSpotOpenOrders({ symbol, timestamp: Date.now() })).result[0].orderId, placed.orderId);
    assert.equal((await api.cancelSpotOrder(about())).result.status, "CANCELED");
    const market = { symbol, side: "BUY", type: "MARKET", quantity: 0.001, timestamp: Date.now() };
    const bought = (await api.submitNewSpotOrder(market)).result;
    assert.equal(bought.status, "FILLED");
    const trades = (await api.getSpotMyTrades({ symbol, timestamp: Date.now() })).result;
    assert.ok(trades.some((one) => one.orderId === bought.orderId));
  },
  async tells_the_account() {
    assert.equal((await api.getSpotAccountInformation({ timestamp: Date.now() })).result.accountType, "SPOT");
    assert.equal((await api.getSpotOrderRateLimits({ timestamp: Date.now() })).result[0].rateLimitType, "ORDERS");
  },
  async says_what_is_wrong() {
    const wrong = await refused(() => api.getSpotOrderBook({ symbol: "NONE" }));
    assert.equal(wrong.error.code, -1121);
  },
});
streams.closeAll(true);
api.getWSClient().closeAll(true);
