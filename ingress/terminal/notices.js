/** Short notices in a corner, read out by screen readers, gone after a while. */

import { byId, el } from "./dom.js";

const STAY_MS = 6_000;
const MOST = 4;

/**
 * Say something.
 * @param {string} text
 * @param {string} kind `good`, `bad` or `` (plain)
 */
export function say(text, kind) {
  const box = byId("notices");
  const notice = el(`div.notice.${kind || "plain"}`, {}, el("span", { text }));
  const close = el("button", { type: "button", text: "×", "aria-label": "Dismiss", onclick: () => notice.remove() });
  notice.append(close);
  box.append(notice);
  while (box.children.length > MOST) box.firstChild.remove();
  setTimeout(() => notice.remove(), STAY_MS);
}
