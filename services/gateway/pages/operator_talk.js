/**
 * One conversation that an operator follows: what is stored, what is happening, who is in charge, the notes, and what the
 * operator does. The page around it only shows. It acts over HTTP and listens to a socket.
 */

import { ApiError, getSession, history } from "./api.js";
import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { uniqueId } from "./dom.js";
import { SENDING } from "./entries.js";

const LONGEST_PAUSE_MS = 15_000;
const POLL_MS = 5_000;
const SPEAKERS = new Set(["user", "assistant", "operator"]);

export class OperatorTalk {
  /**
   * @param {{sessionId: string, ticketId: string|null}} what the ticket where it is not, or no more, the open one.
   * @param {{api: object, access: object}} means
   * @param {{happened: (event: object) => void, linked: (state: object) => void, learned: () => void,
   *   noted: () => void, present: (clients: Array<object>|null) => void, loaded: (shownAll: boolean) => void,
   *   troubled: (error: ApiError|null, inMs?: number) => void}} page
   */
  constructor({ sessionId, ticketId }, { api, access }, page) {
    Object.assign(this, { sessionId, ticketId, askedFor: ticketId, api, access, page });
    this.conversation = new Conversation((event) => this.happened(event));
    this.session = null;
    this.packet = null;
    this.notes = [];
    this.adding = null;
    this.clientId = null;
    this.loading = null;
    this.knowing = false;
    this.joined = false;
    this.left = false;
    this.poll = null;
    this.sends = 0;
    this.connection = new Connection({
      sessionId, cursor: () => this.conversation.cursor, protocols: access.protocols(),
      query: access.hasToken ? { operator: access.name } : {},
      onFrame: (frame) => this.receive(frame), onState: (state) => this.linked(state),
    });
  }

  get control() {
    return this.conversation.control;
  }

  get isMine() {
    return this.control.controller === "operator" && this.control.operator === this.access.name;
  }

  /** Whether the last word is the customer's, so that nobody has answered it. */
  get isOpen() {
    return this.conversation.entries.findLast((entry) => SPEAKERS.has(entry.role))?.role === "user";
  }

  /** Follow the conversation. */
  start() {
    this.connection.open();
    this.poll = setInterval(() => this.look(), POLL_MS);
  }

  /** Leave it to itself; it hears and tells nothing more. */
  leave() {
    this.left = true;
    clearInterval(this.poll);
    this.connection.end();
  }

  /** Bring a lost connection back now rather than later. */
  hurry() {
    this.connection.open();
  }

  // --- what is read

