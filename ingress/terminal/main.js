/** The trading terminal: makes every part by hand and ties them together. */

import { Account } from "./account.js";
import { AmendDialog } from "./amend.js";
import { Chart, INTERVALS } from "./chart.js";
import { ConnectionSign } from "./connection.js";
import { DepthChart } from "./depth_chart.js";
import { byId, el } from "./dom.js";
import { Instruments } from "./instruments.js";
import { listenToKeys } from "./keyboard.js";
import { KeysDialog } from "./keys_dialog.js";
import { Ladder } from "./ladder.js";
import { LiveBook } from "./live_book.js";
import { Market } from "./market.js";
import { say } from "./notices.js";
import { OrderWire } from "./order_wire.js";
import { OrdersView } from "./orders_view.js";
import { Rest } from "./rest.js";
import { Session } from "./session.js";
import { Streams } from "./streams.js";
import { Tape } from "./tape.js";
import { beginTheme, toggleTheme } from "./theme.js";
import { Ticket } from "./ticket.js";

const RETRY_MS = 1_000;
const CLOCK_MS = 60_000;
const TAPE = 60;
const CHOSEN = "symbol";

/** The whole terminal. */
class Terminal {
  /**
   * @param {{streamsUrl: string, streamsPort: number, demo: boolean}} beginning
   * @param {any} exchangeInfo
   */
  constructor(beginning, exchangeInfo) {
    this.markets = new Map(exchangeInfo.symbols.map((one) => [one.symbol, new Market(one)]));
    this.rest = new Rest();
    this.sign = new ConnectionSign();
    this.rest.wire = new OrderWire(`${socketScheme()}://${location.host}`, (isOpen) => this.sign.takeWire(isOpen));
    this.streams = new Streams(streamsUrl(beginning), (state, latency) => this.sign.take(state, latency));
    this.account = new Account(this.rest, this.streams, (problem) => say(problem.text, "bad"));
    this.live = new LiveBook(this.rest, this.streams, () => this._bookChanged());
    this.ladder = new Ladder({ choose: (price) => this._choosePrice(price) });
    this.depth = new DepthChart();
    this.tape = new Tape();
    this.chart = new Chart(this.rest, this.streams);
    this.instruments = new Instruments(this.rest, this.streams, (symbol) => this.choose(symbol));
    this.session = new Session(this.rest, this.streams, (phase) => say(`${this.market.symbol}: ${phase}`, ""));
    this.ticket = new Ticket(this.rest, this.account, { say: () => {}, lastPrice: () => this._lastPrice() });
    this.amend = new AmendDialog(this.rest, this.markets, say);
    this.orders = new OrdersView(this.account, this.markets, {
      cancel: (order) => this._cancel(order),
      amend: (order) => this.amend.open(order),
      days: () => this.instruments.days,
    });
    this.keys = new KeysDialog(beginning, (key) => this._useKey(key));
    this._stopTrades = () => {};
    this.account.watch(() => this._mark());
    this.account.watchReports((report) => this._tellFill(report));
  }

  /** Show everything and connect. */
  async begin() {
    this._wire();
    this.instruments.show(this.markets);
    const last = localStorage.getItem(CHOSEN);
    this.choose(this.markets.has(last) ? last : this.markets.keys().next().value);
    this.streams.start();
    this.rest.wire.start();
    this._setClock();
    setInterval(() => this._setClock(), CLOCK_MS);
    await this.keys.begin();
    document.documentElement.dataset.ready = "yes";
  }

  /**
   * Trade another instrument.
   * @param {string} symbol
   */
  choose(symbol) {
    const market = this.markets.get(symbol);
    if (market === this.market) return;
    this.market = market;
    localStorage.setItem(CHOSEN, symbol);
    this.live.follow(market);
    this.ladder.show(market, this.live);
    this.ladder.last(0, "");
    this.depth.show(market, this.live);
    this.tape.show(market, []);
    this.chart.show(market);
    this.session.show(market);
    this.ticket.show(market);
    this.instruments.mark(market);
    this._followTrades(market);
    this.account.show(symbol);
    this._mark();
  }

  /** Cancel every open order of the instrument on show. */
  async cancelAll() {
    const { symbol } = this.market;
    try {
      const done = await this.rest.signed("DELETE", "/api/v3/openOrders", { symbol });
      say(`${done.length} cancelled on ${symbol}.`, "good");
    } catch (problem) {
      // -2011: there was nothing to cancel.
      say(problem.code === -2011 ? `No open orders on ${symbol}.` : problem.text, problem.code === -2011 ? "" : "bad");
    }
  }

  _followTrades(market) {
    this._stopTrades();
    let begun = false;
    let waiting = [];
    const take = (trade) => {
      this.tape.add(trade);
      this.chart.trade(trade);
      this.instruments.trade(trade);
      this.ladder.last(market.price(trade.p), trade.m ? "sell" : "buy");
    };
    const begin = async () => {
      begun = false;
      let trades = null;
      try {
        trades = await this.rest.get("/api/v3/trades", { symbol: market.symbol, limit: TAPE });
      } catch {
        setTimeout(() => market === this.market && begin(), RETRY_MS);
        return;
      }
      if (market !== this.market) return;
      this.tape.show(market, trades);
      const last = trades.at(-1);
      if (last) this.ladder.last(market.price(last.price), last.isBuyerMaker ? "sell" : "buy");
      begun = true;
      const missed = waiting.filter((one) => !last || one.t > last.id);
      waiting = [];
      missed.forEach(take);
    };
    this._stopTrades = this.streams.listen(
      `${market.stream}@trade`,
      (trade) => (begun ? take(trade) : waiting.push(trade)),
      begin,
    );
    if (!this.streams.isOpen) begin();
  }

