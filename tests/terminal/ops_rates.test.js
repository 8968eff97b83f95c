import { rates, sizeText, spanText, stages } from "../../ingress/terminal/ops_rates.js";
import { same } from "./check.js";

const look = (at_ns, commands, count, mean_s, buckets = [count, 0, 0]) => ({
  at_ns,
  totals: { commands },
  latency: { queued: { count, mean_s, buckets } },
  latency_bounds_ns: [1e6, 1e9],
});

export const tests = {
  "a rate is what came between two looks"() {
    same(rates(look(0, 100, 0, 0), look(2e9, 300, 0, 0)), { commands: 100 });
  },
  "a process that began anew counts from nothing"() {
    same(rates(look(0, 1000, 0, 0), look(1e9, 40, 0, 0)), { commands: 40 });
    const [found] = stages(look(0, 0, 1000, 1), look(1e9, 0, 40, 0.001));
    same(found, { name: "queued", meanS: 0.001, mostS: 0.001, perSecond: 40 });
  },
  "the first look has no rates yet"() {
    const now = look(5, 7, 3, 0.5);
    same(rates(now, now), { commands: 0 });
    same(stages(now, now), [{ name: "queued", meanS: 0.5, mostS: 0.001, perSecond: 0 }]);
  },
  "a mean is that of what came since"() {
    const [found] = stages(look(0, 0, 10, 0.001), look(1e9, 0, 20, 0.002));
    same([found.name, found.meanS.toFixed(6), found.perSecond], ["queued", "0.003000", 10]);
  },
  "the mark is the end of the bucket in which 99 % are reached, of what came since"() {
    const most = (before, now) => stages(look(0, 0, 1000, 1, before), look(1e9, 0, 1100, 1, now))[0].mostS;
    same(most([0, 1000, 0], [99, 1001, 0]), 0.001);
    same(most([0, 1000, 0], [98, 1002, 0]), 1);
    same(most([1000, 0, 0], [1090, 0, 10]), null);
  },
  "where nothing was ever timed there is no mark"() {
    same(stages(look(0, 0, 0, 0), look(1e9, 0, 0, 0)), [{ name: "queued", meanS: 0, mostS: null, perSecond: 0 }]);
  },
  "spans and sizes are written for people"() {
    same([spanText(2), spanText(0.0123), spanText(0.00123), spanText(4.2e-5)], ["2.00 s", "12.3 ms", "1.23 ms", "42 µs"]);
    same([sizeText(0), sizeText(2048), sizeText(3 * 2 ** 30)], ["0 B", "2.0 KiB", "3.0 GiB"]);
  },
};
