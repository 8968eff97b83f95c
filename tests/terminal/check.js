/** The few words that the tests of the terminal's modules need; they run in node and in a browser alike. */

/**
 * Fail unless both are the same, also inside.
 * @param {any} found
 * @param {any} wanted
 */
export function same(found, wanted) {
  const [a, b] = [text(found), text(wanted)];
  if (a !== b) throw new Error(`found ${a}, wanted ${b}`);
}

/**
 * Run the tests of a module.
 * @param {Record<string, () => any>} tests by name
 * @returns {Promise<string[]>} what failed
 */
export async function run(tests) {
  const failed = [];
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
    } catch (error) {
      failed.push(`${name}: ${error.message}`);
    }
  }
  return failed;
}

const text = (value) => JSON.stringify(value, (key, one) => (typeof one === "bigint" ? `${one}n` : one));
