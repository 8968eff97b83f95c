/** Candles with volume: history from REST, the present from the candle stream and from each trade. */

import {
  CandlestickSeries,
  CrosshairMode,
  HistogramSeries,
  LineStyle,
  createChart,
} from "./vendor/lightweight-charts.js";
import { byId, clockText, perFrame } from "./dom.js";

/** @type {Record<string, number>} seconds of each interval on offer */
export const INTERVALS = { "1s": 1, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14400, "1d": 86400 };
const CANDLES = 500;
const RETRY_MS = 1_000;

/** The chart of the instrument on show. */
export class Chart {
  /**
   * @param {import("./rest.js").Rest} rest
   * @param {import("./streams.js").Streams} streams
   */
  constructor(rest, streams) {
    this._rest = rest;
    this._streams = streams;
    this._stop = () => {};
    this._lines = new Map();
    this.interval = "1m";
    this._box = byId("chart");
    this._chart = createChart(this._box, {
      autoSize: true,
      // The page credits TradingView itself; the logo would bring a style of its own, which our policy forbids.
      layout: { attributionLogo: false },
      crosshair: { mode: CrosshairMode.Normal },
      localization: { timeFormatter: (at) => localText(at, true) },
      timeScale: {
        timeVisible: true,
        secondsVisible: false,
        rightOffset: 4,
        tickMarkFormatter: (at, kind) => localText(at, kind < 3),
      },
    });
    this._candles = this._chart.addSeries(CandlestickSeries, { borderVisible: false });
    this._volume = this._chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this._chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this._candles.priceScale().applyOptions({ scaleMargins: { top: 0.08, bottom: 0.22 } });
    this._drawLast = perFrame(() => this._put());
    this.paint();
  }

  /** Take the colours of the page's theme. */
  paint() {
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    this._colors = { buy: color("--buy"), sell: color("--sell"), text: color("--text") };
    this._bars = { buy: color("--buy-bar"), sell: color("--sell-bar") };
    this._chart.applyOptions({
      layout: {
        background: { color: color("--panel") },
        textColor: color("--muted"),
        fontFamily: style.fontFamily,
        fontSize: 11,
      },
      grid: { vertLines: { color: color("--grid") }, horzLines: { color: color("--grid") } },
      rightPriceScale: { borderColor: color("--line") },
      timeScale: { borderColor: color("--line") },
    });
    const { buy, sell } = this._colors;
    this._candles.applyOptions({ upColor: buy, downColor: sell, wickUpColor: buy, wickDownColor: sell });
    if (this._all) this._volume.setData(this._all.map((one) => this._bar(one)));
  }

  /**
   * Show an instrument, at the present interval.
   * @param {import("./market.js").Market} market
   */
  show(market) {
    this._market = market;
    this._heard = null;
    const minMove = market.tick / 10 ** market.pricePlaces;
    this._candles.applyOptions({ priceFormat: { type: "price", precision: market.pricePlaces, minMove } });
    this.mark([]);
    byId("chart-now").textContent = "";
    this._follow();
  }

  /**
   * Show another interval.
   * @param {string} interval
   */
  choose(interval) {
    this.interval = interval;
    this._chart.applyOptions({ timeScale: { secondsVisible: interval === "1s" } });
    this._follow();
  }

  /**
   * Let a trade move the candle of now, ahead of the candle stream; the first trade of all begins one.
   * @param {{p: string, q: string, T: number}} trade
   */
  trade(trade) {
    this._heard = trade;
    if (this._all?.length === 0) return this._begin(trade);
    const last = this._last;
    if (!last || trade.T / 1000 >= last.time + INTERVALS[this.interval]) return;
    const price = Number(trade.p);
    last.close = price;
    last.high = Math.max(last.high, price);
    last.low = Math.min(last.low, price);
    this._drawLast();
  }

