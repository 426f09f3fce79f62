/**
 * The conversation as this page knows it: stored messages, the answer that is being written, and messages that are on
 * their way. It turns frames into entries and tells a listener which entry changed; it knows nothing of elements.
 *
 * An entry is `{key, role, state, content, ...}`. Roles: user, assistant, operator, system, note (something the page
 * says itself). States: sending, sent, refused (user); writing, complete, failed, cancelled (assistant).
 */

import { uniqueId } from "./dom.js";

const WRITING = 1e9;
const SENDING = 2e9;

export class Conversation {
  /** @param {(event: {kind: string, entry?: object}) => void} tell hears `changed`, `removed`, `status`, `settled`. */
  constructor(tell) {
    this.tell = tell;
    this.entries = [];
    this.status = "active";
    this.ticket = null;
    this.cursor = null;
    this.run = null;
    this.settled = new Set();
    this.sends = 0;
  }

  /** Whether the cursor can be kept for a page that has seen none of the running answer's text. */
  get atRest() {
    return this.run === null;
  }

  /** The messages that nobody has acknowledged, oldest first. */
  get unacknowledged() {
    return this.entries.filter((entry) => entry.state === "sending");
  }

  /** The highest sequence number seen. */
  get lastSeq() {
    return this.entries.reduce((last, entry) => Math.max(last, entry.seq ?? 0), 0);
  }

  // --- what this page does

  /** Add a message of this customer, before anybody has confirmed it. */
  draft(content, attachments = [], clientMessageId = uniqueId()) {
    this.sends += 1;
    const entry = {
      key: clientMessageId, clientMessageId, role: "user", state: "sending", content, attachments, at: new Date(),
      place: SENDING + this.sends,
    };
    return this.put(entry);
  }

  /** Send a refused message once more, under the same id: it may have been stored after all. */
  again(entry) {
    this.change(entry, { state: "sending", error: null });
  }

  /** Add a line of the page's own. */
  note(key, content) {
    const known = this.entries.find((entry) => entry.key === key);
    if (known) return this.change(known, { content });
    return this.put({ key, role: "note", state: "complete", content, at: new Date(), place: this.lastSeq + 0.5 });
  }

  /** The question that an answer is to. */
  questionOf(answer) {
    const before = this.entries.slice(0, this.entries.indexOf(answer));
    return before.findLast((entry) => entry.role === "user") ?? null;
  }

  // --- what is stored

  /** Take stored messages, from the history or one by one; those that are known are brought up to date. */
  store(messages) {
    for (const message of messages) this.storeOne(message);
  }

  storeOne(message) {
    const known = this.find(message.id, message.client_message_id);
    const facts = {
      id: message.id, seq: message.seq, place: message.seq, role: message.role, content: message.content,
      at: new Date(message.timestamp), attachments: message.attachments ?? [], sources: message.sources ?? [],
      confidence: message.confidence, turnId: message.turn_id, feedback: message.feedback?.rating ?? null,
      clientMessageId: message.client_message_id, state: message.role === "user" ? "sent" : message.status,
      error: message.role === "user" ? null : message.metadata?.error ?? null,
    };
    if (message.role === "assistant" && message.turn_id) {
      this.settled.add(message.turn_id);
      if (this.run?.turnId === message.turn_id) return this.settle(facts);
    }
    return known ? this.change(known, facts) : this.put({ key: message.id, ...facts });
  }

  /** The running answer becomes a stored message, in the place that it has been shown at. */
  settle(facts) {
    const { entry } = this.run;
    this.run = null;
    return this.change(entry, { ...facts, stage: null });
  }

  /** Forget the running answer: what comes next tells it anew. */
  abandon() {
    const run = this.run;
    this.run = null;
    if (run) this.remove(run.entry);
  }

  // --- frames

  /** Take a frame from the server; those of types that this page does not know mean nothing. */
  take(frame) {
    const handler = `on_${frame.type}`;
    if (typeof this[handler] === "function") this[handler](frame);
    if (typeof frame.cursor === "string" && frame.cursor) this.cursor = frame.cursor;
  }

