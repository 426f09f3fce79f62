/** The page: puts the parts together and shows what the conversation does. */

import { Attachments } from "./attachments.js";
import { Composer } from "./composer.js";
import { ApiError } from "./api.js";
import { byId, el } from "./dom.js";
import { begin } from "./memory.js";
import { Notices } from "./notices.js";
import { named, Standing } from "./standing.js";
import { Talk } from "./talk.js";
import { speaker, Transcript } from "./transcript.js";
import { Typists } from "./typing.js";

const SUGGESTIONS = [
  "How do I reset my password?",
  "What is your refund policy?",
  "How long does shipping take?",
  "How can I contact support?",
];
const ENDED = "This conversation has ended. Thank you for writing to us.";
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
  { list: byId("transcript"), column: byId("column"), scroller: byId("scroller"), toEnd: byId("to-end") }, page,
);
const attachments = new Attachments(
  { chips: byId("chips"), picker: byId("files"), button: byId("attach"), drop: byId("drop") },
  { sessionId: page.sessionId, announce: page.announce, changed: () => composer.update() },
);
const composer = new Composer(
  {
    form: byId("composer"), field: byId("message"), button: byId("send"), counter: byId("counter"),
    hint: byId("hint"), stop: byId("stop"),
  },
  {
    send: (text) => {
      send(text, attachments.ready);
      attachments.clear();
    },
    paste: (files) => attachments.add(files),
    uploading: () => attachments.busy,
    attached: () => attachments.files.length,
    wrote: (hasText) => talk.typing.changed(hasText),
    stop: () => stop(),
    lostFocus: () => refocus(),
  },
);
const standing = new Standing(
  { box: byId("standing"), button: byId("person") },
  { announce: page.announce, askForPerson: () => askForPerson(), lostFocus: () => refocus() },
);
const typists = new Typists(byId("typing"), {
  announce: page.announce, operator: () => named(talk.conversation.control.operator),
});
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
  standing.clear();
  typists.forget();
  composer.setClosed(false);
  composer.setAnswer(null);
  composer.setReader(false);
  byId("earlier").hidden = true;
  byId("attach").hidden = false;
  const mine = new Talk({
    happened: (event) => mine === talk && happened(event),
    linked: (state) => mine === talk && linked(state),
    troubled: (error, inMs) => mine === talk && troubled(error, inMs),
    ready: () => {
      byId("earlier").hidden = !talk.hasEarlier;
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
  notices.hide("refused");
  talk.send(text, files);
}

/** What the keyboard was at is gone: it stays near, without opening a phone's keyboard. */
function refocus() {
  byId("scroller").focus({ preventScroll: true });
  composer.focus();
}

function stop() {
  if (talk.conversation.run?.turnId === talk.conversation.stopping) return;
  talk.stop();
  notices.announce("Stopping the answer.");
}

async function askForPerson() {
  const mine = talk;
  try {
    await mine.askForPerson();
    if (mine === talk) notices.hide("refused");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (mine === talk) notices.show("refused", { words: `We could not ask for a person. ${error.message}`, tone: "warning" });
  }
}

async function loadEarlier() {
  const mine = talk;
  const button = byId("load-earlier");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  button.textContent = "Loading…";
  try {
    await transcript.above(async () => {
      const count = await mine.loadEarlier();
      if (mine !== talk) return;
      notices.hide("refused");
      notices.announce(count === 1 ? "One earlier message is here." : `${count} earlier messages are here.`);
      const hadFocus = document.activeElement === button;
      byId("earlier").hidden = !mine.hasEarlier;
      if (hadFocus && !mine.hasEarlier) byId("scroller").focus({ preventScroll: true });
    });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (mine === talk) notices.show("refused", { words: error.message, tone: "warning" });
  } finally {
    button.removeAttribute("aria-disabled");
    button.textContent = "Load earlier messages";
  }
}

/** The welcome is there as long as nothing has been said. */
function welcome() {
  byId("welcome").hidden = talk.conversation.entries.length > 0 || talk.conversation.status !== "active";
}

// --- what happens

function happened(event) {
  const { kind, entry, onlyText } = event;
  const { entries, control } = talk.conversation;
  if (kind === "changed") {
    if (onlyText) transcript.showText(entry);
    else transcript.show(entry, entries);
    if (!onlyText) welcome();
  } else if (kind === "removed") {
    transcript.remove(entry);
  } else if (kind === "settled") {
    if (entry.state !== "refused") typists.forget(entry.role);
    announce(entry);
  } else if (kind === "status") {
    if (control.controller !== "operator") typists.forget("operator");
    charge();
  } else if (kind === "running") {
    const { run, stopping } = talk.conversation;
    composer.setAnswer(run && (run.turnId === stopping ? "stopping" : "running"));
  } else if (kind === "typing") {
    typists.take(event);
  }
}

function announce(entry) {
  if (entry.state === "refused") notices.announce(`Your message was not sent. ${entry.error.message}`);
  else if (entry.role === "user") notices.announce(`You, elsewhere: ${entry.content}`);
  else if (entry.state === "cancelled") notices.announce(`Stopped. ${transcript.textOf(entry)}`.trim());
  else notices.announce(`${speaker(entry)}: ${transcript.textOf(entry)}`);
}

/** Who answers here, or that nobody does any more. */
function charge() {
  const { control } = talk.conversation;
  standing.show(control);
  composer.setReader(control.controller !== "agent");
  composer.setClosed(control.status === "ended");
  if (control.status === "ended") over(ENDED, "calm");
  welcome();
}

function over(words, tone = "warning") {
  composer.setClosed(true);
  byId("attach").hidden = true;
  notices.show("over", { words, tone, action: { label: "Start a new conversation", run: startAnew } });
}

// --- the connection

function linked(state) {
  if (state.name !== "open") typists.forget();
  if (state.name === "open") {
    calm();
    notices.link("open", "Connected");
    standing.show(talk.conversation.control);
  } else if (state.name === "connecting") {
    notices.link("connecting", "Connecting…");
  } else if (state.name === "over") {
    calm();
    notices.link("over", "Closed");
    standing.clear();
    over(farewell(state), state.why === "ended" ? "calm" : "warning");
  } else if (state.name === "idle") {
    calm();
    notices.link("idle", "Paused");
    const action = { label: "Go on", run: () => talk.hurry() };
    notices.show("link", { words: "Paused while you were away. We go on when you are back.", action });
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
  if (why === "ended") return ENDED;
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

byId("load-earlier").addEventListener("click", loadEarlier);
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
