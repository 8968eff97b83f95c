/** The session of the instrument on show: its phase, and during a call what an uncross would do now. */

import { grouped, trimmed } from "./decimal.js";
import { byId, put } from "./dom.js";

const RETRY_MS = 1_000;
const COUNT_MS = 250;
const WORDS = {
  PRE_OPEN: "Before the opening",
  OPENING_AUCTION: "Opening auction",
  CONTINUOUS: "Continuous trading",
  VOLATILITY_AUCTION: "Volatility auction",
  CLOSING_AUCTION: "Closing auction",
  CLOSED: "Closed",
  HALTED: "Halted",
};
const CALLS = ["OPENING_AUCTION", "VOLATILITY_AUCTION", "CLOSING_AUCTION"];

/** Follows the session and shows it. */
export class Session {
  /**
   * @param {import("./rest.js").Rest} rest
   * @param {import("./streams.js").Streams} streams
   * @param {(phase: string) => void} changed called when the phase is another one
   */
  constructor(rest, streams, changed) {
    this._rest = rest;
    this._streams = streams;
    this._changed = changed;
    this._told = null;
    this._stops = [];
    setInterval(() => this._count(), COUNT_MS);
  }

  /** @param {import("./market.js").Market} market */
  show(market) {
    this._stops.forEach((stop) => stop());
    this._market = market;
    this._told = null;
    const { stream } = market;
    this._stops = [
      this._streams.listen(`${stream}@phase`, (event) => this._phase(event), () => this._ask()),
      this._streams.listen(`${stream}@auction`, (event) => this._auction(event)),
    ];
    if (!this._streams.isOpen) this._ask();
  }

  _phase(event) {
    const call = { indicativePrice: "0", pairedQty: "0", imbalanceQty: "0", imbalanceSide: null };
    const kept = this._told?.phase === event.p ? this._told : call;
    this._take({ ...kept, phase: event.p, phaseEndTime: event.u });
  }

  _auction(event) {
    if (!this._told || event.x !== "INDICATED") return;
    const call = { indicativePrice: event.p, pairedQty: event.q, imbalanceQty: event.i, imbalanceSide: event.S };
    this._take({ ...this._told, ...call });
  }

  async _ask() {
    const market = this._market;
    try {
      const told = await this._rest.get("/api/v3/session", { symbol: market.symbol });
      if (market === this._market) this._take(told);
    } catch {
      setTimeout(() => market === this._market && this._ask(), RETRY_MS);
    }
  }

  _take(told) {
    const before = this._told?.phase;
    this._told = told;
    const phase = byId("phase");
    put(phase, WORDS[told.phase] ?? told.phase);
    phase.dataset.phase = told.phase;
    const call = CALLS.includes(told.phase);
    byId("banner").hidden = told.phase === "CONTINUOUS";
    byId("banner").dataset.phase = told.phase;
    put(byId("banner-phase"), WORDS[told.phase] ?? told.phase);
    byId("auction").hidden = !call;
    if (call) this._tellCall(told);
    put(byId("banner-note"), call ? "" : "Orders can be cancelled, new ones are not taken.");
    this._count();
    if (before && before !== told.phase) this._changed(WORDS[told.phase] ?? told.phase);
  }

  _tellCall(told) {
    const market = this._market;
    const known = Number(told.indicativePrice) > 0;
    put(byId("indicative"), known ? market.shownPrice(told.indicativePrice) : "none yet");
    put(byId("paired"), known ? `${grouped(trimmed(told.pairedQty))} ${market.base}` : "–");
    const side = { BUY: "▲ to buy", SELL: "▼ to sell" }[told.imbalanceSide];
    put(byId("imbalance"), side ? `${grouped(trimmed(told.imbalanceQty))} ${side}` : "none");
    byId("imbalance").dataset.way = (told.imbalanceSide ?? "").toLowerCase();
  }

  _count() {
    const ends = this._told?.phaseEndTime ?? 0;
    const left = ends > 0 ? ends - (Date.now() + this._rest.offsetMs) : 0;
    put(byId("countdown"), left > 0 ? `ends in ${spanText(left)}` : "");
  }
}

/**
 * Write a span of time as a clock does.
 * @param {number} ms
 * @returns {string}
 */
export function spanText(ms) {
  const seconds = Math.ceil(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (one) => String(one).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
