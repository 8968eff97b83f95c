/**
 * The account that trades: balances, open orders, what became of earlier ones, and fills. It begins from REST and
 * follows the user stream; after every reconnection it begins anew, so that nothing missed stays missed.
 */

const OPEN = ["NEW", "PARTIALLY_FILLED", "PENDING_NEW"];
const KEEP = 500;
const EXTEND_MS = 20 * 60 * 1000;
const RETRY_MS = 2_000;

/** The state of the account, kept up to date. */
export class Account {
  /**
   * @param {import("./rest.js").Rest} rest
   * @param {import("./streams.js").Streams} streams
   * @param {(problem: Error) => void} complain hears what cannot be mended by waiting
   */
  constructor(rest, streams, complain) {
    this._rest = rest;
    this._streams = streams;
    this._complain = complain;
    this._watchers = new Set();
    this._fillWatchers = new Set();
    this._listening = null;
    this._key = "";
    this._generation = 0;
    this.reset();
    setInterval(() => this._extend(), EXTEND_MS);
  }

  /** Forget everything. */
  reset() {
    /** @type {Map<string, {free: string, locked: string}>} by asset */
    this.balances = new Map();
    /** @type {Map<number, any>} open orders by id */
    this.orders = new Map();
    /** @type {Map<number, any>} finished orders of the instrument on show, by id */
    this.history = new Map();
    /** @type {Map<string, any>} fills of the instrument on show, by trade id and side */
    this.fills = new Map();
    this.ready = false;
  }

  /** @returns {boolean} whether there is a key to trade with */
  get isOpen() {
    return this._rest.signer !== null;
  }

  /** @param {() => void} watcher called after every change */
  watch(watcher) {
    this._watchers.add(watcher);
  }

  /** @param {(report: any) => void} watcher called for every execution report as it comes */
  watchReports(watcher) {
    this._fillWatchers.add(watcher);
  }

  /** Begin with the key that signs now; with none, stop. */
  async open() {
    this._generation += 1;
    this._listening?.();
    this._listening = null;
    this.reset();
    this._changed();
    if (this.isOpen) await this._follow(this._generation);
  }

  /**
   * Show the past of another instrument.
   * @param {string} symbol
   */
  async show(symbol) {
    this._symbol = symbol;
    this.history = new Map();
    this.fills = new Map();
    this._changed();
    if (this.isOpen) await this._guard(() => this._past(symbol));
  }

  async _follow(generation) {
    try {
      const { listenKey } = await this._rest.keyed("POST", "/api/v3/userDataStream");
      if (generation !== this._generation) return;
      this._key = listenKey;
      this._listening = this._streams.listen(
        listenKey,
        (event) => this._receive(event),
        () => this._reopened(generation, listenKey),
      );
      if (!this._streams.isOpen) await this._load();
    } catch (problem) {
      if (generation !== this._generation) return;
      if (problem.code) this._complain(problem);
      if (!problem.code || problem.status >= 500) setTimeout(() => this._retry(generation), RETRY_MS);
    }
  }

  _retry(generation) {
    if (generation === this._generation) this._follow(generation);
  }

  /** The connection is there (again): the key may have ended with the exchange, so ask for it once more. */
  async _reopened(generation, listenKey) {
    try {
      const told = await this._rest.keyed("POST", "/api/v3/userDataStream");
      if (generation !== this._generation) return;
      if (told.listenKey === listenKey) await this._load();
      else await this.open();
    } catch {
      if (generation === this._generation) {
        setTimeout(() => this._reopened(generation, listenKey), RETRY_MS);
      }
    }
  }

  async _load() {
    const [account, orders] = await Promise.all([
      this._rest.signed("GET", "/api/v3/account", { omitZeroBalances: "true" }),
      this._rest.signed("GET", "/api/v3/openOrders"),
    ]);
    this.balances = new Map(account.balances.map((one) => [one.asset, one]));
    this.orders = new Map(orders.map((one) => [one.orderId, one]));
    this.ready = true;
    this._changed();
    if (this._symbol) await this._past(this._symbol);
  }

  async _past(symbol) {
    const [orders, trades] = await Promise.all([
      this._rest.signed("GET", "/api/v3/allOrders", { symbol, limit: KEEP }),
      this._rest.signed("GET", "/api/v3/myTrades", { symbol, limit: KEEP }),
    ]);
    if (symbol !== this._symbol) return;
    for (const order of orders) {
      if (!OPEN.includes(order.status)) this.history.set(order.orderId, order);
    }
    for (const trade of trades) this.fills.set(`${trade.id}:${trade.isBuyer}`, trade);
    this._changed();
  }

  _receive(event) {
    if (event.e === "executionReport") {
      this._report(event);
      for (const watcher of this._fillWatchers) watcher(event);
    } else if (event.e === "outboundAccountPosition") {
      for (const { a, f, l } of event.B) this.balances.set(a, { asset: a, free: f, locked: l });
    } else if (event.e === "listenKeyExpired") {
      this.open();
      return;
    }
    this._changed();
  }

  _report(event) {
    if (event.x === "REJECTED") return;
    const order = { ...this.orders.get(event.i), ...orderOf(event) };
    if (OPEN.includes(order.status)) {
      this.orders.set(order.orderId, order);
    } else {
      this.orders.delete(order.orderId);
      if (order.symbol === this._symbol) remember(this.history, order.orderId, order);
    }
    if (event.x === "TRADE" && event.s === this._symbol) {
      remember(this.fills, `${event.t}:${event.S === "BUY"}`, fillOf(event));
    }
  }

  async _guard(work) {
    try {
      await work();
    } catch (problem) {
      if (problem.code && problem.status < 500) this._complain(problem);
    }
  }

  async _extend() {
    if (!this._key || !this.isOpen) return;
    await this._guard(() => this._rest.keyed("PUT", "/api/v3/userDataStream", { listenKey: this._key }));
  }

  _changed() {
    for (const watcher of this._watchers) watcher();
  }
}

function remember(map, key, value) {
  map.delete(key);
  map.set(key, value);
  if (map.size > KEEP) map.delete(map.keys().next().value);
}

/**
 * Write an execution report as REST would tell the order.
 * @param {any} event
 */
export function orderOf(event) {
  const amended = event.x === "REPLACED" || event.C === "";
  return {
    symbol: event.s,
    orderId: event.i,
    orderListId: event.g,
    clientOrderId: amended ? event.c : event.C,
    side: event.S,
    type: event.o,
    timeInForce: event.f,
    origQty: event.q,
    price: event.p,
    stopPrice: event.P,
    icebergQty: event.F,
    executedQty: event.z,
    cummulativeQuoteQty: event.Z,
    origQuoteOrderQty: event.Q,
    status: event.X,
    isWorking: event.w,
    trailingDelta: event.d,
    time: event.O,
    updateTime: event.T,
    expiryReason: event.eR,
  };
}

function fillOf(event) {
  return {
    symbol: event.s,
    id: event.t,
    orderId: event.i,
    price: event.L,
    qty: event.l,
    quoteQty: event.Y,
    commission: event.n,
    commissionAsset: event.N,
    time: event.T,
    isBuyer: event.S === "BUY",
    isMaker: event.m,
  };
}
