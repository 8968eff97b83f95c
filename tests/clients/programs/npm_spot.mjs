// @binance/spot: the connector for JavaScript; parameters in the query string, empty bodies.
import { MINE, REST, assert, load, refused, run } from "./cases.mjs";

const { Spot } = load("@binance/spot");
const symbol = "BTCUSDT";
const connect = (apiKey, apiSecret) =>
  new Spot({ configurationRestAPI: { apiKey, apiSecret, basePath: REST, timeout: 20000 } }).restAPI;
const api = connect(MINE.api_key, MINE.secret);
const limit = { symbol, side: "BUY", type: "LIMIT", timeInForce: "GTC", quantity: 0.001, price: 30000 };
const data = async (call) => (await call).data();

await run({
  async tells_the_market() {
    await api.ping();
    assert.ok((await data(api.time())).serverTime > 0);
    assert.equal((await data(api.exchangeInfo({ symbols: [symbol, "ETHUSDT"] }))).symbols.length, 2);
    assert.equal((await data(api.depth({ symbol, limit: 5 }))).bids.length, 5);
    assert.equal((await data(api.getTrades({ symbol, limit: 3 }))).length, 3);
    assert.equal((await data(api.historicalTrades({ symbol, limit: 3 }))).length, 3);
    assert.equal((await data(api.aggTrades({ symbol, limit: 3 }))).length, 3);
    assert.equal((await data(api.klines({ symbol, interval: "1m", limit: 1 })))[0].length, 12);
    assert.equal((await data(api.uiKlines({ symbol, interval: "1h", limit: 1 })))[0].length, 12);
    assert.equal((await data(api.avgPrice({ symbol }))).mins, 5);
  },
  async tells_every_kind_of_ticker() {
    for (const call of ["ticker24hr", "tickerPrice", "tickerBookTicker"]) {
      assert.equal((await data(api[call]({ symbol }))).symbol, symbol);
      assert.equal((await data(api[call]({ symbols: [symbol, "ETHUSDT"] }))).length, 2);
      assert.ok((await data(api[call]())).length >= 4);
    }
    assert.equal((await data(api.ticker({ symbol, windowSize: "1h" }))).symbol, symbol);
    assert.equal((await data(api.tickerTradingDay({ symbol }))).symbol, symbol);
  },
  async places_queries_amends_and_cancels() {
    assert.deepEqual(await data(api.orderTest(limit)), {});
    const placed = await data(api.newOrder({ ...limit, quantity: 0.002 }));
    const about = { symbol, orderId: placed.orderId };
    assert.equal((await data(api.getOrder(about))).status, "NEW");
    assert.equal((await data(api.getOpenOrders({ symbol })))[0].orderId, placed.orderId);
    const amended = await data(api.orderAmendKeepPriority({ ...about, newQty: 0.001 }));
    assert.equal(amended.amendedOrder.qty, "0.00100000");
    assert.equal((await data(api.orderAmendments(about))).length, 1);
    assert.equal((await data(api.deleteOrder(about))).status, "CANCELED");
    await api.newOrder(limit);
    assert.equal((await data(api.deleteOpenOrders({ symbol }))).length, 1);
    assert.ok((await data(api.allOrders({ symbol }))).length >= 2);
  },
  async trades_and_replaces() {
    const bought = await data(api.newOrder({ symbol, side: "BUY", type: "MARKET", quantity: 0.001 }));
    assert.equal(bought.status, "FILLED");
    assert.ok((await data(api.myTrades({ symbol }))).some((one) => one.orderId === bought.orderId));
    const placed = await data(api.newOrder(limit));
    const told = await data(
      api.orderCancelReplace({
        ...limit,
        cancelReplaceMode: "STOP_ON_FAILURE",
        cancelOrderId: placed.orderId,
      }),
    );
    assert.equal(told.newOrderResult, "SUCCESS");
    await api.deleteOpenOrders({ symbol });
  },
  async places_every_kind_of_list() {
    const working = { workingType: "LIMIT", workingSide: "BUY", workingPrice: 30000, workingQuantity: 0.001 };
    const oto = { symbol, ...working, workingTimeInForce: "GTC", pendingSide: "SELL", pendingQuantity: 0.001 };
    const pair = { aboveType: "LIMIT_MAKER", abovePrice: 70000, belowType: "STOP_LOSS", belowStopPrice: 40000 };
    const lists = [
      await data(api.orderListOco({ symbol, side: "SELL", quantity: 0.001, ...pair })),
      await data(api.orderOco({ symbol, side: "SELL", quantity: 0.001, price: 70000, stopPrice: 40000 })),
      await data(api.orderListOto({ ...oto, pendingType: "LIMIT_MAKER", pendingPrice: 70000 })),
      await data(
        api.orderListOtoco({
          ...oto,
          pendingAboveType: "LIMIT_MAKER",
          pendingAbovePrice: 70000,
          pendingBelowType: "STOP_LOSS",
          pendingBelowStopPrice: 25000,
        }),
      ),
    ];
    assert.equal((await data(api.openOrderList())).length, lists.length);
    for (const { orderListId } of lists) {
      assert.equal((await data(api.getOrderList({ orderListId }))).listOrderStatus, "EXECUTING");
      const gone = await data(api.deleteOrderList({ symbol, orderListId }));
      assert.equal(gone.listOrderStatus, "ALL_DONE");
    }
    assert.ok((await data(api.allOrderList())).length >= lists.length);
  },
  async tells_the_account() {
    assert.equal((await data(api.getAccount({ omitZeroBalances: true }))).accountType, "SPOT");
    assert.equal((await data(api.accountCommission({ symbol }))).symbol, symbol);
    assert.equal((await data(api.rateLimitOrder()))[0].rateLimitType, "ORDERS");
    assert.ok((await data(api.myFilters({ symbol }))).symbolFilters.length > 3);
    assert.deepEqual(await data(api.myPreventedMatches({ symbol, orderId: 1 })), []);
    assert.deepEqual(await data(api.myAllocations({ symbol })), []);
  },
  async says_what_is_wrong() {
    assert.match(String(await refused(() => api.depth({ symbol: "NONE" }))), /Invalid symbol\./);
    const unknown = await refused(() => api.deleteOrder({ symbol, orderId: 999999999 }));
    assert.match(String(unknown), /Unknown order sent\./);
    const stranger = await refused(() => connect("x".repeat(64), "y").getAccount());
    assert.equal(stranger.constructor.name, "UnauthorizedError");
  },
});
