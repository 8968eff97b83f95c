/** The tables below the chart: open orders, history, fills, balances. Rows keep their place and their focus. */

import { format, grouped, parse, times, trimmed } from "./decimal.js";
import { byId, dateText, el, isShown, perFrame, put } from "./dom.js";

const MOST_ROWS = 200;
const TABS = ["open", "history", "fills", "balances"];

/** Shows the account. */
export class OrdersView {
  /**
   * @param {import("./account.js").Account} account
   * @param {Map<string, import("./market.js").Market>} markets
   * @param {{cancel: (order: any) => void, amend: (order: any) => void, days: () => Map<string, any>}} wishes
   */
  constructor(account, markets, wishes) {
    this._account = account;
    this._markets = markets;
    this._wishes = wishes;
    this.draw = perFrame(() => this._draw());
    this._tables = Object.fromEntries(TABS.map((tab) => [tab, new Map()]));
    for (const [at, tab] of TABS.entries()) {
      const button = byId(`tab-${tab}`);
      button.addEventListener("click", () => this.choose(tab));
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const next = TABS[(at + step + TABS.length) % TABS.length];
        this.choose(next);
        byId(`tab-${next}`).focus();
      });
    }
    account.watch(this.draw);
    setInterval(() => this._tab === "balances" && this.draw(), 1_000);
    this.choose("open");
  }

  /** @param {string} tab */
  choose(tab) {
    this._tab = tab;
    for (const one of TABS) {
      byId(`tab-${one}`).setAttribute("aria-selected", String(one === tab));
      byId(`tab-${one}`).tabIndex = one === tab ? 0 : -1;
      byId(`panel-${one}`).hidden = one !== tab;
    }
    this.draw();
  }

  _draw() {
    const { orders, history, fills } = this._account;
    put(byId("open-count"), String(orders.size));
    if (!isShown(byId("orders"))) return;
    const rows = {
      open: () => [...orders.values()].sort((a, b) => b.orderId - a.orderId),
      history: () => [...history.values()].sort((a, b) => b.updateTime - a.updateTime || b.orderId - a.orderId),
      fills: () => [...fills.values()].sort((a, b) => b.time - a.time || b.id - a.id),
      balances: () => [...this._account.balances.values()].sort((a, b) => a.asset.localeCompare(b.asset)),
    }[this._tab]().slice(0, MOST_ROWS);
    const key = { open: (one) => one.orderId, history: (one) => one.orderId, fills: (one) => `${one.id}${one.isBuyer}`, balances: (one) => one.asset }[this._tab];
    this._fill(rows, key, (one) => this[`_${this._tab}`](one));
    const empty = byId(`empty-${this._tab}`);
    empty.hidden = rows.length > 0;
    put(empty, this._account.isOpen ? EMPTY[this._tab] : "Add an API key to see your account.");
    if (this._tab === "balances") this._tellEquity();
  }

  /** Put rows into the table: known ones are changed in place. */
  _fill(rows, key, cells) {
    const known = this._tables[this._tab];
    const body = byId(`rows-${this._tab}`);
    const wanted = new Set(rows.map(key));
    for (const [id, row] of known) {
      if (wanted.has(id)) continue;
      row.remove();
      known.delete(id);
    }
    for (const [at, one] of rows.entries()) {
      const texts = cells(one);
      let row = known.get(key(one));
      if (!row) {
        row = el("tr", {}, ...texts.map((cell) => el(`td.${cell.kind ?? "text"}`, { "data-label": cell.label })));
        if (this._tab === "open") row.lastChild.append(...this._buttons(one.orderId));
        known.set(key(one), row);
      }
      row.className = one.side?.toLowerCase() ?? "";
      for (const [place, cell] of texts.entries()) if (cell.text !== undefined) put(row.children[place], cell.text);
      if (body.children[at] !== row) body.insertBefore(row, body.children[at] ?? null);
    }
  }

  _buttons(id) {
    const act = (name, wish) => {
      const click = () => {
        const order = this._account.orders.get(id);
        if (order) wish(order);
      };
      return el("button.small", { type: "button", text: name, "aria-label": `${name} order ${id}`, onclick: click });
    };
    return [act("Amend", this._wishes.amend), act("Cancel", this._wishes.cancel)];
  }

  _open(order) {
    return [
      ...this._about(order),
      { label: "Filled", text: this._filled(order), kind: "num" },
      { label: "Status", text: statusText(order) },
      { label: "Entered", text: dateText(order.time), kind: "num.wide" },
      { label: "", kind: "actions" },
    ];
  }

  _history(order) {
    return [
      ...this._about(order),
      { label: "Filled", text: this._filled(order), kind: "num" },
      { label: "Status", text: statusText(order) },
      { label: "Changed", text: dateText(order.updateTime), kind: "num" },
    ];
  }

  _about(order) {
    const market = this._markets.get(order.symbol);
    const price = Number(order.price) ? market.shownPrice(order.price) : "market";
    const stop = Number(order.stopPrice) ? market.shownPrice(order.stopPrice) : order.trailingDelta ? `${order.trailingDelta} bips` : "–";
    const time = order.timeInForce === "GTC" ? "" : ` ${order.timeInForce}`;
    return [
      { label: "Order", text: String(order.orderId), kind: "num.wide" },
      { label: "Instrument", text: order.symbol },
      { label: "Side", text: order.side === "BUY" ? "▲ Buy" : "▼ Sell", kind: "side" },
      { label: "Type", text: typeText(order.type) + time },
      { label: "Price", text: price, kind: "num" },
      { label: "Stop", text: stop, kind: "num" },
      { label: "Quantity", text: market.shownQty(order.origQty), kind: "num" },
    ];
  }

  _filled(order) {
    return this._markets.get(order.symbol).shownQty(order.executedQty);
  }

  _fills(fill) {
    const market = this._markets.get(fill.symbol);
    return [
      { label: "Trade", text: String(fill.id), kind: "num.wide" },
      { label: "Instrument", text: fill.symbol },
      { label: "Side", text: fill.isBuyer ? "▲ Buy" : "▼ Sell", kind: fill.isBuyer ? "side.buy" : "side.sell" },
      { label: "Price", text: market.shownPrice(fill.price), kind: "num" },
      { label: "Quantity", text: market.shownQty(fill.qty), kind: "num" },
      { label: "Worth", text: `${grouped(trimmed(fill.quoteQty, 2))} ${market.quote}`, kind: "num" },
      { label: "Fee", text: `${trimmed(fill.commission)} ${fill.commissionAsset ?? ""}`, kind: "num" },
      { label: "Role", text: fill.isMaker ? "maker" : "taker" },
      { label: "Time", text: dateText(fill.time), kind: "num" },
    ];
  }

  _balances(balance) {
    const total = parse(balance.free) + parse(balance.locked);
    const worth = this._worth(balance.asset, total);
    return [
      { label: "Asset", text: balance.asset },
      { label: "Free", text: grouped(trimmed(balance.free, 2)), kind: "num" },
      { label: "In orders", text: grouped(trimmed(balance.locked, 2)), kind: "num" },
      { label: "Total", text: grouped(trimmed(format(total, 8), 2)), kind: "num" },
      { label: "Worth", text: worth ? `${grouped(format(worth.units, 2))} ${worth.quote}` : "–", kind: "num" },
    ];
  }

  /** What an amount of an asset is worth at the last price, in the money that it trades against. */
  _worth(asset, units) {
    const markets = [...this._markets.values()];
    if (markets.some((market) => market.quote === asset)) return { units, quote: asset };
    const market = markets.find((one) => one.base === asset);
    const last = market && this._wishes.days().get(market.symbol)?.last;
    if (!last || !Number(last)) return null;
    return { units: times(units, parse(last)), quote: market.quote };
  }

  _tellEquity() {
    const sums = new Map();
    for (const { asset, free, locked } of this._account.balances.values()) {
      const worth = this._worth(asset, parse(free) + parse(locked));
      if (worth) sums.set(worth.quote, (sums.get(worth.quote) ?? 0n) + worth.units);
    }
    const texts = [...sums].map(([quote, units]) => `${grouped(format(units, 2))} ${quote}`);
    put(byId("equity"), texts.length ? `Equity ${texts.join(" + ")}` : "");
  }
}

const EMPTY = {
  open: "No open orders.",
  history: "No finished orders of this instrument.",
  fills: "No fills of this instrument.",
  balances: "No balances.",
};

/**
 * Write an order type for people.
 * @param {string} type
 */
export function typeText(type) {
  return type[0] + type.slice(1).toLowerCase().replaceAll("_", " ");
}

function statusText(order) {
  const status = typeText(order.status);
  if (order.status === "NEW" && order.isWorking === false) return "Waiting";
  return order.expiryReason ? `${status}: ${typeText(order.expiryReason)}` : status;
}
