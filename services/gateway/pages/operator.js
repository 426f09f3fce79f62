/** The operators' page: who works here, the queue, and the conversation that the address names. */

import { byId } from "./dom.js";
import { Access } from "./operator_access.js";
import { OperatorApi } from "./operator_api.js";
import { OperatorApprovals } from "./operator_approvals.js";
import { OperatorDesk } from "./operator_desk.js";
import { OperatorQueue } from "./operator_queue.js";
import { OperatorSignIn } from "./operator_sign_in.js";

const access = new Access();
const api = new OperatorApi(access, () => refused("The admin token is no longer accepted."));
const desk = new OperatorDesk({ api, access, moved: () => queue.refresh(), refused: () => lockedOut() });
const queue = new OperatorQueue(
  {
    lists: byId("queue-lists"), fault: byId("queue-fault"), more: byId("more"), open: byId("show-open"),
    closed: byId("show-closed"),
  },
  {
    api, access, announce: (words) => desk.notices.announce(words),
    choose: (ticket) => go(ticket.session_id, ticket.ticket_id), asking: () => approvals.refresh(),
  },
);
const approvals = new OperatorApprovals(
  {
    box: byId("approvals"), title: byId("approvals-title"), count: byId("approvals-count"),
    list: byId("approvals-list"), more: byId("approvals-more"), news: byId("approvals-news"),
    newsWords: byId("approvals-words"), newsClose: byId("approvals-read"),
  },
  {
    api, me: () => access.name, choose: (sessionId) => go(sessionId), announce: (words) => desk.notices.announce(words),
    lostFocus: () => byId("queue-title").focus(),
  },
);
const signIn = new OperatorSignIn(
  {
    dialog: byId("sign-in"), form: byId("sign-in-form"), name: byId("name"), tokenPart: byId("token-part"),
    token: byId("token"), fault: byId("sign-in-fault"), button: byId("sign-in-go"),
  },
  { access, check: () => api.tickets("open"), entered },
);
let inside = false;

// --- who works here

function entered() {
  inside = true;
  byId("me").textContent = access.name;
  byId("sign-out").hidden = false;
  byId("queue-foot").hidden = access.hasToken;
  queue.refresh();
  desk.close();
  show();
}

function leave() {
  inside = false;
  byId("me").textContent = "";
  byId("sign-out").hidden = true;
  queue.stop();
  approvals.stop();
  desk.close();
}

function refused(words) {
  if (!inside) return;
  leave();
  access.forget();
  signIn.ask(words, { token: true });
}

/** The socket did not take what HTTP takes: this gateway may have no token (any more), or another one. */
async function lockedOut() {
  if (!inside || !access.hasToken) return;
  leave();
  access.forget();
  await signIn.enter();
}

function signOut() {
  leave();
  access.forget({ all: true });
  signIn.ask(null);
}

// --- which conversation

/** Give the conversation that the address names; null without one. */
function named() {
  const words = new URLSearchParams(location.hash.slice(1));
  const sessionId = words.get("session");
  return sessionId ? { sessionId, ticketId: words.get("ticket") } : null;
}

function go(sessionId, ticketId = null) {
  const words = new URLSearchParams({ session: sessionId });
  if (ticketId) words.set("ticket", ticketId);
  if (location.hash === `#${words}`) show();
  else location.hash = words;
}

/** Show what the address names. */
function show() {
  if (!inside) return;
  const what = named();
  const known = desk.talk;
  document.body.dataset.view = what ? "talk" : "queue";
  byId("talk-inner").hidden = !what;
  byId("empty").hidden = Boolean(what);
  byId("panel").hidden = !what;
  queue.choose(what?.sessionId ?? null);
  if (!what) desk.close();
  else if (!known || known.left || known.sessionId !== what.sessionId || known.askedFor !== what.ticketId) {
    panel(false);
    desk.open(what);
    byId("talk-title").focus({ preventScroll: true });
  }
}

function back() {
  // Without a word of the conversation in the address, and without a step back to it.
  history.pushState(null, "", location.pathname + location.search);
  const { chosen } = queue;
  show();
  const row = [...queue.rows.values()].find(({ ticket }) => ticket.session_id === chosen);
  (row?.button ?? byId("show-open")).focus();
}

/** Show or hide the details where they have no column of their own. */
function panel(open) {
  byId("panel").classList.toggle("open", open);
  byId("panel-open").setAttribute("aria-expanded", String(open));
}

byId("sign-out").addEventListener("click", signOut);
byId("back").addEventListener("click", back);
byId("panel-open").addEventListener("click", () => {
  panel(!byId("panel").classList.contains("open"));
  if (byId("panel").classList.contains("open")) byId("panel-close").focus();
});
byId("panel-close").addEventListener("click", () => {
  panel(false);
  byId("panel-open").focus();
});
byId("panel").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && byId("panel").classList.contains("open")) byId("panel-close").click();
});
byId("by-id").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = byId("session-id").value.trim();
  if (!id) return;
  byId("session-id").value = "";
  go(id);
});
byId("skip").addEventListener("click", (event) => {
  // The address keeps its conversation.
  event.preventDefault();
  (byId("talk-inner").hidden ? byId("queue-title") : byId("talk-title")).focus();
});
window.addEventListener("hashchange", show);
window.addEventListener("popstate", show);

signIn.enter();
