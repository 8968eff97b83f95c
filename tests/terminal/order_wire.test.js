import { OrderWire, payloadOf } from "../../ingress/terminal/order_wire.js";
import { importSecret } from "../../ingress/terminal/signing.js";
import { same } from "./check.js";

/** A socket in the hand of a test. */
class Socket {
  sent = [];
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.onclose();
  }
  answer(told) {
    this.onmessage({ data: JSON.stringify(told) });
  }
}

async function opened() {
  const socket = new Socket();
  const told = [];
  const wire = new OrderWire("ws://here", (isOpen) => told.push(isOpen), () => socket);
  wire.start();
  socket.onopen();
  const signer = { apiKey: "K", ...(await importSecret("S")) };
  const ask = (method, path, params) => {
    const asked = wire.ask(method, path, params, signer);
    // What fails later is looked at later.
    asked.catch(() => {});
    return asked;
  };
  const sent = async (count) => {
    while (socket.sent.length < count) await new Promise((done) => setTimeout(done));
    return socket.sent;
  };
  return { wire, socket, told, ask, sent };
}

const problemOf = (asked) => asked.then(() => "none", (problem) => [problem.code, problem.message, problem.unknown]);

export const tests = {
  "all parameters are signed by their names' order"() {
    same(payloadOf({ symbol: "BTCUSDT", apiKey: "K", price: "0.010", orderId: 7 }), "apiKey=K&orderId=7&price=0.010&symbol=BTCUSDT");
  },
  async "answers find who asked, whatever their order"() {
    const { socket, ask, sent } = await opened();
    const first = ask("POST", "/api/v3/order", { symbol: "A", price: "", quantity: undefined });
    const second = ask("DELETE", "/api/v3/openOrders", { symbol: "B" });
    const [one, two] = await sent(2);
    same([one.method, two.method, one.params.symbol, "price" in one.params], ["order.place", "openOrders.cancelAll", "A", false]);
    same(one.params.signature.length, 64);
    socket.answer({ id: two.id, status: 200, result: [] });
    socket.answer({ id: one.id, status: 400, error: { code: -2010, msg: "No.", data: { a: 1 } } });
    same(await second, []);
    same(await problemOf(first), [-2010, "No.", false]);
  },
  async "what was not answered when the connection ended is unknown"() {
    const { wire, socket, told, ask, sent } = await opened();
    const asked = ask("POST", "/api/v3/order", { symbol: "A" });
    await sent(1);
    socket.close();
    same(await problemOf(asked), [0, "No connection to the exchange.", true]);
    same([wire.takes("POST", "/api/v3/order"), told], [false, [true, false]]);
  },
  async "only orders go this way, and only while it is there"() {
    const { wire } = await opened();
    same([wire.takes("POST", "/api/v3/order"), wire.takes("GET", "/api/v3/order"), wire.takes("GET", "/api/v3/account")], [true, false, false]);
    same(new OrderWire("ws://here", () => {}, () => new Socket()).takes("POST", "/api/v3/order"), false);
  },
  async "an answer to nobody is left alone"() {
    const { socket } = await opened();
    socket.answer({ id: null, status: 401, error: { code: -2015, msg: "Gone." } });
    socket.answer({ event: { e: "serverShutdown" } });
  },
};
