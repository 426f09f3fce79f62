/**
 * The conversation as this page knows it: stored messages, the answer that is being written, and messages that are on
 * their way. It turns frames into entries and tells a listener which entry changed; it knows nothing of elements.
 *
 * Roles of entries: user, assistant, operator, system, note (something the page says itself). States: sending, sent,
 * refused (user); writing, complete, failed, cancelled (assistant).
 */

import { Control } from "./control.js";
import { uniqueId } from "./dom.js";
import { Entries, SENDING, WRITING } from "./entries.js";

/** Refusals of frames other than messages. */
const NOT_OF_MESSAGES = new Set([
  "unknown_type", "invalid_frame", "invalid_json", "turn_not_found", "invalid_turn_id",
]);

/** Why an answer was called off whose text is void; where the next answer begins at once, nothing need be said. */
const VOID = new Map([
  ["taken_over", "A person took over, so the assistant stopped"],
  ["escalated", "A person will answer this, so the assistant stopped"],
  ["ended", "The conversation ended, so the assistant stopped"],
]);

export class Conversation {
  /**
   * @param {(event: {kind: string, entry?: object}) => void} tell hears `changed`, `removed`, `settled` (a message is
   *   there whole, or refused), `status` (somebody else is in charge), `running` (an answer began, stopped or is to
   *   stop) and `typing`.
   */
  constructor(tell) {
    this.tell = tell;
    this.listed = new Entries(tell);
    this.control = new Control();
    this.cursor = null;
    this.run = null;
    this.stopping = null;
    this.settled = new Set();
    this.sends = 0;
  }

  get entries() {
    return this.listed.all;
  }

  get status() {
    return this.control.status;
  }

  /** Whether the cursor can be kept for a page that has seen none of the running answer's text. */
  get atRest() {
    return this.run === null;
  }

  /** The messages that nobody has acknowledged, oldest first. */
  get unacknowledged() {
    return this.entries.filter((entry) => entry.state === "sending");
  }

  // --- what this page does

  /** Add a message of this customer, before anybody has confirmed it. */
  draft(content, attachments = [], clientMessageId = uniqueId()) {
    this.sends += 1;
    const entry = {
      key: clientMessageId, clientMessageId, role: "user", state: "sending", content, attachments, at: new Date(),
      place: SENDING + this.sends,
    };
    return this.listed.put(entry);
  }

  /** Send a refused message once more, under the same id: it may have been stored after all. */
  again(entry) {
    this.listed.change(entry, { state: "sending", error: null });
  }

  /** Remember that the running answer is to stop; gives its turn, null where there is none. */
  stop() {
    if (!this.run) return null;
    this.stopping = this.run.turnId;
    this.tell({ kind: "running" });
    return this.stopping;
  }

  /** The question that an answer is to. */
  questionOf(answer) {
    const before = this.entries.slice(0, this.entries.indexOf(answer));
    return before.findLast((entry) => entry.role === "user") ?? null;
  }

  // --- what is stored

  /** Take stored messages, from the history or one by one; those that are known are brought up to date. */
  store(messages) {
    const first = this.listed.firstSeq;
    for (const message of messages) this.storeOne(message);
    if (this.listed.firstSeq !== first) this.listed.replaceNotes();
  }

  storeOne(message) {
    const known = this.listed.find(message.id, message.client_message_id);
    const { error = null, operator = null, abstained = false, degraded = null } = message.metadata ?? {};
    const facts = {
      id: message.id, seq: message.seq, place: message.seq, role: message.role, content: message.content,
      at: new Date(message.timestamp), attachments: message.attachments ?? [], sources: message.sources ?? [],
      confidence: message.confidence, turnId: message.turn_id, feedback: message.feedback ?? null, operator,
      clientMessageId: message.client_message_id, state: message.role === "user" ? "sent" : message.status,
      error: message.role === "user" ? null : error, abstained, degraded: degraded !== null,
    };
    if (message.role === "assistant" && message.turn_id) {
      this.settled.add(message.turn_id);
      if (this.run?.turnId === message.turn_id) return this.settle(facts);
    }
    return known ? this.listed.change(known, facts) : this.listed.put({ key: message.id, ...facts });
  }

  /** The running answer becomes a stored message, in the place that it has been shown at. */
  settle(facts) {
    const entry = this.rest();
    return this.listed.change(entry, { ...facts, stage: null });
  }

