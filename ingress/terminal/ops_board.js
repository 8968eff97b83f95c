/** What the operator's page shows of one look at the exchange. */

import { byId, clockText, dateText, el, put } from "./dom.js";
import { rates, sizeText, spanText, stages } from "./ops_rates.js";

const PHASES = ["PRE_OPEN", "OPENING_AUCTION", "CONTINUOUS", "VOLATILITY_AUCTION", "CLOSING_AUCTION", "CLOSED"];
/** The way of one order, in its order. */
const WAY = ["received", "queued", "journaled", "matched", "told", "answered"];

/** The tables and figures; what was pressed goes to `act`. */
export class Board {
  /** @param {(words: string, args: Record<string, string>) => void} act does something, as on the command line */
  constructor(act) {
    this._act = act;
    this._rows = new Map();
    this._symbols = [];
  }

  /**
   * Show how things stand.
   * @param {any} before an earlier `status`, for what happened since
   * @param {any} now
   */
  tell(before, now) {
    this.tellState(now.state);
    put(byId("heard"), clockText(now.at_ns / 1e6));
    this._symbols = now.instruments.map(({ symbol }) => symbol);
    tellFigures(rates(before, now), now);
    this._tellMarket(now.instruments);
    tellProcesses(now.processes);
    tellStages(stages(before, now));
    tellStores(now);
  }

  /** @param {string} state of the whole exchange, in a word */
  tellState(state) {
    put(byId("state"), state);
    byId("state").dataset.state = state;
  }

  /** @param {{at: string, who: string, what: string, asked: Record<string, any>, outcome: string}[]} entries oldest first */
  tellAudit(entries) {
    const rows = entries.toReversed().map((one) =>
      el(
        "tr",
        {},
        el("td.num", { text: dateText(Date.parse(one.at)) }),
        el("td", { text: one.who }),
        el("td", { text: `${one.what} ${this._textOf(one.asked)}` }),
        el("td", { text: one.outcome, "data-state": one.outcome === "done" ? "done" : "degraded" }),
      ),
    );
    byId("audit").replaceChildren(...rows);
  }

  _textOf(asked) {
    return Object.entries(asked)
      .filter(([name, value]) => name === "instrument" || (value !== 0 && value !== ""))
      .map(([name, value]) => {
        if (name === "instrument") return this._symbols[value] ?? value;
        return name === "expire_ns" ? `until ${clockText(value / 1e6)}` : `${name} ${value}`;
      })
      .join(", ");
  }

  _tellMarket(instruments) {
    for (const { symbol, phase } of instruments) {
      if (!this._rows.has(symbol)) this._rows.set(symbol, this._marketRow(symbol));
      const row = this._rows.get(symbol);
      put(row.phase, wordOf(phase));
      row.phase.dataset.state = phase === "CONTINUOUS" ? "running" : phase === "HALTED" ? "down" : "degraded";
      row.halt.hidden = phase === "HALTED" || phase === "CLOSED";
      row.resume.hidden = phase !== "HALTED";
    }
  }

  _marketRow(symbol) {
    const button = (text, label, does) => el("button.small", { type: "button", text, "aria-label": label, onclick: does });
    const halt = button("Halt", `Halt ${symbol}`, () => this._act("halt", { symbol }));
    const resume = button("Resume", `Resume ${symbol}`, () => this._act("resume", { symbol }));
    const choice = el(
      "select",
      { "aria-label": `Next phase of ${symbol}` },
      ...PHASES.map((one) => el("option", { value: one, text: wordOf(one) })),
    );
    choice.value = "CONTINUOUS";
    const go = button("Go", `Take ${symbol} to the phase chosen`, () => this._act("phase", { symbol, phase: choice.value }));
    const phase = el("td");
    byId("market").append(el("tr", {}, el("td", { text: symbol }), phase, el("td.deeds", {}, halt, resume, choice, go)));
    return { phase, halt, resume };
  }
}

function tellFigures(rate, now) {
  const lost = Object.values(now.drops).reduce((sum, one) => sum + Number(one), 0);
  // At an edge no writer is: the books are written where the exchange is.
  const hasBooks = now.watermark_lag_events !== null;
  const whole = (number) => Math.round(number).toLocaleString("en");
  const figures = {
    "Commands / s": whole(rate.commands ?? 0),
    "Requests / s": whole(rate.requests ?? 0),
    ...(hasBooks && { "Events written / s": whole(rate.written_events ?? 0) }),
    "Messages out / s": whole(rate.delivered_messages ?? 0),
    "Stream clients": whole(now.connections),
    "Commands waiting": whole(now.queues.pending_commands),
    "Events waiting": whole(now.queues.pending_events),
    ...(hasBooks && { "Database behind": `${whole(now.watermark_lag_events)} events` }),
    "Last command": whole(now.seq),
    Dropped: whole(lost),
  };
  byId("figures").replaceChildren(...termsOf(figures, (name) => (name === "Dropped" && lost ? "sell" : null)));
}

function tellProcesses(processes) {
  const rows = processes.map((one) =>
    el(
      "tr",
      {},
      el("td", { text: one.role && one.role !== one.name ? `${one.name} (${one.role})` : one.name }),
      el("td", { text: one.state, "data-state": one.state }),
      el("td.num", { text: String(one.pid || "–") }),
      el("td.num", { text: String(one.restarts) }),
      el("td", { text: one.last_end || "–" }),
    ),
  );
  byId("processes").replaceChildren(...rows);
}

function tellStages(all) {
  const known = new Map(all.map((one) => [one.name, one]));
  const way = WAY.filter((name) => known.has(name)).map((name) => known.get(name));
  const sum = way.reduce((total, one) => total + one.meanS, 0) || 1;
  const rows = [...way, ...all.filter(({ name }) => !WAY.includes(name))].map((one) =>
    el(
      "tr",
      {},
      el("td", { text: one.name.replaceAll("_", " ") }),
      el("td.num", { text: spanText(one.meanS) }),
      el("td.num", { text: one.mostS === null ? "–" : spanText(one.mostS) }),
      el("td.num", { text: one.perSecond.toFixed(1) }),
      el("td", {}, way.includes(one) ? shareOf(one, sum) : null),
    ),
  );
  byId("stages").replaceChildren(...rows);
}

function shareOf(stage, sum) {
  return el("meter.share", { min: 0, max: 1, value: stage.meanS / sum, "aria-label": `share of ${stage.name}` });
}

function tellStores(now) {
  const figures = {
    "Journal segments": now.journal.files,
    "Journal size": sizeText(now.journal.bytes),
    "Newest segment": now.journal.newest || "–",
    Snapshots: now.snapshots.files,
    "Snapshots' size": sizeText(now.snapshots.bytes),
    "Newest snapshot": now.snapshots.newest || "none yet",
  };
  byId("stores").replaceChildren(...termsOf(figures, () => null));
}

function termsOf(figures, way) {
  return Object.entries(figures).map(([name, text]) =>
    el("div", {}, el("dt", { text: name }), el("dd", { text: String(text), "data-way": way(name) })),
  );
}

function wordOf(phase) {
  return phase.replaceAll("_", " ").toLowerCase();
}
