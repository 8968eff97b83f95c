import { run } from "./check.js";

/** Every file of tests. */
export const FILES = ["decimal", "book", "filters", "kinds", "signing", "ops_rates", "order_wire"];

/**
 * Run them all.
 * @returns {Promise<{passed: number, failed: string[]}>}
 */
export async function all() {
  const failed = [];
  let count = 0;
  for (const file of FILES) {
    const { tests } = await import(`./${file}.test.js`);
    count += Object.keys(tests).length;
    failed.push(...(await run(tests)).map((text) => `${file}: ${text}`));
  }
  return { passed: count - failed.length, failed };
}