  on_connected(frame) {
    // A server that could not resume tells the running answer from its beginning.
    if (!frame.resumed) this.abandon();
    this.become(frame.status);
  }

  on_acknowledged(frame) {
    const entry = this.entries.find((known) => known.clientMessageId === frame.client_message_id);
    if (!entry) return;
    this.change(entry, { state: "sent", error: null, id: frame.message_id, seq: frame.seq, place: frame.seq });
  }

  on_start(frame) {
    if (this.settled.has(frame.turn_id)) return;
    if (this.run?.turnId === frame.turn_id) {
      if (frame.attempt < this.run.attempt) return;
      this.run.attempt = frame.attempt;
      const stage = frame.attempt > 1 ? "Trying again" : null;
      this.change(this.run.entry, { content: "", sources: [], error: null, stage });
      return;
    }
    this.abandon();
    const entry = {
      key: frame.turn_id, role: "assistant", state: "writing", content: "", sources: [], attachments: [], stage: null,
      at: new Date(frame.timestamp), turnId: frame.turn_id, place: WRITING,
    };
    this.run = { turnId: frame.turn_id, attempt: frame.attempt, entry };
    this.put(entry);
  }

  on_status(frame) {
    if (this.isRunning(frame)) this.change(this.run.entry, { stage: frame.message });
  }

  on_text(frame) {
    if (!this.isRunning(frame)) return;
    this.run.entry.content += frame.content;
    this.tell({ kind: "changed", entry: this.run.entry, onlyText: true });
  }

  on_complete(frame) {
    const fresh = !this.settled.has(frame.turn_id);
    const entry = this.storeOne(frame.message);
    if (fresh) this.tell({ kind: "settled", entry });
  }

  on_cancelled(frame) {
    this.settled.add(frame.turn_id);
    if (this.run?.turnId !== frame.turn_id) return;
    const { entry } = this.run;
    this.run = null;
    if (entry.content) this.change(entry, { state: "cancelled", stage: null, place: this.lastSeq + 0.7 });
    else this.remove(entry);
  }

  on_error(frame) {
    if (frame.turn_id) {
      if (this.isRunning(frame)) this.change(this.run.entry, { error: { code: frame.code }, stage: null });
      return;
    }
    // Messages are stored in the order in which they were sent, so a refusal is of the oldest.
    const refused = this.unacknowledged[0];
    if (refused) {
      this.change(refused, { state: "refused", error: { code: frame.code, message: frame.message } });
      this.tell({ kind: "settled", entry: refused });
    }
  }

  on_escalation(frame) {
    if (!frame.required) return;
    this.ticket = frame.ticket_id ?? this.ticket;
    this.status = "escalated";
    this.tell({ kind: "status" });
  }

  on_message_added(frame) {
    const known = this.find(frame.message.id, frame.message.client_message_id);
    const entry = this.storeOne(frame.message);
    if (!known) this.tell({ kind: "settled", entry });
  }

  on_session_updated(frame) {
    this.become(frame.status);
  }

  become(status) {
    if (status === this.status) return;
    this.status = status;
    if (status !== "escalated") this.ticket = null;
    this.tell({ kind: "status" });
  }

  isRunning(frame) {
    if (!this.run || this.run.turnId !== frame.turn_id) return false;
    return frame.attempt === undefined || frame.attempt === this.run.attempt;
  }

  // --- entries

  /** Find a message by its own id, or by the one that this page gave it. */
  find(id, clientMessageId) {
    const isIt = (entry) => entry.id === id || (clientMessageId && entry.clientMessageId === clientMessageId);
    return this.entries.find(isIt);
  }

  put(entry) {
    this.entries.push(entry);
    return this.change(entry, {});
  }

  change(entry, facts) {
    Object.assign(entry, facts);
    this.entries.sort((one, other) => one.place - other.place);
    this.tell({ kind: "changed", entry });
    return entry;
  }

  remove(entry) {
    this.entries = this.entries.filter((known) => known !== entry);
    this.tell({ kind: "removed", entry });
  }
}