  /**
   * Draw a line at each working order's price.
   * @param {any[]} orders open orders of the instrument
   */
  mark(orders) {
    const wanted = new Map(orders.filter((one) => Number(one.price) > 0).map((one) => [one.orderId, one]));
    for (const [id, line] of this._lines) {
      if (wanted.get(id)?.price === line.text) continue;
      this._candles.removePriceLine(line.line);
      this._lines.delete(id);
    }
    for (const [id, order] of wanted) {
      if (this._lines.has(id)) continue;
      const buys = order.side === "BUY";
      const line = this._candles.createPriceLine({
        price: Number(order.price),
        color: buys ? this._colors.buy : this._colors.sell,
        lineWidth: 1,
        lineStyle: LineStyle.Dashed,
        axisLabelVisible: true,
        title: buys ? "buy" : "sell",
      });
      this._lines.set(id, { line, text: order.price });
    }
  }

  _follow() {
    this._stop();
    // Candles of another instrument or interval: nothing is added to them.
    this._all = this._last = null;
    this._stop = this._streams.listen(
      `${this._market.stream}@kline_${this.interval}`,
      ({ k }) => this._take(k),
      () => this._load(),
    );
    if (!this._streams.isOpen) this._load();
  }

  async _load() {
    const { symbol } = this._market;
    const interval = this.interval;
    let rows;
    try {
      rows = await this._rest.get("/api/v3/klines", { symbol, interval, limit: CANDLES });
    } catch {
      setTimeout(() => this._isShown(symbol, interval) && this._load(), RETRY_MS);
      return;
    }
    if (!this._isShown(symbol, interval)) return;
    this._all = rows.map((row) => candle(row[0], row.slice(1, 6)));
    this._candles.setData(this._all);
    this._volume.setData(this._all.map((one) => this._bar(one)));
    this._last = this._all.at(-1) ?? null;
    this._chart.timeScale().scrollToRealTime();
    byId("chart-empty").hidden = this._all.length > 0;
    this._describe();
    // History comes from the database, which is a moment behind.
    if (!this._last && this._heard) this._begin(this._heard);
  }

  /** Show a candle of one trade, until the candle stream tells it. */
  _begin({ p, q, T }) {
    const length = INTERVALS[this.interval] * 1000;
    this._add(candle(T - (T % length), [p, p, p, p, q]));
  }

  _isShown(symbol, interval) {
    return symbol === this._market.symbol && interval === this.interval;
  }

  _take(k) {
    if (!this._all) return;
    const one = candle(k.t, [k.o, k.h, k.l, k.c, k.v]);
    if (this._last && one.time < this._last.time) return;
    if (this._last?.time === one.time) this._all.pop();
    this._add(one);
  }

  _add(one) {
    this._all.push(one);
    if (this._all.length > CANDLES * 4) this._all.splice(0, CANDLES);
    this._last = one;
    byId("chart-empty").hidden = true;
    this._drawLast();
  }

  _put() {
    if (!this._last) return;
    this._candles.update(this._last);
    this._volume.update(this._bar(this._last));
    this._describe();
  }

  _bar(one) {
    const color = one.close >= one.open ? this._bars.buy : this._bars.sell;
    return { time: one.time, value: one.volume, color };
  }

  _describe() {
    const last = this._last;
    if (!last) return;
    const text = ["open", "high", "low", "close"].map(
      (name) => `${name[0].toUpperCase()} ${last[name].toFixed(this._market.pricePlaces)}`,
    );
    byId("chart-now").textContent = text.join("  ");
  }
}

function candle(ms, texts) {
  // Floating point is good enough for pixels; nothing of this is ever sent.
  const [open, high, low, close, volume] = texts.map(Number);
  return { time: ms / 1000, open, high, low, close, volume };
}

function localText(at, withDay) {
  const ms = at * 1000;
  if (!withDay) return clockText(ms).slice(0, 5);
  const day = new Date(ms).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return withDay === true && at % 86400 !== 0 ? `${day} ${clockText(ms)}` : day;
}
