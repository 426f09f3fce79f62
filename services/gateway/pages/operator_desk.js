/** The conversation on the desk: its messages, who is in charge and connected, the field, the details and the notes. */

import { ApiError } from "./api.js";
import { byId } from "./dom.js";
import { Notices } from "./notices.js";
import { OperatorControls } from "./operator_controls.js";
import { OperatorField } from "./operator_field.js";
import { OperatorNotes } from "./operator_notes.js";
import { packetParts } from "./operator_packet.js";
import { OperatorPresence } from "./operator_presence.js";
import { OperatorTalk } from "./operator_talk.js";
import { OperatorTranscript } from "./operator_transcript.js";
import { shortId, standingWords } from "./operator_words.js";
import { OwnTyping } from "./typing.js";

// A connection that is back sooner than this is nobody's concern.
const PATIENCE_MS = 1_500;

export class OperatorDesk {
  /**
   * @param {{api: object, access: object, moved: () => void, refused: () => void}} page `moved` hears that the queue is
   *   another one, `refused` that the socket's credential was not accepted.
   */
  constructor(page) {
    this.page = page;
    this.talk = null;
    this.drafts = new Map();
    this.patience = null;
    this.interrupted = null;
    const talk = () => this.talk;
    const me = () => page.access.name;
    this.notices = new Notices({
      box: byId("notice"), announcer: byId("announcer"), link: byId("link-state"), linkWords: byId("link-words"),
    });
    const announce = (words) => this.notices.announce(words);
    this.presence = new OperatorPresence({
      line: byId("presence"), typing: byId("typing"), typingWords: byId("typing-words"),
    });
    this.transcript = new OperatorTranscript(
      { list: byId("transcript"), column: byId("column"), scroller: byId("scroller"), toEnd: byId("to-end") },
      { me, sendAgain: (entry) => this.talk.again(entry), fileAddress: (file) => page.api.fileAddress(file.attachment_id, this.talk.sessionId) },
    );
    this.controls = new OperatorControls(
      {
        box: byId("actions"), dialog: byId("question"), title: byId("question-title"),
        words: byId("question-words"), buttons: byId("question-buttons"),
      },
      {
        talk, lostFocus: () => byId("talk-title").focus(), moved: (words) => this.moved(words),
        refused: (error, action) => this.notices.show("trouble", { words: error.message, tone: "warning", action }),
      },
    );
    this.notes = new OperatorNotes(
      {
        list: byId("notes"), fault: byId("note-fault"), form: byId("note-form"), field: byId("note"),
        button: byId("note-send"), counter: byId("note-counter"),
      },
      { talk, me, announce },
    );
    this.writing = new OwnTyping((isTyping) => this.talk?.typing(isTyping));
    this.field = new OperatorField(
      { form: byId("composer"), field: byId("reply"), button: byId("send"), counter: byId("counter") },
      { send: (text) => this.reply(text), wrote: (hasText) => this.writing.changed(hasText) },
    );
    byId("earlier-more").addEventListener("click", () => this.earlier());
  }

  /** Put a conversation on the desk. */
  open(what) {
    this.close();
    const { api, access } = this.page;
    const mine = new OperatorTalk(what, { api, access }, {
      happened: (event) => mine === this.talk && this.happened(event),
      linked: (state) => mine === this.talk && this.linked(state),
      learned: () => mine === this.talk && this.learned(),
      noted: () => mine === this.talk && this.noted(),
      present: (clients) => mine === this.talk && this.presence.show(clients, mine.clientId),
      loaded: (shownAll) => mine === this.talk && this.loaded(shownAll),
      troubled: (error, inMs) => mine === this.talk && this.troubled(error, inMs),
    });
    this.talk = mine;
    const { reply = "", note = "" } = this.drafts.get(what.sessionId) ?? {};
    this.field.text = reply;
    this.notes.change(note);
    byId("talk-title").textContent = `Conversation ${shortId(what.sessionId)}`;
    this.learned();
    this.noted();
    byId("link-state").hidden = false;
    mine.start();
  }

  /** Clear the desk; what was being written is kept for when the conversation is back on it. */
  close() {
    const before = this.talk;
    if (before) {
      this.writing.stop();
      this.drafts.set(before.sessionId, { reply: this.field.text, note: this.notes.change("") });
      before.leave();
    }
    this.talk = null;
    this.field.text = "";
    byId("earlier").hidden = true;
    this.calm();
    this.controls.dismiss();
    this.presence.clear();
    this.transcript.clear();
    this.notices.clear();
    byId("link-state").hidden = true;
  }

