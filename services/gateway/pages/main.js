/** The page: puts the parts together and shows what the conversation does. */

import { Attachments } from "./attachments.js";
import { Composer } from "./composer.js";
import { byId, el } from "./dom.js";
import { begin } from "./memory.js";
import { Notices } from "./notices.js";
import { Talk } from "./talk.js";
import { Transcript } from "./transcript.js";

const SUGGESTIONS = [
  "How do I reset my password?",
  "What is your refund policy?",
  "How long does shipping take?",
  "How can I contact support?",
];
// A connection that is back sooner than this is nobody's concern.
const PATIENCE_MS = 1_500;

const notices = new Notices({
  box: byId("notice"), announcer: byId("announcer"), link: byId("link-state"), linkWords: byId("link-words"),
});
const page = {
  announce: (words) => notices.announce(words),
  sessionId: () => talk?.sessionId ?? null,
  sendAgain: (entry) => talk.again(entry),
  retriable: (entry) => talk.conversation.status === "active" && talk.conversation.questionOf(entry) !== null,
  askAgain: (entry) => {
    const question = talk.conversation.questionOf(entry);
    send(question.content, question.attachments);
  },
};
const transcript = new Transcript(
  { list: byId("transcript"), scroller: byId("scroller"), toEnd: byId("to-end") }, page,
);
const attachments = new Attachments(
  { chips: byId("chips"), picker: byId("files"), button: byId("attach"), drop: byId("drop") },
  { sessionId: page.sessionId, announce: page.announce, changed: () => composer.update() },
);
const composer = new Composer(
  {
    form: byId("composer"), field: byId("message"), button: byId("send"), counter: byId("counter"),
    hint: byId("hint"),
  },
  {
    send: (text) => {
      send(text, attachments.ready);
      attachments.clear();
    },
    paste: (files) => attachments.add(files),
    uploading: () => attachments.busy,
    attached: () => attachments.files.length,
  },
);
let talk = null;
let patience = null;
let interrupted = null;

// --- one conversation

/** Take up the remembered conversation, or begin one. */
function converse() {
  talk?.leave();
  calm();
  transcript.clear();
  attachments.clear();
  notices.clear();
  composer.setClosed(false);
  byId("earlier").hidden = true;
  byId("attach").hidden = false;
  const mine = new Talk({
    happened: (event) => mine === talk && happened(event),
    linked: (state) => mine === talk && linked(state),
    troubled: (error, inMs) => mine === talk && troubled(error, inMs),
    ready: (shownAll) => {
      byId("earlier").hidden = shownAll;
      welcome();
    },
  });
  talk = mine;
  notices.link("connecting", "Connecting…");
  talk.start();
}

function startAnew() {
  begin();
  converse();
  notices.announce("A new conversation has begun.");
  composer.focus();
}

function send(text, files = []) {
  transcript.following = true;
  talk.send(text, files);
}

/** The welcome is there as long as nothing has been said. */
function welcome() {
  byId("welcome").hidden = talk.conversation.entries.length > 0 || talk.conversation.status !== "active";
}

// --- what happens

function happened({ kind, entry, onlyText }) {
  const { entries } = talk.conversation;
  if (kind === "changed") {
    if (onlyText) transcript.showText(entry);
    else transcript.show(entry, entries);
    if (!onlyText) welcome();
  } else if (kind === "removed") {
    transcript.remove(entry);
  } else if (kind === "settled" && entry) {
    announce(entry);
  } else if (kind === "status") {
    standing();
  }
}

function announce(entry) {
  if (entry.state === "refused") notices.announce(`Your message was not sent. ${entry.error.message}`);
  else if (entry.role === "user") notices.announce(`You, elsewhere: ${entry.content}`);
  else notices.announce(`${entry.role === "operator" ? "Support team" : "Support"}: ${transcript.textOf(entry)}`);
}

/** Who answers here, or that nobody does any more. */
function standing() {
  const { conversation } = talk;
  const { status, ticket } = conversation;
  composer.setClosed(status === "ended");
  if (status === "escalated") {
    const number = ticket ? ` Your ticket is ${ticket}.` : "";
    const words = `A person will take over and answer you here.${number} You can go on writing.`;
    notices.show("escalated", { words });
    conversation.note("escalated", `Handed over to our team${ticket ? ` · ticket ${ticket}` : ""}`);
  } else {
    notices.hide("escalated");
  }
  if (status === "ended") over("This conversation has ended.");
  welcome();
}

function over(words) {
  composer.setClosed(true);
  byId("attach").hidden = true;
  notices.show("over", { words, tone: "warning", action: { label: "Start a new conversation", run: startAnew } });
}

// --- the connection

function linked(state) {
  if (state.name === "open") {
    calm();
    notices.link("open", "Connected");
  } else if (state.name === "connecting") {
    notices.link("connecting", "Connecting…");
  } else if (state.name === "over") {
    calm();
    notices.link("over", "Closed");
    over(farewell(state));
  } else {
    notices.link(state.name, state.name === "offline" ? "Offline" : "Reconnecting…");
    interrupted = state;
    patience ??= setTimeout(() => notices.show("link", interruption(interrupted)), PATIENCE_MS);
  }
}

function calm() {
  clearTimeout(patience);
  patience = null;
  notices.hide("link");
}

function interruption({ name, restart }) {
  const words =
    name === "offline"
      ? "You are offline. What you write is sent as soon as you are back."
      : restart
        ? "The service is restarting. We reconnect by ourselves, and nothing is lost."
        : "The connection is lost. We keep trying, and what you write is sent afterwards.";
  return { words, tone: "warning", action: { label: "Try now", run: () => talk.hurry() } };
}

function farewell({ why, said }) {
  if (why === "ended") return "This conversation has ended.";
  if (why === "gone") return "This conversation is no longer available.";
  return said || "This page may not connect to the support service.";
}

function troubled(error, inMs) {
  if (!error) {
    notices.hide("trouble");
    return;
  }
  notices.link("waiting", "Not connected");
  const words = inMs === undefined ? error.message : `${error.message} We keep trying.`;
  const action = inMs === undefined ? { label: "Try again", run: converse } : undefined;
  notices.show("trouble", { words, tone: "warning", action });
}

// --- the rest of the page

byId("new-conversation").addEventListener("click", startAnew);
byId("suggestions").append(
  ...SUGGESTIONS.map((question) =>
    el("li", {}, el("button", { type: "button", on: { click: () => choose(question) } }, question)),
  ),
);

function choose(question) {
  // The button is about to go, and the focus must not go with it.
  byId("scroller").focus({ preventScroll: true });
  send(question);
  composer.focus();
}

converse();
composer.focus();
