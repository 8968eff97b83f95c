/**
 * The market and user streams over one combined connection that mends itself: it comes back with growing
 * pauses, subscribes again to everything, and tells its listeners, who then begin anew from a snapshot.
 */

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
const PROBE_MS = 4_000;
const SILENCE_MS = 10_000;

/** @typedef {"connecting"|"open"|"waiting"} State */

/** One connection to the streams. */
export class Streams {
  /**
   * @param {string} url address up to the path, as `ws://127.0.0.1:4000`
   * @param {(state: State, latencyMs: number|null) => void} tell called when the state or the latency changes
   */
  constructor(url, tell) {
    this._url = `${url}/stream`;
    this._tell = tell;
    /** @type {Map<string, {message: (data: any) => void, opened?: () => void}>} */
    this._listeners = new Map();
    this._pause = FIRST_PAUSE_MS;
    this._socket = null;
    this._nextId = 1;
    this._probe = null;
    this._heard = 0;
    this.connects = 0;
  }

  /** Open the connection and keep it open. */
  start() {
    this._open();
    setInterval(() => this._check(), PROBE_MS);
    globalThis.addEventListener?.("online", () => this._open());
  }

  /**
   * Listen to a stream.
   * @param {string} name
   * @param {(data: any) => void} message
   * @param {() => void} [opened] called whenever the connection is there (again), after subscribing
   * @returns {() => void} stops listening
   */
  listen(name, message, opened) {
    const listener = { message, opened };
    this._listeners.set(name, listener);
    if (this.isOpen) {
      this._send("SUBSCRIBE", [name]);
      opened?.();
    }
    return () => {
      if (this._listeners.get(name) !== listener) return;
      this._listeners.delete(name);
      if (this.isOpen) this._send("UNSUBSCRIBE", [name]);
    };
  }

  /** @returns {boolean} whether messages can come */
  get isOpen() {
    return this._socket?.readyState === WebSocket.OPEN;
  }

  _open() {
    if (this._socket) return;
    clearTimeout(this._timer);
    this._tell("connecting", null);
    const socket = new WebSocket(this._url);
    this._socket = socket;
    socket.onopen = () => this._opened();
    socket.onmessage = (event) => this._receive(event.data);
    socket.onclose = () => this._closed(socket);
    this._heard = performance.now();
  }

  _opened() {
    this.connects += 1;
    this._probe = null;
    this._heard = performance.now();
    if (this._listeners.size) this._send("SUBSCRIBE", [...this._listeners.keys()]);
    this._tell("open", null);
    for (const listener of [...this._listeners.values()]) listener.opened?.();
    this._check();
  }

  _closed(socket) {
    if (socket !== this._socket) return;
    this._socket = null;
    this._tell("waiting", null);
    // A random part keeps many pages from coming back all at once.
    this._timer = setTimeout(() => this._open(), this._pause * (0.75 + Math.random() / 2));
    this._pause = Math.min(this._pause * 2, LONGEST_PAUSE_MS);
  }

  _receive(text) {
    this._heard = performance.now();
    const told = JSON.parse(text);
    if (told.stream !== undefined) {
      this._listeners.get(told.stream)?.message(told.data);
    } else if (told.id !== undefined && told.id === this._probe?.id) {
      this._pause = FIRST_PAUSE_MS;
      this._tell("open", performance.now() - this._probe.sent);
      this._probe = null;
    }
  }

  /** Measure the way there and back; give up a connection that says nothing any more. */
  _check() {
    const now = performance.now();
    if (this._socket && now - this._heard > SILENCE_MS) {
      const dead = this._socket;
      dead.onclose = null;
      dead.close();
      this._closed(dead);
    } else if (this.isOpen && !this._probe) {
      this._probe = { id: this._nextId, sent: now };
      this._send("GET_PROPERTY", ["combined"]);
    }
  }

  _send(method, params) {
    this._socket.send(JSON.stringify({ method, params, id: this._nextId }));
    this._nextId += 1;
  }
}
