/**
 * The socket of one conversation, kept open: it comes back after every loss, with growing pauses and some chance in
 * them, and finds out by itself when the network is gone. What its frames mean is `conversation.js`'s business.
 */

import { socketAddress } from "./api.js";

const PROTOCOL = "deskbus.v1";
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const CROWDED_PAUSE_MS = 10_000;
const STEADY_MS = 5_000;
const PING_MS = 25_000;
const SILENCE_MS = 10_000;
const OPENING_MS = 10_000;

/** The server has heard nothing for long: it is asked again when somebody is there, and not before. */
const IDLE = 4408;
const SIGNS_OF_LIFE = ["focus", "pointerdown", "keydown"];

/** Close codes after which asking again is of no use, and why. */
const FINAL = new Map([
  [4001, "gone"],
  [4004, "gone"],
  [4409, "ended"],
  [4401, "refused"],
  [4403, "refused"],
]);

/** What the server says before these closes, for where the code itself is lost on the way (1006). */
const FAREWELLS = new Map([
  ["invalid_session_id", 4001],
  ["session_not_found", 4004],
  ["session_deleted", 4409],
  ["session_ended", 4409],
  ["not_authenticated", 4401],
  ["origin_refused", 4403],
  ["idle_timeout", IDLE],
]);

/**
 * States that `onState` is told: `connecting`, `open`, `waiting` (with `inMs` and `restart`), `offline`, `idle` (until
 * the reader comes back), and `over` (with `why`: gone, ended, refused; and what the server said).
 */
export class Connection {
  /**
   * @param {{sessionId: string, cursor: () => string|null, onFrame: (frame: object) => void,
   *   onState: (state: object) => void, query?: object, protocols?: string[]}} parts `query` goes into the address,
   *   `protocols` are offered after our own.
   */
  constructor(parts) {
    this.parts = parts;
    this.socket = null;
    this.failures = 0;
    this.hint = null;
    this.restarting = false;
    this.said = "";
    this.farewell = null;
    this.timers = new Map();
    this.ended = false;
    this.idle = false;
    this.wake = () => this.soon();
    this.stir = () => this.idle && this.soon();
    for (const sign of SIGNS_OF_LIFE) window.addEventListener(sign, this.stir, { passive: true });
    window.addEventListener("online", this.wake);
    window.addEventListener("pageshow", this.wake);
    document.addEventListener("visibilitychange", this.wake);
  }

  /** Connect now, if there is no connection and none is being made. */
  open() {
    if (this.socket || this.ended) return;
    const { sessionId, cursor, query = {}, protocols = [] } = this.parts;
    this.clear("pause");
    this.idle = false;
    this.said = "";
    this.farewell = null;
    this.parts.onState({ name: "connecting" });
    const socket = new WebSocket(socketAddress(sessionId, cursor(), query), [PROTOCOL, ...protocols]);
    this.socket = socket;
    this.after("opening", OPENING_MS, () => this.drop(socket));
    socket.addEventListener("message", (event) => this.socket === socket && this.receive(event.data));
    socket.addEventListener("close", (event) => this.lost(socket, event.code));
  }

  /** Send a frame; false where there is no connection, and then nothing was sent. */
  send(frame) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Connect anew, with whatever the cursor is by then. */
  restart() {
    if (this.socket) this.drop(this.socket);
  }

  /** Close for good. */
  end() {
    this.ended = true;
    for (const name of [...this.timers.keys()]) this.clear(name);
    for (const sign of SIGNS_OF_LIFE) window.removeEventListener(sign, this.stir);
    window.removeEventListener("online", this.wake);
    window.removeEventListener("pageshow", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    this.socket?.close(1000);
    this.socket = null;
  }

  // --- what comes in

  receive(data) {
    this.listen();
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (typeof frame?.type !== "string") return;
    this.farewell = frame.type === "error" ? frame.code : null;
    if (frame.type === "connected") {
      this.clear("opening");
      this.restarting = false;
      this.after("steady", STEADY_MS, () => (this.failures = 0));
      this.parts.onState({ name: "open" });
    } else if (frame.type === "draining") {
      this.hint = Math.max(0, Number(frame.retry_after_ms) || 0);
    } else if (frame.type === "error") {
      this.said = frame.message;
    }
    if (frame.type !== "pong") this.parts.onFrame(frame);
  }

  /** A connection that is silent for long is asked; one that does not answer is dead, whatever the browser thinks. */
  listen() {
    this.clear("silence");
    this.after("ping", PING_MS, () => {
      const asked = this.socket;
      if (this.send({ type: "ping" })) this.after("silence", SILENCE_MS, () => this.drop(asked));
    });
  }

  // --- loss and return

  /** Give a connection up without waiting for the other side's goodbye, which may never come. */
  drop(socket) {
    socket.close();
    this.lost(socket, 1006);
  }

  lost(socket, told) {
    if (this.socket !== socket) return;
    const code = told === 1006 ? FAREWELLS.get(this.farewell) ?? told : told;
    this.socket = null;
    const steady = !this.timers.has("steady") && !this.timers.has("opening");
    for (const name of ["ping", "silence", "steady", "opening"]) this.clear(name);
    if (this.ended) return;
    if (FINAL.has(code)) {
      this.end();
      this.parts.onState({ name: "over", why: FINAL.get(code), said: this.said });
      return;
    }
    if (code === IDLE) {
      this.idle = true;
      if (!steady) this.failures += 1;
      this.parts.onState({ name: "idle" });
      return;
    }
    this.failures += 1;
    const pause = this.pause(code);
    // A restart is one until it is over, however often the door is found closed meanwhile.
    this.restarting ||= this.hint !== null || code === 1012;
    this.hint = null;
    const waiting = { name: "waiting", inMs: pause, restart: this.restarting };
    this.parts.onState(navigator.onLine === false ? { name: "offline" } : waiting);
    this.after("pause", pause, () => this.open());
  }

  /** How long to wait: what the server asked for, else twice as long each time; never everybody at once. */
  pause(code) {
    const chance = 0.5 + Math.random() / 2;
    if (this.hint !== null) return this.hint + 250 * chance;
    const grown = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.failures - 1));
    return (code === 4429 ? Math.max(grown, CROWDED_PAUSE_MS) : grown) * chance;
  }

  /** The network or the reader is back: no need to wait out a long pause. */
  soon() {
    if (document.visibilityState !== "visible" || this.socket) return;
    if (this.idle && this.failures > 0) {
      // It was sent away as soon as it came: then not at every key that is pressed.
      this.idle = false;
      this.after("pause", this.pause(IDLE), () => this.open());
    } else if (this.idle || this.timers.has("pause")) {
      this.open();
    }
  }

  // --- timers

  after(name, ms, work) {
    this.clear(name);
    this.timers.set(
      name,
      setTimeout(() => {
        this.timers.delete(name);
        work();
      }, ms),
    );
  }

  clear(name) {
    clearTimeout(this.timers.get(name));
    this.timers.delete(name);
  }
}
