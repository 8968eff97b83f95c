// The yardstick of ws_bench: npm `ws`, its own send(), one cork and uncork per client and round.
// node ws_yardstick.js TRADES: prints its port, sends a round for every byte on standard input.
const { WebSocketServer } = require("ws");

const trades = Number(process.argv[2]);
let id = 100000001;

function trade() {
  const now = Date.now();
  return JSON.stringify({
    e: "trade", E: now, s: "BTCUSDT", t: id++, p: "65000.12000000", q: "0.12345000",
    T: now, m: false, M: true,
  });
}

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false }, () => {
  console.log(server.address().port);
});

function round() {
  const messages = Array.from({ length: trades }, () => Buffer.from(trade()));
  for (const client of server.clients) {
    client._socket.cork();
    for (const message of messages) client.send(message, { binary: false });
    client._socket.uncork();
  }
}

process.stdin.on("data", (asked) => {
  for (let i = 0; i < asked.length; i++) round();
});
process.stdin.on("end", () => process.exit(0));
