/**
 * Exact decimals. Money typed by a person or sent to the exchange never becomes a floating-point number:
 * amounts are BigInt counts of 10^-18, prices and quantities of the book are whole ticks and lots,
 * kept in numbers below 2^53.
 */

const PLACES = 18;
const ONE = 10n ** BigInt(PLACES);
const DECIMAL = /^(\d{1,20})(?:\.(\d{1,18}))?$/;

/**
 * Read decimal text.
 * @param {string} text digits with at most one point
 * @returns {bigint|null} units of 10^-18; null when it is no decimal
 */
export function parse(text) {
  const found = DECIMAL.exec(text);
  if (!found) return null;
  return BigInt(found[1]) * ONE + BigInt((found[2] ?? "").padEnd(PLACES, "0"));
}

/**
 * Write units of 10^-18 with a fixed number of places, rounded down.
 * @param {bigint} units
 * @param {number} places
 * @returns {string}
 */
export function format(units, places) {
  const sign = units < 0n ? "-" : "";
  const digits = (units < 0n ? -units : units).toString().padStart(PLACES + 1, "0");
  const whole = digits.slice(0, -PLACES);
  const part = digits.slice(-PLACES, -PLACES + places || undefined);
  return sign + (places ? `${whole}.${part}` : whole);
}

/**
 * Multiply, rounded down; exact while both have at most nine places.
 * @param {bigint} a
 * @param {bigint} b
 * @returns {bigint}
 */
export function times(a, b) {
  return (a * b) / ONE;
}

/**
 * Divide, rounded down.
 * @param {bigint} a
 * @param {bigint} b not zero
 * @returns {bigint}
 */
export function over(a, b) {
  return (a * ONE) / b;
}

/**
 * Round down to a multiple of a step.
 * @param {bigint} units
 * @param {bigint} step 0n leaves it alone
 * @returns {bigint}
 */
export function floorTo(units, step) {
  return step > 0n ? units - (units % step) : units;
}

/**
 * Count the places that a step has: "0.01000000" has two.
 * @param {string} step
 * @returns {number}
 */
export function placesOf(step) {
  const part = step.split(".")[1] ?? "";
  return part.replace(/0+$/, "").length;
}

/**
 * Read decimal text as a whole number of 10^-places; digits beyond are dropped (the exchange sends none).
 * @param {string} text
 * @param {number} places
 * @returns {number}
 */
export function toWhole(text, places) {
  const point = text.indexOf(".");
  if (point < 0) return Number(text + "0".repeat(places));
  const part = text.slice(point + 1, point + 1 + places);
  return Number(text.slice(0, point) + part.padEnd(places, "0"));
}

/**
 * Write a whole number of 10^-places as decimal text.
 * @param {number} whole
 * @param {number} places
 * @returns {string}
 */
export function fromWhole(whole, places) {
  if (!places) return String(whole);
  const digits = String(whole).padStart(places + 1, "0");
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/**
 * Put commas between thousands of decimal text.
 * @param {string} text
 * @returns {string}
 */
export function grouped(text) {
  const [whole, part] = text.split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return part === undefined ? spaced : `${spaced}.${part}`;
}

/**
 * Drop trailing zeros of decimal text, but keep `least` places.
 * @param {string} text
 * @param {number} [least]
 * @returns {string}
 */
export function trimmed(text, least = 0) {
  if (!text.includes(".")) return text;
  const [whole, part] = text.split(".");
  const kept = part.replace(/0+$/, "").padEnd(least, "0");
  return kept ? `${whole}.${kept}` : whole;
}
