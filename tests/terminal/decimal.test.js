import * as decimal from "../../ingress/terminal/decimal.js";
import { same } from "./check.js";

export const tests = {
  "decimal text is read exactly"() {
    same(decimal.parse("0.1"), 10n ** 17n);
    same(decimal.parse("90071992547409931.000000000000000001"), 90071992547409931000000000000000001n);
  },
  "what is no decimal is refused"() {
    for (const text of ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "0x1", " 1", "1.0000000000000000001", "NaN"]) {
      same(decimal.parse(text), null);
    }
  },
  "sums that floating point gets wrong are right"() {
    same(decimal.format(decimal.parse("0.1") + decimal.parse("0.2"), 8), "0.30000000");
    same(decimal.format(decimal.times(decimal.parse("1.1"), decimal.parse("1.1")), 8), "1.21000000");
    same(decimal.format(decimal.times(decimal.parse("999999.99"), decimal.parse("8999.99999")), 8), "8999999900.00000010");
  },
  "division and steps round down"() {
    same(decimal.format(decimal.over(decimal.parse("1"), decimal.parse("3")), 5), "0.33333");
    same(decimal.floorTo(decimal.parse("1.23456"), decimal.parse("0.01")), decimal.parse("1.23"));
    same(decimal.floorTo(5n, 0n), 5n);
  },
  "text is cut, never rounded up"() {
    same(decimal.format(decimal.parse("1.999"), 2), "1.99");
    same(decimal.format(decimal.parse("1.999"), 0), "1");
    same(decimal.format(-decimal.parse("0.5"), 2), "-0.50");
  },
  "ticks become text and back"() {
    same(decimal.toWhole("50000.01000000", 2), 5000001);
    same(decimal.toWhole("7", 2), 700);
    same(decimal.fromWhole(5000001, 2), "50000.01");
    same(decimal.fromWhole(1, 5), "0.00001");
    same(decimal.fromWhole(12, 0), "12");
    same(decimal.placesOf("0.01000000"), 2);
    same(decimal.placesOf("1.00000000"), 0);
  },
  "text for people has commas and no idle zeros"() {
    same(decimal.grouped("1234567.8912"), "1,234,567.8912");
    same(decimal.trimmed("1.50000000"), "1.5");
    same(decimal.trimmed("1.50000000", 2), "1.50");
    same(decimal.trimmed("100"), "100");
  },
};
