/**
 * Change an open order. Less quantity alone is an amendment, which keeps the place in the queue; anything else
 * cancels the order and enters a new one in its stead, in one step.
 */

import { parse, trimmed } from "./decimal.js";
import { byId } from "./dom.js";
import { faults } from "./filters.js";
import { hasPrice } from "./kinds.js";

/** The dialog that changes one order at a time. */
export class AmendDialog {
  /**
   * @param {import("./rest.js").Rest} rest
   * @param {Map<string, import("./market.js").Market>} markets
   * @param {(text: string, kind: string) => void} say
   */
  constructor(rest, markets, say) {
    this._rest = rest;
    this._markets = markets;
    this._say = say;
    this._dialog = byId("amend");
    this._price = byId("amend-price");
    this._qty = byId("amend-quantity");
    byId("amend-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this._send();
    });
    byId("amend-form").addEventListener("input", () => this._explain());
    byId("amend-close").addEventListener("click", () => this._dialog.close());
  }

  /** @param {any} order an open order */
  open(order) {
    this._order = order;
    this._market = this._markets.get(order.symbol);
    byId("amend-title").textContent = `Amend order ${order.orderId}`;
    this._price.value = trimmed(order.price, this._market.pricePlaces);
    this._price.closest(".field").hidden = !hasPrice(order.type);
    this._qty.value = trimmed(order.origQty);
    this._tell("");
    this._explain();
    this._dialog.showModal();
    this._qty.select();
  }

  _explain() {
    const text = this._keepsPlace()
      ? "Keeps its place in the queue."
      : "Cancels and enters anew: it goes to the end of the queue.";
    byId("amend-note").textContent = text;
  }

  _keepsPlace() {
    const [price, qty] = [parse(this._price.value), parse(this._qty.value)];
    const same = price === parse(this._order.price) || !hasPrice(this._order.type);
    return same && qty !== null && qty < parse(this._order.origQty);
  }

  async _send() {
    try {
      await this._learnDate();
    } catch (problem) {
      this._tell(problem.text);
      return;
    }
    const order = this._order;
    const params = this._params();
    const [fault] = faults(this._market, [{ params, at: {} }]);
    if (fault) {
      this._tell(fault.text);
      return;
    }
    try {
      if (this._keepsPlace()) {
        const { symbol, orderId } = order;
        await this._rest.signed("PUT", "/api/v3/order/amend/keepPriority", { symbol, orderId, newQty: params.quantity });
      } else {
        await this._rest.signed("POST", "/api/v3/order/cancelReplace", {
          ...params, cancelReplaceMode: "STOP_ON_FAILURE", cancelOrderId: order.orderId,
        });
      }
      this._say(`Order ${order.orderId} was amended.`, "good");
      this._dialog.close();
    } catch (problem) {
      const inner = problem.data?.newOrderResponse ?? problem.data?.cancelResponse;
      this._tell(inner?.code ? `${problem.text} ${inner.msg} (${inner.code})` : problem.text);
    }
  }

  /** The user stream does not tell until when an order is good: ask, before it is written anew. */
  async _learnDate() {
    const { symbol, orderId, timeInForce, goodTillDate } = this._order;
    if (timeInForce !== "GTD" || goodTillDate) return;
    const told = await this._rest.signed("GET", "/api/v3/order", { symbol, orderId });
    this._order = { ...this._order, goodTillDate: told.goodTillDate };
  }

  /** Write the order as it should become. */
  _params() {
    const { symbol, side, type, timeInForce, stopPrice, trailingDelta, icebergQty, goodTillDate } = this._order;
    const params = { symbol, side, type, quantity: this._qty.value.trim() };
    if (hasPrice(type)) params.price = this._price.value.trim();
    if (hasPrice(type) && type !== "LIMIT_MAKER") params.timeInForce = timeInForce;
    else if (!["GTC", "IOC", "FOK"].includes(timeInForce)) params.timeInForce = timeInForce;
    if (timeInForce === "GTD") params.goodTillDate = goodTillDate;
    if (Number(stopPrice)) params.stopPrice = trimmed(stopPrice);
    if (trailingDelta) params.trailingDelta = String(trailingDelta);
    if (Number(icebergQty)) params.icebergQty = trimmed(icebergQty);
    return params;
  }

  _tell(text) {
    byId("amend-fault").textContent = text;
  }
}
