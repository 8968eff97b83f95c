/** The fields of the ticket: labels, units and how arrow keys move their numbers. */

import { format, parse, trimmed } from "./decimal.js";
import { el } from "./dom.js";
import { PENDING_TYPES } from "./kinds.js";

const words = (type) => type[0] + type.slice(1).toLowerCase().replaceAll("_", " ");
const opposite = (side) => (side === "BUY" ? "SELL" : "BUY");

/**
 * @typedef {object} Field
 * @property {string|((kind: string) => string)} label
 * @property {"price"|"qty"|"money"|"bips"|"choice"} type
 * @property {boolean} [optional]
 * @property {string[]} [choices]
 * @property {(context: any) => string} [start] what stands there at first
 */

/** @type {Record<string, Field>} */
export const FIELDS = {
  price: { label: (kind) => ({ OCO: "Limit price", OTO: "Entry price", OTOCO: "Entry price" })[kind] ?? "Price", type: "price" },
  quantity: { label: "Quantity", type: "qty" },
  quoteOrderQty: { label: "or amount", type: "money" },
  stopPrice: { label: (kind) => (kind === "TRAILING" ? "Start at (optional)" : "Stop price"), type: "price" },
  stopLimitPrice: { label: "Stop limit (optional)", type: "price", optional: true },
  profitPrice: { label: "Take profit", type: "price" },
  trailingDelta: { label: (kind) => (kind === "TRAILING" ? "Distance" : "Trailing (optional)"), type: "bips" },
  icebergQty: { label: "Show only (iceberg)", type: "qty", optional: true },
  pendingSide: { label: "Then", type: "choice", choices: ["BUY", "SELL"], start: ({ side }) => opposite(side) },
  pendingType: { label: "Then as", type: "choice", choices: PENDING_TYPES, start: () => "LIMIT" },
  pendingPrice: { label: "Then price", type: "price" },
  pendingStopPrice: { label: "Then stop", type: "price" },
  pendingQuantity: { label: "Then quantity", type: "qty", optional: true },
};

/**
 * Make one field.
 * @param {string} name
 * @param {string} kind of the order
 * @param {{market: import("./market.js").Market, side: string}} context
 * @returns {{row: HTMLElement, input: HTMLInputElement}}
 */
export function makeField(name, kind, context) {
  const field = FIELDS[name];
  const id = `field-${name}`;
  const label = typeof field.label === "function" ? field.label(kind) : field.label;
  const input = field.type === "choice" ? choice(id, field) : number(id, name, field, context.market);
  const unit = unitOf(field, context.market);
  const row = el(
    "div.field",
    { "data-type": field.type },
    el("label", { for: id, text: label }),
    el("div.box", {}, input, unit ? el("span.unit", { text: unit }) : null),
    el("p.fault", { id: `${name}-fault` }),
  );
  return { row, input };
}

function choice(id, field) {
  return el("select", { id }, ...field.choices.map((one) => el("option", { value: one, text: words(one) })));
}

function number(id, name, field, market) {
  const input = el("input.num", {
    id,
    type: "text",
    inputmode: field.type === "bips" ? "numeric" : "decimal",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: field.optional ? "–" : field.type === "bips" ? "bips" : "0",
    "aria-describedby": `${name}-fault`,
  });
  input.addEventListener("keydown", (event) => {
    const way = { ArrowUp: 1n, ArrowDown: -1n }[event.key];
    if (!way) return;
    event.preventDefault();
    const step = stepOf(field, market) * (event.shiftKey ? 10n : 1n);
    const moved = (parse(input.value.trim() || "0") ?? 0n) + way * step;
    const places = field.type === "price" ? market.pricePlaces : field.type === "qty" ? market.qtyPlaces : 2;
    input.value = field.type === "price" ? format(moved > 0n ? moved : 0n, places) : trimmed(format(moved > 0n ? moved : 0n, places));
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
  return input;
}

function stepOf(field, market) {
  return { price: market.tickUnits, qty: market.stepUnits }[field.type] ?? 10n ** 18n;
}

function unitOf(field, market) {
  return { price: market.quote, qty: market.base, money: market.quote, bips: "bips" }[field.type] ?? "";
}
