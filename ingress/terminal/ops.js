/** The operator's page: how the exchange stands, and the buttons that run its market. */

import { Admin } from "./admin.js";
import { byId, put } from "./dom.js";
import { say } from "./notices.js";
import { Board } from "./ops_board.js";
import { beginTheme, toggleTheme } from "./theme.js";

const PAUSE_MS = 2_000;
/** Looks over which a rate is taken. */
const BACK = 3;
/** The trail is read and checked as a whole each time: seldom, and after every deed. */
const AUDIT_MS = 30_000;
const DEEDS = 40;
const PLACE = "admin-key";
const WRONG_KEY = 401;

/** The page: who is in, when to look, what to do. */
class Operation {
  /** @param {string} url address of the operator's door */
  constructor(url) {
    this._url = url;
    this._admin = null;
    this._looks = [];
    this._board = new Board((words, args) => this._do(words, args));
    byId("enter").addEventListener("submit", (event) => {
      event.preventDefault();
      this._enter(byId("admin-key").value.trim());
    });
    byId("leave").addEventListener("click", () => this._leave(""));
    byId("kill").addEventListener("click", () => this._askToKill());
    byId("sure-no").addEventListener("click", () => byId("sure").close());
    byId("sure-yes").addEventListener("click", () => this._kill());
    byId("theme").addEventListener("click", () => toggleTheme(() => {}));
    beginTheme(() => {});
  }

  /** Come in again with the key of this tab, and look from now on. */
  async begin() {
    const key = sessionStorage.getItem(PLACE);
    if (key) await this._enter(key);
    setInterval(() => this._look(), PAUSE_MS);
    setInterval(() => this._readAudit(), AUDIT_MS);
  }

  async _enter(key) {
    const admin = new Admin(this._url, key);
    try {
      await admin.get("status");
    } catch (problem) {
      if (problem.status === WRONG_KEY) this._leave(problem.message);
      else put(byId("enter-fault"), problem.message);
      return;
    }
    sessionStorage.setItem(PLACE, key);
    this._admin = admin;
    this._looks = [];
    byId("enter").reset();
    put(byId("enter-fault"), "");
    this._show(true);
    await this._look();
    await this._readAudit();
  }

  _leave(why) {
    sessionStorage.removeItem(PLACE);
    this._admin = null;
    this._board.tellState("–");
    put(byId("heard"), "");
    this._show(false);
    put(byId("enter-fault"), why);
  }

  _show(inside) {
    byId("enter").hidden = inside;
    byId("board").hidden = !inside;
    byId("leave").hidden = !inside;
  }

  async _look() {
    if (document.hidden || this._looking) return;
    this._looking = true;
    const now = await this._heard((admin) => admin.get("status"));
    this._looking = false;
    if (!now) return;
    this._looks.push(now);
    if (this._looks.length > BACK) this._looks.shift();
    this._board.tell(this._looks[0], now);
  }

  async _readAudit() {
    if (document.hidden) return;
    const told = await this._heard((admin) => admin.get(`audit?limit=${DEEDS}`));
    if (told) this._board.tellAudit(told.entries);
  }

  /** Ask the door; a key that holds no more leads out, silence is shown in the head line. */
  async _heard(ask) {
    const admin = this._admin;
    if (!admin) return null;
    try {
      const told = await ask(admin);
      return admin === this._admin ? told : null;
    } catch (problem) {
      if (admin !== this._admin) return null;
      if (problem.status === WRONG_KEY) this._leave(problem.message);
      else if (problem.status) say(problem.message, "bad");
      else this._board.tellState("no answer");
      return null;
    }
  }

  async _do(words, args) {
    try {
      await this._admin.say(words, args);
      say(`${[words, ...Object.values(args)].join(" ")}: done.`, "good");
    } catch (problem) {
      say(problem.message, "bad");
    }
    await this._look();
    await this._readAudit();
  }

  _askToKill() {
    put(byId("sure-text"), "Every instrument is halted and every order of every account is cancelled. The way back is to resume one instrument after the other.");
    byId("sure").showModal();
    byId("sure-no").focus();
  }

  _kill() {
    byId("sure").close();
    this._do("kill-switch", {});
  }
}

const answer = await fetch("/terminal/config.json", { cache: "no-store" });
const { officePort } = await answer.json();
const operation = new Operation(`${location.protocol}//${location.hostname}:${officePort}`);
await operation.begin();
document.documentElement.dataset.ready = "yes";
