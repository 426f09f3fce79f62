/**
 * One conversation from its first moment to its last: opens or resumes its session, keeps the socket, sends what was
 * written and remembers how far it got. The page around it only shows.
 */

import { ApiError, getSession, history, openSession, setStatus } from "./api.js";
import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import * as memory from "./memory.js";
import { OwnTyping } from "./typing.js";

const LONGEST_PAUSE_MS = 15_000;

/** Wait longer each time, never all at once, and at least as long as the server asks; `tell` hears how long. */
async function pause(error, failures, tell = () => {}) {
  const grown = Math.max(error.retryAfter * 1000, Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures));
  const inMs = grown * (0.75 + Math.random() / 2);
  tell(inMs);
  await new Promise((resolve) => setTimeout(resolve, inMs));
}

export class Talk {
  /**
   * @param {{happened: (event: object) => void, linked: (state: object) => void,
   *   troubled: (error: ApiError|null, inMs?: number) => void, ready: () => void}} page
   */
  constructor(page) {
    this.page = page;
    this.conversation = new Conversation((event) => this.happened(event));
    this.connection = null;
    this.typing = new OwnTyping((isTyping) => this.joined && this.tell({ type: "typing", is_typing: isTyping }));
    this.sessionId = null;
    this.key = null;
    this.joined = false;
    this.left = false;
    this.asked = null;
    this.hasEarlier = false;
    this.kept = "[]";
    this.savedCursor = null;
  }

  /** Open or resume the session, however long it takes; where it cannot be, the page is told why. */
  async start() {
    for (let failures = 1; !this.left; failures += 1) {
      try {
        await this.enter();
        if (!this.left) this.page.troubled(null);
        return;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (["session_not_found", "invalid_session_id"].includes(error.code)) {
          // It was deleted since: there is nothing to resume.
          memory.begin();
        } else if (error.retryable) {
          await pause(error, failures, (inMs) => this.left || this.page.troubled(error, inMs));
        } else {
          this.page.troubled(error);
          return;
        }
      }
    }
  }

  /** Leave this conversation to itself; it hears and tells nothing more. */
  leave() {
    this.typing.stop();
    this.left = true;
    this.connection?.end();
  }

  /** Send a message: at once, or as soon as there is a connection. */
  send(content, attachments) {
    this.typing.stop();
    this.post(this.conversation.draft(content, attachments));
  }

  /** Send a refused message once more. */
  again(entry) {
    this.conversation.again(entry);
    this.post(entry);
  }

  /** Stop the answer that is being written: at once, or as soon as there is a connection. */
  stop() {
    const { run, stopping } = this.conversation;
    if (run && run.turnId !== stopping) this.askToStop(this.conversation.stop());
  }

  /**
   * Hand the conversation over to a person.
   *
   * @throws {ApiError}
   */
  async askForPerson() {
    const { changes } = this.conversation.control;
    const session = await setStatus(this.sessionId, "escalated");
    // Where frames were faster, they know better.
    if (!this.left && this.conversation.control.changes === changes) this.conversation.learn(session);
  }

  /**
   * Fetch the messages before those that are shown; gives how many.
   *
   * @throws {ApiError}
   */
  async loadEarlier() {
    const page = await history(this.sessionId, { beforeSeq: this.conversation.listed.firstSeq });
    if (this.left) return 0;
    this.hasEarlier = page.messages.length < page.total;
    this.conversation.store(page.messages);
    return page.messages.length;
  }

  /** Bring a lost connection back now rather than later. */
  hurry() {
    this.connection?.open();
  }

  // --- the session

  async enter() {
    const known = await memory.alone(async () => {
      const remembered = memory.conversation();
      if (remembered.sessionId) return remembered;
      const { session_id: sessionId } = await openSession(remembered.key);
      memory.keep(remembered.key, { sessionId });
      return { ...remembered, sessionId };
    });
    // The cursor is read before the history, so that what comes between them is shown by both and not by none.
    const page = await history(known.sessionId);
    if (this.left) return;
    this.key = known.key;
    this.sessionId = known.sessionId;
    this.conversation.cursor = known.cursor ?? null;
    this.conversation.store(page.messages);
    this.recover();
    this.hasEarlier = page.messages.length < page.total;
    this.page.ready();
    this.connection = new Connection({
      sessionId: this.sessionId,
      cursor: () => this.conversation.cursor,
      onFrame: (frame) => this.receive(frame),
      onState: (state) => this.linked(state),
    });
    this.connection.open();
  }

