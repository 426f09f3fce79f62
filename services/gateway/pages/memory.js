/**
 * What the page remembers: which conversation it is in and how far it has seen it (shared by all tabs), and messages
 * that are not yet known to be stored (of this tab). Where the browser keeps nothing, the page works without.
 */

import { uniqueId } from "./dom.js";

const CONVERSATION = "deskbus.chat.conversation";
const OUTBOX = "deskbus.chat.outbox";

/** A browser's storage, or a stand-in for this page's life where it is switched off or full. */
class Shelf {
  constructor(storage) {
    this.storage = storage;
    this.instead = new Map();
  }

  read(name) {
    try {
      const text = this.instead.get(name) ?? this.storage().getItem(name);
      return text ? JSON.parse(text) : null;
    } catch {
      return null;
    }
  }

  write(name, value) {
    const text = JSON.stringify(value);
    try {
      this.storage().setItem(name, text);
      this.instead.delete(name);
    } catch {
      this.instead.set(name, text);
    }
  }
}

const shared = new Shelf(() => window.localStorage);
const own = new Shelf(() => window.sessionStorage);

/** Give `{key, sessionId?, cursor?}`. The key is kept before it is used: two loads at once open one session. */
export function conversation() {
  const known = shared.read(CONVERSATION);
  return known?.key ? known : begin();
}

/** Forget the conversation; the next one gets a new key. */
export function begin() {
  const fresh = { key: uniqueId() };
  shared.write(CONVERSATION, fresh);
  return fresh;
}

/** Keep what is new about the conversation, unless another tab has begun a new one meanwhile. */
export function keep(key, news) {
  const known = shared.read(CONVERSATION);
  if (known?.key === key) shared.write(CONVERSATION, { ...known, ...news });
}

/** Give this tab's messages to a session that were not acknowledged when it was left. */
export function outbox(sessionId) {
  const kept = own.read(OUTBOX);
  return kept?.sessionId === sessionId && Array.isArray(kept.messages) ? kept.messages : [];
}

/** Keep this tab's unacknowledged messages. */
export function keepOutbox(sessionId, messages) {
  own.write(OUTBOX, { sessionId, messages });
}

/** Do something that only one tab at a time may do, where the browser can promise that. */
export async function alone(work) {
  return navigator.locks ? navigator.locks.request(CONVERSATION, work) : work();
}
