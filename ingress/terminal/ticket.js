/**
 * The order ticket. What is typed stays text until it is sent; sums are exact. An order carries an id of our own
 * making, so that after an answer that never came the exchange can be asked what became of it.
 */

import { floorTo, format, grouped, over, parse, times, trimmed } from "./decimal.js";
import { byId, el, put } from "./dom.js";
import { faults } from "./filters.js";
import { KINDS, TIMES, hasPrice, isContingent } from "./kinds.js";
import { FIELDS, makeField } from "./ticket_fields.js";

const QUICK = ["LIMIT", "MARKET", "STOP_LOSS_LIMIT"];
const SHARES = [25, 50, 75, 100];

/** The ticket of the instrument on show. */
export class Ticket {
  /**
   * @param {import("./rest.js").Rest} rest
   * @param {import("./account.js").Account} account
   * @param {{say: (text: string, kind: string) => void, lastPrice: () => string}} around
   */
  constructor(rest, account, around) {
    this._rest = rest;
    this._account = account;
    this._around = around;
    this.side = "BUY";
    this.kind = "LIMIT";
    this._values = {};
    this._form = byId("ticket-form");
    this._form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    byId("side-buy").addEventListener("click", () => this.choose({ side: "BUY" }));
    byId("side-sell").addEventListener("click", () => this.choose({ side: "SELL" }));
    byId("kind").addEventListener("change", (event) => this.choose({ kind: event.target.value }));
    for (const kind of QUICK) byId(`kind-${kind}`).addEventListener("click", () => this.choose({ kind }));
    byId("time-in-force").addEventListener("change", () => this._timeChanged());
    byId("good-till").addEventListener("input", () => this.check());
    const shares = SHARES.map((share) =>
      el("button", { type: "button", text: `${share}%`, onclick: () => this._takeShare(share) }),
    );
    byId("shares").append(...shares);
    account.watch(() => this._tellFunds());
  }

  /**
   * Trade another instrument: what was typed for the old one is no use.
   * @param {import("./market.js").Market} market
   */
  show(market) {
    this._market = market;
    this._values = {};
    this._time = undefined;
    const offered = Object.entries(KINDS).filter(([, kind]) => kind.offered(market.info));
    byId("kind").replaceChildren(...offered.map(([id, kind]) => el("option", { value: id, text: kind.label })));
    if (!offered.some(([id]) => id === this.kind)) this.kind = offered[0][0];
    this._build();
  }

  /**
   * Take another side or kind; what was typed stays.
   * @param {{side?: string, kind?: string}} wish
   */
  choose({ side = this.side, kind = this.kind }) {
    if (!KINDS[kind].offered(this._market.info)) return;
    this.side = side;
    this.kind = kind;
    this._build();
  }

  /**
   * Take a price from the book.
   * @param {string} price decimal text
   */
  takePrice(price) {
    if (!KINDS[this.kind].fields.includes("price")) this.choose({ kind: "LIMIT" });
    this._put("price", price);
    this.check();
  }

  /** Put the cursor where the next number belongs. */
  focus() {
    const fields = KINDS[this.kind].fields.filter((name) => this._inputs[name]);
    const empty = fields.find((name) => !this._inputs[name].value);
    this._inputs[empty ?? fields[0]].focus();
  }

  /** Read the form. */
  values() {
    const found = { symbol: this._market.symbol, side: this.side, timeInForce: byId("time-in-force").value };
    for (const [name, input] of Object.entries(this._inputs)) found[name] = input.value.trim().replaceAll(",", "");
    if (this.kind === "MARKET" && found.quoteOrderQty) delete found.quantity;
    const until = byId("good-till").value;
    if (found.timeInForce === "GTD" && until) found.goodTillDate = new Date(until).getTime();
    return found;
  }

