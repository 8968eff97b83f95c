// What the programs in JavaScript share; the same as cases.py. Modules come from the client's own folder.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

export const REST = process.env.OPENBOURSE_REST;
export const WS = process.env.OPENBOURSE_WS;
export const MINE = JSON.parse(process.env.OPENBOURSE_MINE);
export const load = createRequire(`${process.env.OPENBOURSE_MODULES}/`);
export { assert };

/** Run all cases, in order, and print a line of JSON about each; its name says what must hold. */
export async function run(cases) {
  for (const [name, hold] of Object.entries(cases)) {
    const began = performance.now();
    let failure = "";
    try {
      await Promise.race([hold(), late()]);
    } catch (error) {
      const told = error instanceof Error ? error.stack : JSON.stringify(error);
      failure = String(told).slice(0, 600) || "failed";
    }
    const seconds = Math.round((performance.now() - began) / 10) / 100;
    console.log(JSON.stringify({ case: name, failure, seconds }));
  }
  // A client that connects again and again keeps no program alive that has told all its cases.
  setTimeout(() => process.exit(0), 5000).unref();
}

/** Fail after a minute; the same as in cases.py. */
function late() {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("not done after 60 s")), 60_000).unref();
  });
}

/** Return the first message that a listener hears; `listen` is given what to call with it. */
export function first(listen, seconds = 40) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing was heard in ${seconds} s`)), seconds * 1000);
    listen((message) => {
      clearTimeout(timer);
      resolve(message);
    });
  });
}

/** Return what a call that must be refused was refused with. */
export async function refused(call) {
  let told;
  try {
    told = await call();
  } catch (error) {
    return error;
  }
  throw new Error(`a refusal was expected, not ${JSON.stringify(told)}`);
}
