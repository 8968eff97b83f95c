import { Book, Side, steps } from "../../ingress/terminal/book.js";
import { same } from "./check.js";

const change = (U, u, b = [], a = []) => ({ U, u, b, a });
const snapshot = (lastUpdateId, bids = [], asks = []) => ({ lastUpdateId, bids, asks });

function levels(side) {
  return side.prices.map((price, at) => [price, side.qtys[at]]);
}

function synced() {
  const book = new Book(2, 0);
  book.load(snapshot(10, [["10.00", "5"], ["9.99", "1"]], [["10.01", "2"], ["10.03", "4"]]));
  return book;
}

export const tests = {
  "sides are sorted from the best on"() {
    const [bids, asks] = [new Side(false), new Side(true)];
    for (const price of [3, 1, 2]) {
      bids.set(price, price);
      asks.set(price, price);
    }
    same(bids.prices, [3, 2, 1]);
    same(asks.prices, [1, 2, 3]);
    asks.set(2, 0);
    asks.set(7, 0);
    asks.set(3, 9);
    same(levels(asks), [[1, 1], [3, 9]]);
  },
  "changes that came before the snapshot are applied to it where they follow it"() {
    const book = new Book(2, 0);
    book.apply(change(8, 9, [["9.98", "9"]]));
    book.apply(change(10, 12, [["9.99", "7"]]));
    same(book.load(snapshot(11, [["10.00", "5"]], [["10.01", "2"]])), true);
    same(levels(book.bids), [[1000, 5], [999, 7]]);
    same(book.lastId, 12);
  },
  "a snapshot older than the first change is refused"() {
    const book = new Book(2, 0);
    book.apply(change(12, 13));
    same(book.load(snapshot(10)), false);
    same(book.synced, false);
    same(book.load(snapshot(11)), true);
  },
  "a change sets and removes levels"() {
    const book = synced();
    same(book.apply(change(11, 11, [["10.00", "0"]], [["10.02", "3"]])), true);
    same([book.bestBid, book.bestAsk], [999, 1001]);
    same(levels(book.asks), [[1001, 2], [1002, 3], [1003, 4]]);
  },
  "what the book already knows changes nothing"() {
    const book = synced();
    same(book.apply(change(9, 10, [["10.00", "99"]])), true);
    same(levels(book.bids)[0], [1000, 5]);
  },
  "a gap is noticed and the next snapshot mends it"() {
    const book = synced();
    same(book.apply(change(12, 12, [["10.00", "1"]])), false);
    book.restart();
    same([book.synced, book.resyncs], [false, 1]);
    book.apply(change(13, 13, [["10.00", "3"]]));
    same(book.load(snapshot(12, [["10.00", "1"]])), true);
    same(levels(book.bids), [[1000, 3]]);
  },
  "a gap between waiting changes leaves the book unsynced"() {
    const book = new Book(2, 0);
    book.apply(change(11, 11));
    book.apply(change(13, 13));
    same(book.load(snapshot(10)), false);
    same(book.synced, false);
  },
  "grouping rounds bids down and asks up and adds up"() {
    const book = synced();
    same(steps(book.bids, 5, 9), [{ price: 1000, qty: 5, total: 5 }, { price: 995, qty: 1, total: 6 }]);
    same(steps(book.asks, 5, 9), [{ price: 1005, qty: 6, total: 6 }]);
    same(steps(book.asks, 1, 1), [{ price: 1001, qty: 2, total: 2 }]);
  },
};