  // --- what the operator does

  reply(text) {
    this.writing.stop();
    this.notices.hide("trouble");
    this.transcript.following = true;
    this.talk.reply(text);
  }

  moved(words) {
    this.notices.hide("trouble");
    this.notices.announce(words);
    this.page.moved();
    if (this.talk.isMine) this.field.focus();
  }

  async earlier() {
    const talk = this.talk;
    try {
      await this.transcript.above(async () => {
        const shownAll = await talk.earlier();
        if (talk === this.talk) byId("earlier").hidden = shownAll;
      });
      if (byId("earlier").hidden) byId("scroller").focus();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (talk === this.talk) this.notices.show("trouble", { words: error.message, tone: "warning" });
    }
  }

  // --- what happens

  happened({ kind, entry, onlyText, ...word }) {
    if (kind === "changed") {
      if (onlyText) this.transcript.showText(entry);
      else this.transcript.show(entry, this.talk.conversation.entries);
    } else if (kind === "removed") {
      this.transcript.remove(entry);
    } else if (kind === "settled") {
      this.settled(entry);
    } else if (kind === "typing") {
      this.presence.take(word);
    } else if (kind === "status") {
      this.learned();
      this.page.moved();
    }
  }

  settled(entry) {
    if (entry.state === "refused") this.notices.announce(`Your reply was not sent. ${entry.error.message}`);
    else this.notices.announce(`${this.transcript.speaker(entry)}: ${this.transcript.textOf(entry)}`);
    this.presence.said(entry.role);
  }

  loaded(shownAll) {
    byId("earlier").hidden = shownAll;
    this.transcript.goToEnd();
  }

  learned() {
    const { control, session, packet, isMine } = this.talk;
    const pill = byId("standing");
    pill.textContent = standingWords(control, this.page.access.name);
    pill.dataset.standing = control.status === "ended" ? "ended" : isMine ? "mine" : control.controller;
    if (session?.user_id) byId("talk-title").textContent = session.user_id;
    byId("packet").replaceChildren(...packetParts(session, packet));
    this.controls.draw();
    this.field.setClosed(!isMine, placeholder(control, isMine));
  }

  noted() {
    this.notes.show(this.talk.notes);
    const count = this.talk.notes.length;
    byId("panel-open").textContent = count ? `Details · ${count} note${count > 1 ? "s" : ""}` : "Details";
  }

  // --- the connection

  linked(state) {
    if (state.name === "open") {
      this.calm();
      this.notices.link("open", "Live");
    } else if (state.name === "connecting") {
      this.notices.link("connecting", "Connecting…");
    } else if (state.name === "over") {
      this.calm();
      this.notices.link("over", "Not live");
      this.notices.show("over", { words: farewell(state), tone: state.why === "ended" ? "calm" : "warning" });
      if (state.why === "refused") this.page.refused();
    } else if (state.name === "idle") {
      this.calm();
      this.notices.link("waiting", "Paused");
    } else {
      this.notices.link(state.name, state.name === "offline" ? "Offline" : "Reconnecting…");
      this.interrupted = state;
      this.patience ??= setTimeout(() => this.notices.show("link", this.interruption()), PATIENCE_MS);
    }
  }

  calm() {
    clearTimeout(this.patience);
    this.patience = null;
    this.notices.hide("link");
  }

  interruption() {
    const { name, restart } = this.interrupted;
    const words =
      name === "offline"
        ? "You are offline. A reply is sent as soon as you are back."
        : restart
          ? "The gateway is restarting. This page reconnects by itself."
          : "The connection is lost. This page keeps trying, and sends a reply afterwards.";
    return { words, tone: "warning", action: { label: "Try now", run: () => this.talk?.hurry() } };
  }

  troubled(error, inMs) {
    if (!error) {
      this.notices.hide("trouble");
      return;
    }
    const words = inMs === undefined ? error.message : `${error.message} This page keeps trying.`;
    this.notices.show("trouble", { words, tone: "warning" });
  }
}

function placeholder({ status, controller }, isMine) {
  if (isMine) return "Reply to the customer…";
  if (status === "ended") return "This conversation has ended";
  return controller === "operator" ? "Another operator is in charge" : "Take the conversation over to reply";
}

function farewell({ why, said }) {
  if (why === "ended") return "This conversation has ended.";
  if (why === "gone") return "There is no such conversation, or it was deleted.";
  return said || "The gateway did not let this page follow the conversation.";
}