  _bookChanged() {
    this.ladder.draw();
    this.depth.draw();
  }

  _mark() {
    if (!this.market) return;
    const own = [...this.account.orders.values()].filter((one) => one.symbol === this.market.symbol);
    this.ladder.mark(own);
    this.chart.mark(own);
  }

  _choosePrice(price) {
    this.ticket.takePrice(price);
    if (matchMedia("(max-width: 760px)").matches) this._view("trade");
  }

  _lastPrice() {
    return this.instruments.days.get(this.market.symbol)?.last ?? "";
  }

  _tellFill(report) {
    if (report.x !== "TRADE") return;
    const market = this.markets.get(report.s);
    const word = report.S === "BUY" ? "Bought" : "Sold";
    say(`${word} ${market.shownQty(report.l)} ${market.base} at ${market.shownPrice(report.L)}`, "good");
  }

  async _cancel(order) {
    const { symbol, orderId } = order;
    try {
      await this.rest.signed("DELETE", "/api/v3/order", { symbol, orderId });
      say(`Order ${orderId} was cancelled.`, "good");
    } catch (problem) {
      say(problem.text, "bad");
    }
  }

  async _useKey(key) {
    this.rest.signer = key;
    document.documentElement.dataset.key = key ? "yes" : "no";
    await this.account.open();
  }

  async _setClock() {
    try {
      await this.rest.setClock();
    } catch {
      setTimeout(() => this._setClock(), RETRY_MS * 5);
    }
  }

  _wire() {
    const intervals = Object.keys(INTERVALS);
    const choose = (interval) => {
      this.chart.choose(interval);
      for (const button of byId("intervals").children) {
        button.setAttribute("aria-pressed", String(button.textContent === interval));
      }
    };
    byId("intervals").append(
      ...intervals.map((one) =>
        el("button", { type: "button", text: one, "aria-pressed": String(one === this.chart.interval), onclick: () => choose(one) }),
      ),
    );
    byId("cancel-all").addEventListener("click", () => this.cancelAll());
    byId("theme").addEventListener("click", () => toggleTheme(() => this._paint()));
    for (const name of ["price", "depth"]) byId(`show-${name}`).addEventListener("click", () => this._showChart(name));
    for (const button of byId("views").children) button.addEventListener("click", () => this._view(button.dataset.view));
    beginTheme(() => this._paint());
    listenToKeys([
      { keys: "b", does: "Buy ticket", act: () => this._side("BUY") },
      { keys: "s", does: "Sell ticket", act: () => this._side("SELL") },
      { keys: "l", does: "Limit order", act: () => this.ticket.choose({ kind: "LIMIT" }) },
      { keys: "m", does: "Market order", act: () => this.ticket.choose({ kind: "MARKET" }) },
      { keys: "Shift+X", does: "Cancel all orders of this instrument", act: () => this.cancelAll() },
      { keys: "/", does: "Find an instrument", act: () => byId("search").focus() },
      { keys: "[", does: "Instrument before", act: () => this.instruments.step(-1) },
      { keys: "]", does: "Instrument after", act: () => this.instruments.step(1) },
      ...intervals.map((one, at) => ({ keys: String(at + 1), does: `Candles of ${one}`, act: () => choose(one) })),
      { keys: "d", does: "Chart or depth", act: () => this._showChart(byId("depth").hidden ? "depth" : "price") },
      { keys: "g", does: "Wider grouping of the book", act: () => this.ladder.widen() },
      { keys: "o", does: "Open orders", act: () => this.orders.choose("open") },
      { keys: "k", does: "Keys", act: () => this.keys.open() },
      { keys: "t", does: "Dark or light", act: () => toggleTheme(() => this._paint()) },
      { keys: "?", does: "This help", act: () => byId("help").showModal() },
    ]);
  }

  _side(side) {
    this.ticket.choose({ side });
    this._view("trade");
    this.ticket.focus();
  }

  /** On a narrow screen one part shows at a time; what was hidden was not drawn. */
  _view(name) {
    document.body.dataset.view = name;
    for (const button of byId("views").children) {
      button.setAttribute("aria-pressed", String(button.dataset.view === name));
    }
    for (const part of [this.ladder, this.tape, this.depth, this.orders]) part.draw();
  }

  _showChart(name) {
    for (const one of ["price", "depth"]) {
      byId(`show-${one}`).setAttribute("aria-pressed", String(one === name));
    }
    byId("chart-part").hidden = name !== "price";
    byId("depth").hidden = name !== "depth";
    this.depth.draw();
  }

  _paint() {
    this.chart.paint();
    this.depth.draw();
  }
}

function streamsUrl(beginning) {
  if (beginning.streamsUrl) return beginning.streamsUrl;
  return `${socketScheme()}://${location.hostname}:${beginning.streamsPort}`;
}

function socketScheme() {
  return location.protocol === "https:" ? "wss" : "ws";
}

async function ask(path) {
  for (;;) {
    try {
      const answer = await fetch(path, { cache: "no-store" });
      if (answer.ok) return await answer.json();
    } catch {
      // The exchange is away: ask again.
    }
    await new Promise((done) => setTimeout(done, RETRY_MS));
  }
}

const [beginning, exchangeInfo] = await Promise.all([ask("/terminal/config.json"), ask("/api/v3/exchangeInfo")]);
const terminal = new Terminal(beginning, exchangeInfo);
// For measurements and tests: the parts of the page, as they are.
globalThis.terminal = terminal;
await terminal.begin();