  /** Take up messages of this tab that were on their way when it was closed or reloaded. */
  recover() {
    const stored = new Set(this.conversation.entries.map((entry) => entry.clientMessageId));
    for (const { content, attachments, id } of memory.outbox(this.sessionId)) {
      if (!stored.has(id)) this.conversation.draft(content, attachments, id);
    }
  }

  /** Fetch all messages after one, however often that fails on the way; the socket goes on meanwhile. */
  async catchUp(after) {
    for (let failures = 1; !this.left; ) {
      try {
        const page = await history(this.sessionId, { afterSeq: after });
        if (this.left) return;
        this.conversation.store(page.messages);
        if (!page.messages.length || page.messages.length >= page.total) return;
        after = page.messages.at(-1).seq;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (!error.retryable) return;
        await pause(error, failures);
        failures += 1;
      }
    }
  }

  /** Ask the session who is in charge and under which ticket, unless a frame tells something newer meanwhile. */
  async learn() {
    const { changes } = this.conversation.control;
    if (this.asked === changes) return;
    this.asked = changes;
    try {
      const session = await getSession(this.sessionId);
      if (!this.left && this.conversation.control.changes === changes) this.conversation.learn(session);
    } catch (error) {
      // What frames have told stands without the ticket's number.
      if (!(error instanceof ApiError)) throw error;
    } finally {
      if (this.asked === changes) this.asked = null;
    }
  }

  // --- the socket

  receive(frame) {
    if (frame.type === "error" && (!this.joined || frame.code === "invalid_cursor")) {
      // It is about the connection, which is about to be closed, and not about a message.
      if (frame.code === "invalid_cursor") this.forgetCursor();
      return;
    }
    this.conversation.take(frame);
    if (frame.type === "connected") this.greeted(frame);
    if (frame.type === "resync") this.resync(Number(frame.seq) || 0);
    // An answer that was to stop begins anew, or is told anew: the wish still stands.
    if (frame.type === "start" && frame.turn_id === this.conversation.stopping) this.askToStop(frame.turn_id);
    if (frame.type === "error" && frame.code === "session_ended") this.conversation.become({ status: "ended" });
    this.saveCursor();
  }

  greeted(frame) {
    this.joined = true;
    const { conversation } = this;
    if (!frame.resumed) this.catchUp(conversation.listed.lastSeq);
    if (!frame.resumed || conversation.control.isIncomplete) this.learn();
    for (const entry of conversation.unacknowledged) this.post(entry);
    if (conversation.run && conversation.run.turnId === conversation.stopping) this.askToStop(conversation.stopping);
  }

  /** Frames were dropped: the history tells what was missed, and the running answer is told from its beginning. */
  resync(seq) {
    const { conversation } = this;
    const { firstSeq, lastSeq } = conversation.listed;
    conversation.abandon();
    // Lost before the next frame, the place in the middle of that answer would bring only its end.
    conversation.cursor = null;
    this.catchUp(Math.max(firstSeq - 1, 0, Math.min(seq - 1, lastSeq)));
    this.learn();
  }

  tell(frame) {
    return this.connection?.send(frame) ?? false;
  }

  askToStop(turnId) {
    if (this.joined) this.tell({ type: "cancel", turn_id: turnId });
  }

  post(entry) {
    if (!this.joined) return;
    const frame = { type: "message", content: entry.content, client_message_id: entry.clientMessageId };
    if (entry.attachments.length) frame.attachment_ids = entry.attachments.map((file) => file.attachment_id);
    this.tell(frame);
  }

  linked(state) {
    if (state.name !== "open") this.joined = false;
    if (state.name === "over") {
      // Nothing more is coming of what was being written.
      this.conversation.abandon();
      if (state.why === "ended") this.conversation.become({ status: "ended" });
    }
    this.page.linked(state);
  }

  // --- what is remembered

  saveCursor() {
    const { cursor, atRest } = this.conversation;
    if (!atRest || !cursor || cursor === this.savedCursor) return;
    this.savedCursor = cursor;
    memory.keep(this.key, { cursor });
  }

  forgetCursor() {
    this.conversation.cursor = null;
    this.conversation.abandon();
    this.savedCursor = null;
    memory.keep(this.key, { cursor: null });
  }

  happened(event) {
    if (this.left) return;
    if (!event.onlyText) this.keepOutbox();
    if (event.kind === "status" && this.conversation.control.isIncomplete) this.learn();
    this.page.happened(event);
  }

  keepOutbox() {
    if (!this.sessionId) return;
    const messages = this.conversation.unacknowledged.map((entry) => ({
      id: entry.clientMessageId, content: entry.content, attachments: entry.attachments,
    }));
    const text = JSON.stringify(messages);
    if (text === this.kept) return;
    this.kept = text;
    memory.keepOutbox(this.sessionId, messages);
  }
}
