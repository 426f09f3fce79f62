/** Who is writing: told to the others while somebody writes here, and shown where somebody writes elsewhere. */

import { el } from "./dom.js";

/** Told again while it goes on, for servers forget it after some seconds. */
const AGAIN_MS = 3_000;
const PAUSE_MS = 4_000;
/** Forgotten here too, where nobody says that it is over. */
const FORGOTTEN_MS = 10_000;
/** Who listens rather than looks is told once in a while, not at every pause for thought. */
const ANNOUNCED_AGAIN_MS = 60_000;

/** Tells that this customer is writing: seldom, and once when it is over. */
export class OwnTyping {
  /** @param {(isTyping: boolean) => void} tell */
  constructor(tell) {
    this.tell = tell;
    this.toldAt = null;
    this.pause = null;
  }

  /** Something was typed or taken away; `hasText` says whether anything is left. */
  changed(hasText) {
    clearTimeout(this.pause);
    if (!hasText) {
      this.stop();
      return;
    }
    this.pause = setTimeout(() => this.stop(), PAUSE_MS);
    if (this.toldAt !== null && performance.now() - this.toldAt < AGAIN_MS) return;
    this.toldAt = performance.now();
    this.tell(true);
  }

  /** It is over: sent, emptied, or left for a while. */
  stop() {
    clearTimeout(this.pause);
    if (this.toldAt === null) return;
    this.toldAt = null;
    this.tell(false);
  }
}

/** Shows who is writing elsewhere. */
export class Typists {
  /**
   * @param {HTMLElement} line
   * @param {{announce: (words: string) => void, operator: () => string|null}} page
   */
  constructor(line, page) {
    this.line = line;
    this.page = page;
    this.roles = new Map();
    this.timers = new Map();
    this.announcedAt = -Infinity;
  }

  /** Take a word about a client. */
  take({ client, role, isTyping }) {
    clearTimeout(this.timers.get(client));
    if (isTyping) {
      this.roles.set(client, role);
      this.timers.set(client, setTimeout(() => this.take({ client, role, isTyping: false }), FORGOTTEN_MS));
    } else {
      this.roles.delete(client);
      this.timers.delete(client);
    }
    this.draw();
  }

  /** Forget those of a role, whose message has come or who have left; without one, forget all. */
  forget(role = null) {
    for (const [client, known] of this.roles) {
      if (role !== null && known !== role) continue;
      clearTimeout(this.timers.get(client));
      this.timers.delete(client);
      this.roles.delete(client);
    }
    if (role === null || role === "operator") this.announcedAt = -Infinity;
    this.draw();
  }

  draw() {
    const roles = new Set(this.roles.values());
    const words = roles.has("operator")
      ? `${this.page.operator() ?? "Somebody from our team"} is writing…`
      : roles.has("user") ? "You are writing in another window…" : "";
    this.line.hidden = !words;
    if (!words) return;
    const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
    this.line.replaceChildren(dots, el("span", {}, words));
    if (!roles.has("operator") || performance.now() - this.announcedAt < ANNOUNCED_AGAIN_MS) return;
    this.announcedAt = performance.now();
    this.page.announce(words);
  }
}