  /** Load what is stored, however long that takes; where it cannot be, the page is told why. */
  async load() {
    for (let failures = 1; !this.left; failures += 1) {
      try {
        const [page] = await Promise.all([history(this.sessionId), this.learn(), this.readNotes()]);
        if (this.left) return;
        this.conversation.store(page.messages);
        this.page.troubled(null);
        this.page.loaded(page.messages.length >= page.total);
        return;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (this.left) return;
        const inMs = Math.max(error.retryAfter * 1000, Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures));
        this.page.troubled(error, error.retryable ? inMs : undefined);
        if (!error.retryable) {
          this.leave();
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, inMs));
      }
    }
  }

  /** Learn who is in charge, and what the ticket says. */
  async learn() {
    for (let tries = 0; tries < 3; tries += 1) {
      const before = this.control.changes;
      const session = await getSession(this.sessionId);
      if (this.left) return;
      // What was asked before a change must not undo it.
      if (before === this.control.changes || tries === 2) {
        await this.know(session);
        return;
      }
    }
  }

  async know(session) {
    this.session = session;
    this.ticketId = session.escalation?.ticket_id ?? this.ticketId;
    this.knowing = true;
    this.conversation.learn(session);
    this.knowing = false;
    if (!this.left) this.page.learned();
    if (!this.ticketId) return;
    this.packet = await this.api.packet(this.ticketId);
    if (!this.left) this.page.learned();
  }

  async readNotes() {
    for (const note of await this.api.notes(this.sessionId)) this.note(note);
  }

  async catchUp(afterSeq) {
    const page = await history(this.sessionId, { afterSeq });
    if (!this.left) this.conversation.store(page.messages);
  }

  /** Show messages before those that are shown; tells whether these are all. */
  async earlier() {
    const page = await history(this.sessionId, { beforeSeq: this.conversation.listed.firstSeq });
    if (!this.left) this.conversation.store(page.messages);
    return page.messages.length >= page.total;
  }

  /** Ask for what no frame tells: notes are told to operators' sockets only. */
  look() {
    const isTold = this.access.hasToken && this.joined;
    if (!isTold && document.visibilityState === "visible") this.quietly(this.readNotes());
  }

  // --- what the operator does

  /** Send a reply to the customer: at once, or as soon as there is a connection. */
  reply(content) {
    const id = uniqueId();
    this.sends += 1;
    const entry = this.conversation.listed.put({
      key: id, clientMessageId: id, role: "operator", operator: this.access.name, state: "sending", content,
      attachments: [], sources: [], at: new Date(), place: SENDING + this.sends,
    });
    return this.post(entry);
  }

  /** Send a refused reply once more, under the same id: it may have been stored after all. */
  again(entry) {
    this.conversation.again(entry);
    return this.post(entry);
  }

  async post(entry) {
    const { listed } = this.conversation;
    try {
      const { message_id: id, seq } = await this.api.reply(this.sessionId, entry.content, entry.clientMessageId);
      listed.change(entry, { state: "complete", error: null, id, seq, place: seq });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // It may be there by now; and what only the connection kept from us is sent when it is back.
      if (entry.state !== "sending" || (error.retryable && !this.joined)) return;
      listed.change(entry, { state: "refused", error: { code: error.code, message: error.message } });
      this.happened({ kind: "settled", entry });
    }
  }

  /** Say that the operator is writing, or has stopped; an ordinary socket would say it as a customer. */
  typing(isTyping) {
    if (this.access.hasToken && this.joined) this.connection.send({ type: "typing", is_typing: isTyping });
  }

  /** Add a note for other operators; one that may be there already, because its answer was lost, is added once. */
  async addNote(text) {
    if (this.adding?.text !== text) this.adding = { text, key: uniqueId() };
    this.note(await this.api.addNote(this.sessionId, text, this.adding.key));
    this.adding = null;
  }

  async takeOver(force = false) {
    this.quietly(this.know(await this.api.takeOver(this.sessionId, force)));
  }

  async release(answer) {
    this.quietly(this.know(await this.api.release(this.sessionId, answer)));
  }

  async resolve() {
    this.quietly(this.know(await this.api.resolve(this.sessionId)));
  }

  // --- the socket

  receive(frame) {
    if (this.left) return;
    if (frame.type === "error" && !frame.turn_id) {
      // About the connection, or a frame of ours that can be missed; never about a reply.
      if (frame.code === "invalid_cursor") this.conversation.cursor = null;
      if (frame.code === "not_authenticated") this.refuse(frame.message);
      return;
    }
    if (frame.type === "note_added") this.note(frame.note);
    else if (frame.type === "presence") this.page.present(frame.present);
    else if (frame.type === "resync") this.resync(frame);
    this.conversation.take(frame);
    if (frame.type === "connected") this.greeted(frame);
  }

  /** The credential is not accepted: no need to wait for the code that the socket is closed with. */
  refuse(said) {
    this.leave();
    this.page.linked({ name: "over", why: "refused", said });
  }

  greeted(frame) {
    this.clientId = frame.client_id;
    this.joined = true;
    if (!this.loading) this.loading = this.load();
    else if (!frame.resumed) this.readAgain(this.conversation.listed.lastSeq);
    for (const entry of this.conversation.unacknowledged) this.post(entry);
  }

  resync(frame) {
    this.conversation.abandon();
    this.readAgain(Math.max(0, frame.seq - 1));
  }

  readAgain(afterSeq) {
    this.quietly(Promise.all([this.catchUp(afterSeq), this.learn(), this.readNotes()]));
  }

  linked(state) {
    if (state.name !== "open") {
      this.joined = false;
      this.page.present(null);
    }
    // Without a connection, too, what is stored can perhaps be read.
    if (!["connecting", "open"].includes(state.name)) this.loading ??= this.load();
    if (state.name === "over") {
      this.conversation.abandon();
      if (state.why === "ended") this.quietly(this.learn(), (error) => this.page.troubled(error));
    }
    if (!this.left) this.page.linked(state);
  }

  // --- what becomes of it

  happened(event) {
    if (this.left) return;
    if (event.kind === "status") this.quietly(this.learnMore());
    this.page.happened(event);
  }

  /** Frames do not tell all of a change. */
  async learnMore() {
    if (this.knowing || !this.loading) return;
    const isClosed = this.control.status !== "escalated" && this.packet?.ticket.status === "open";
    if (this.control.isIncomplete || isClosed) await this.learn();
  }

  note(note) {
    if (this.left || this.notes.some((known) => known.note_id === note.note_id)) return;
    this.notes.push(note);
    this.notes.sort((one, other) => Date.parse(one.created_at) - Date.parse(other.created_at));
    this.page.noted(note);
  }

  /** Do without what could not be read just now; of what will never be there, `lost` is told. */
  async quietly(work, lost = () => {}) {
    try {
      await work;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!error.retryable) lost(error);
    }
  }
}
