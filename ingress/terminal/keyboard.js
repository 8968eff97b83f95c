/** The keyboard: every action has a key, and `?` shows them. */

import { byId, el } from "./dom.js";

/**
 * @typedef {object} Shortcut
 * @property {string} keys as `event.key`, or with `Shift+` before it
 * @property {string} does for the help
 * @property {() => void} act
 */

/**
 * Listen to the keyboard.
 * @param {Shortcut[]} shortcuts
 */
export function listenToKeys(shortcuts) {
  const table = new Map(shortcuts.map((one) => [one.keys, one]));
  const rows = shortcuts.map((one) => el("div", {}, el("dt", {}, ...one.keys.split("+").map((key) => el("kbd", { text: key }))), el("dd", { text: one.does })));
  byId("help-list").append(...rows);
  byId("help-close").addEventListener("click", () => byId("help").close());
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input, select, textarea");
    if (event.key === "Escape" && typing && !event.target.closest("dialog")) event.target.blur();
    if (typing || document.querySelector("dialog[open]")) return;
    const key = event.shiftKey && event.key.length === 1 && /[A-Z]/.test(event.key) ? `Shift+${event.key}` : event.key;
    const shortcut = table.get(key);
    if (!shortcut) return;
    event.preventDefault();
    shortcut.act();
  });
}