  /**
   * Show what is wrong with what was typed.
   * @param {boolean} [all] also what is still missing
   * @returns {boolean} whether the order can be sent
   */
  check(all = false) {
    const values = this.values();
    const found = faults(this._market, KINDS[this.kind].request(values).legs);
    const isPast = values.goodTillDate <= Date.now() + this._rest.offsetMs;
    if (isPast) found.push({ field: "goodTillDate", text: "Must lie ahead." });
    const faulty = new Map(found.map(({ field, text }) => [field, text]));
    for (const [name, input] of Object.entries(this._inputs)) {
      const text = faulty.get(name) ?? "";
      const shown = text && (all || input.value) ? text : "";
      put(byId(`${name}-fault`), shown);
      if (shown) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
    put(byId("good-till-fault"), all || isPast ? (faulty.get("goodTillDate") ?? "") : "");
    this._tellSum(values);
    return found.length === 0;
  }

  /** Send the order. */
  async submit() {
    this._tell("", "");
    if (!this.check(true)) {
      const wrong = Object.values(this._inputs).find((input) => input.hasAttribute("aria-invalid"));
      wrong?.focus();
      this._tell("The order was not sent: see what is marked.", "bad");
      return;
    }
    const { path, params } = KINDS[this.kind].request(this.values());
    const isList = path.includes("orderList");
    const ourId = `t-${crypto.randomUUID().slice(0, 23)}`;
    params[isList ? "listClientOrderId" : "newClientOrderId"] = ourId;
    params.newOrderRespType = "RESULT";
    const button = byId("submit");
    button.disabled = true;
    try {
      this._tell(describe(await this._rest.signed("POST", path, params), this._market), "good");
    } catch (problem) {
      if (problem.unknown) await this._lookUp(params.symbol, ourId, isList, problem);
      else this._tell(problem.text, "bad");
    } finally {
      button.disabled = false;
    }
  }

  /** After no answer: say what became of the order, or that it is not known. */
  async _lookUp(symbol, ourId, isList, problem) {
    this._tell(`${problem.message} Asking what became of the order…`, "bad");
    try {
      const path = isList ? "/api/v3/orderList" : "/api/v3/order";
      const found = await this._rest.signed("GET", path, { symbol: isList ? undefined : symbol, origClientOrderId: ourId });
      this._tell(describe(found, this._market), "good");
    } catch (answer) {
      const gone = answer.code === -2013;
      this._tell(gone ? "The order did not reach the exchange." : "Status unknown: look at your open orders.", "bad");
    }
  }

  _build() {
    const kind = KINDS[this.kind];
    const names = kind.fields.filter((name) => name !== "trailingDelta" || this._market.info.allowTrailingStop);
    const context = { market: this._market, side: this.side };
    this._inputs = {};
    const rows = names.map((name) => {
      const { row, input } = makeField(name, this.kind, context);
      input.value = this._values[name] ?? FIELDS[name].start?.(context) ?? "";
      input.addEventListener("input", () => this._typed(name));
      this._inputs[name] = input;
      return row;
    });
    byId("fields").replaceChildren(...rows);
    this._showPending();
    this._buildTimes(kind);
    this._paintSide();
    put(byId("kind-hint"), kind.hint);
    byId("kind").value = this.kind;
    for (const quick of QUICK) byId(`kind-${quick}`).setAttribute("aria-pressed", String(quick === this.kind));
    this.check();
    this._tellFunds();
  }

  _buildTimes(kind) {
    const select = byId("time-in-force");
    select.replaceChildren(...kind.times.map((time) => el("option", { value: time, text: TIMES[time] })));
    select.value = kind.times.includes(this._time) ? this._time : kind.times[0];
    byId("good-till-row").hidden = select.value !== "GTD";
  }

  _timeChanged() {
    this._time = byId("time-in-force").value;
    byId("good-till-row").hidden = this._time !== "GTD";
    this.check();
  }

  _paintSide() {
    const buys = this.side === "BUY";
    byId("side-buy").setAttribute("aria-pressed", String(buys));
    byId("side-sell").setAttribute("aria-pressed", String(!buys));
    const button = byId("submit");
    button.className = buys ? "submit buy" : "submit sell";
    button.textContent = `${buys ? "Buy" : "Sell"} ${this._market.base}`;
    this._form.dataset.side = buys ? "buy" : "sell";
  }

  _typed(name) {
    this._values[name] = this._inputs[name].value;
    const other = { quantity: "quoteOrderQty", quoteOrderQty: "quantity" }[name];
    if (this.kind === "MARKET" && this._inputs[name].value) this._put(other, "");
    if (name === "pendingType") this._showPending();
    this.check();
  }

  _showPending() {
    const type = this._inputs.pendingType?.value;
    if (!type) return;
    this._inputs.pendingPrice.closest(".field").hidden = !hasPrice(type);
    this._inputs.pendingStopPrice.closest(".field").hidden = !isContingent(type);
  }

  _put(name, text) {
    if (!this._inputs[name]) return;
    this._inputs[name].value = text;
    this._values[name] = text;
  }

  _takeShare(share) {
    const market = this._market;
    const buys = this.side === "BUY";
    const free = parse(this._account.balances.get(buys ? market.quote : market.base)?.free ?? "0");
    const part = (free * BigInt(share)) / 100n;
    if (this.kind === "MARKET" && buys) {
      this._put("quoteOrderQty", trimmed(format(floorTo(part, 10n ** 16n), 2)));
      this._put("quantity", "");
    } else {
      const values = this.values();
      const price = parse(values.price || values.stopPrice || this._around.lastPrice());
      if (buys && !price) return;
      const qty = floorTo(buys ? over(part, price) : part, market.stepUnits);
      this._put("quantity", trimmed(format(qty, market.qtyPlaces)));
    }
    this.check();
  }

  _tellFunds() {
    if (!this._market) return;
    const asset = this.side === "BUY" ? this._market.quote : this._market.base;
    const free = this._account.balances.get(asset)?.free;
    put(byId("available"), free === undefined ? "–" : `${grouped(trimmed(free, 2))} ${asset}`);
  }

  _tellSum(values) {
    const [price, qty] = [parse(values.price || values.stopPrice || ""), parse(values.quantity || "")];
    const worth = price !== null && qty !== null ? times(price, qty) : null;
    const places = Math.min(8, this._market.info.quotePrecision);
    put(byId("worth"), worth === null ? "–" : `${grouped(trimmed(format(worth, places), 2))} ${this._market.quote}`);
  }

  _tell(text, kind) {
    const box = byId("ticket-result");
    box.className = `result ${kind}`;
    box.textContent = text;
    if (text) this._around.say(text, kind);
  }
}

/** Say in one line what the exchange did. */
function describe(told, market) {
  if (told.contingencyType) {
    const count = (told.orderReports ?? told.orders).length;
    return `${told.contingencyType} list ${told.orderListId}: ${count} orders, ${told.listOrderStatus}`;
  }
  const done = parse(told.executedQty);
  if (done > 0n) {
    const average = over(parse(told.cummulativeQuoteQty), done);
    const price = grouped(trimmed(format(average, 8), market.pricePlaces));
    const qty = grouped(trimmed(told.executedQty));
    return `Order ${told.orderId} ${told.status}: ${qty} ${market.base} at ${price}`;
  }
  return `Order ${told.orderId} ${told.status}${told.expiryReason ? `: ${told.expiryReason}` : ""}`;
}
