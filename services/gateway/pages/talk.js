/**
 * One conversation from its first moment to its last: opens or resumes its session, keeps the socket, sends what was
 * written and remembers how far it got. The page around it only shows.
 */

import { ApiError, getSession, history, openSession } from "./api.js";
import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import * as memory from "./memory.js";

const LONGEST_PAUSE_MS = 15_000;

export class Talk {
  /**
   * @param {{happened: (event: object) => void, linked: (state: object) => void,
   *   troubled: (error: ApiError|null, inMs?: number) => void, ready: (shownAll: boolean) => void}} page
   */
  constructor(page) {
    this.page = page;
    this.conversation = new Conversation((event) => this.happened(event));
    this.connection = null;
    this.sessionId = null;
    this.key = null;
    this.joined = false;
    this.left = false;
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
          const pause = Math.max(error.retryAfter * 1000, Math.min(LONGEST_PAUSE_MS, 500 * 2 ** failures));
          const inMs = pause * (0.75 + Math.random() / 2);
          if (!this.left) this.page.troubled(error, inMs);
          await new Promise((resolve) => setTimeout(resolve, inMs));
        } else {
          this.page.troubled(error);
          return;
        }
      }
    }
  }

  /** Leave this conversation to itself; it hears and tells nothing more. */
  leave() {
    this.left = true;
    this.connection?.end();
  }

  /** Send a message: at once, or as soon as there is a connection. */
  send(content, attachments) {
    this.post(this.conversation.draft(content, attachments));
  }

  /** Send a refused message once more. */
  again(entry) {
    this.conversation.again(entry);
    this.post(entry);
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
    this.page.ready(page.messages.length >= page.total);
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

  async catchUp() {
    try {
      this.conversation.store((await history(this.sessionId, { afterSeq: this.conversation.lastSeq })).messages);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The socket goes on without; the next reload shows what is missing now.
      console.warn("history:", error.message);
    }
  }

  async learnTicket() {
    if (this.conversation.ticket) return;
    try {
      const session = await getSession(this.sessionId);
      this.conversation.ticket = session.escalation?.ticket_id ?? null;
    } catch {
      return; // The notice stands without the number.
    }
    if (this.conversation.ticket && !this.left) this.page.happened({ kind: "status" });
  }

  // --- the socket

  receive(frame) {
    if (frame.type === "error" && (!this.joined || frame.code === "invalid_cursor")) {
      // It is about the connection, which is about to be closed, and not about a message.
      if (frame.code === "invalid_cursor") this.forgetCursor();
      return;
    }
    if (frame.type === "resync") {
      this.forgetCursor();
      this.connection.restart();
      return;
    }
    this.conversation.take(frame);
    if (frame.type === "connected") this.greeted(frame);
    if (frame.type === "error" && frame.code === "session_ended") this.conversation.become("ended");
    this.saveCursor();
  }

  greeted(frame) {
    this.joined = true;
    if (!frame.resumed) this.catchUp();
    for (const entry of this.conversation.unacknowledged) this.post(entry);
  }

  post(entry) {
    if (!this.joined) return;
    const frame = { type: "message", content: entry.content, client_message_id: entry.clientMessageId };
    if (entry.attachments.length) frame.attachment_ids = entry.attachments.map((file) => file.attachment_id);
    this.connection.send(frame);
  }

  linked(state) {
    if (state.name !== "open") this.joined = false;
    if (state.name === "over") {
      // Nothing more is coming of what was being written.
      this.conversation.abandon();
      if (state.why === "ended") this.conversation.become("ended");
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
    if (event.kind === "status" && this.conversation.status === "escalated") this.learnTicket();
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
