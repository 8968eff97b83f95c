/** The session of the instrument on show: its phase, and during a call what an uncross would do now. */

import { grouped, trimmed } from "./decimal.js";
import { byId, put } from "./dom.js";

const PAUSE_MS = 1_000;
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
   * @param {(phase: string) => void} changed called when the phase is another one
   */
  constructor(rest, changed) {
    this._rest = rest;
    this._changed = changed;
    this._told = null;
    setInterval(() => this._ask(), PAUSE_MS);
    setInterval(() => this._count(), 250);
  }

  /** @param {import("./market.js").Market} market */
  show(market) {
    this._market = market;
    this._told = null;
    this._ask();
  }

  async _ask() {
    if (!this._market || document.hidden || this._asking) return;
    this._asking = true;
    try {
      const { symbol } = this._market;
      const told = await this._rest.get("/api/v3/session", { symbol });
      if (symbol === this._market.symbol) this._take(told);
    } catch {
      // The connection's own sign says that the exchange is away.
    } finally {
      this._asking = false;
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