  /** Forget the running answer: what comes next tells it anew. */
  abandon() {
    if (this.run) this.listed.remove(this.rest());
  }

  /** No answer is running any more; gives the entry of the one that was. */
  rest() {
    const { entry } = this.run;
    this.run = null;
    this.tell({ kind: "running" });
    return entry;
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
    this.become(frame);
  }

  on_acknowledged(frame) {
    const entry = this.entries.find((known) => known.clientMessageId === frame.client_message_id);
    if (!entry) return;
    this.listed.change(entry, { state: "sent", error: null, id: frame.message_id, seq: frame.seq, place: frame.seq });
  }

  on_start(frame) {
    if (this.settled.has(frame.turn_id)) return;
    if (this.run?.turnId === frame.turn_id) {
      if (frame.attempt < this.run.attempt) return;
      this.run.attempt = frame.attempt;
      const stage = frame.attempt > 1 ? "Trying again" : null;
      this.listed.change(this.run.entry, { content: "", sources: [], error: null, stage });
      return;
    }
    this.abandon();
    const entry = {
      key: frame.turn_id, role: "assistant", state: "writing", content: "", sources: [], attachments: [], stage: null,
      at: new Date(frame.timestamp), turnId: frame.turn_id, place: WRITING,
    };
    this.run = { turnId: frame.turn_id, attempt: frame.attempt, entry };
    this.listed.put(entry);
    this.tell({ kind: "running" });
  }

  on_status(frame) {
    if (this.isRunning(frame)) this.listed.change(this.run.entry, { stage: frame.message });
  }

  on_text(frame) {
    if (!this.isRunning(frame)) return;
    this.run.entry.content += frame.content;
    this.tell({ kind: "changed", entry: this.run.entry, onlyText: true });
  }

  on_complete(frame) {
    this.conclude(frame);
  }

  on_cancelled(frame) {
    if (frame.message) {
      this.conclude(frame);
      return;
    }
    this.settled.add(frame.turn_id);
    if (this.run?.turnId !== frame.turn_id) return;
    const shown = this.run.entry.content !== "";
    this.abandon();
    const words = VOID.get(frame.reason);
    if (shown && words) this.listed.note(`void:${frame.turn_id}`, words, new Date(frame.timestamp));
  }

  conclude(frame) {
    const fresh = !this.settled.has(frame.turn_id);
    const entry = this.storeOne(frame.message);
    if (fresh) this.tell({ kind: "settled", entry });
  }

  on_error(frame) {
    if (frame.turn_id) {
      if (this.isRunning(frame)) this.listed.change(this.run.entry, { error: { code: frame.code }, stage: null });
      return;
    }
    // Messages are stored in the order in which they were sent, so a refusal is of the oldest.
    const refused = NOT_OF_MESSAGES.has(frame.code) ? null : this.unacknowledged[0];
    if (refused) {
      this.listed.change(refused, { state: "refused", error: { code: frame.code, message: frame.message } });
      this.tell({ kind: "settled", entry: refused });
    } else if (this.stopping) {
      // Perhaps it was the wish to stop: it can be asked again.
      this.stopping = null;
      this.tell({ kind: "running" });
    }
  }

  on_escalation(frame) {
    if (frame.required && this.control.escalate(frame.ticket_id)) this.tell({ kind: "status" });
  }

  on_message_added(frame) {
    const known = this.listed.find(frame.message.id, frame.message.client_message_id);
    const entry = this.storeOne(frame.message);
    if (!known) this.tell({ kind: "settled", entry });
  }

  on_session_updated(frame) {
    this.become(frame);
  }

  on_user_typing(frame) {
    this.tell({ kind: "typing", client: frame.client_id, role: frame.role, isTyping: frame.is_typing });
  }

  // --- who is in charge

  /** Take what is told of the status and of who is in charge. */
  become(told) {
    if (this.control.become(told)) this.tell({ kind: "status" });
  }

  /** Take the session as the API gives it, with its ticket. */
  learn(session) {
    const news = this.control.learn(session);
    for (const { key, at, words } of this.control.milestones) this.listed.note(key, words, at);
    if (news) this.tell({ kind: "status" });
  }

  isRunning(frame) {
    if (!this.run || this.run.turnId !== frame.turn_id) return false;
    return frame.attempt === undefined || frame.attempt === this.run.attempt;
  }
}
