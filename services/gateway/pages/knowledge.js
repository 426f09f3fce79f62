/** The knowledge page: who may use it, which part of it the address names, and what the parts share. */

import { byId, el } from "./dom.js";
import { KnowledgeAdd } from "./knowledge_add.js";
import { KnowledgeApi } from "./knowledge_api.js";
import { KnowledgeDocument } from "./knowledge_document.js";
import { KnowledgeDocuments } from "./knowledge_documents.js";
import { KnowledgeGaps } from "./knowledge_gaps.js";
import { KnowledgeIndex } from "./knowledge_index.js";
import { KnowledgeSearch } from "./knowledge_search.js";
import { KnowledgeSignIn } from "./knowledge_sign_in.js";
import { Access } from "./operator_access.js";

const MOST_ANNOUNCED = 10;

const access = new Access();
const api = new KnowledgeApi(access, () => refused());
const page = { api, announce, confirm, open };
const documents = new KnowledgeDocuments(page);
const views = {
  documents, search: new KnowledgeSearch(page), gaps: new KnowledgeGaps(page), index: new KnowledgeIndex(page),
  document: new KnowledgeDocument(page),
};
const add = new KnowledgeAdd(page, () => documents.refresh());
const signIn = new KnowledgeSignIn(
  {
    dialog: byId("sign-in"), form: byId("sign-in-form"), token: byId("token"), fault: byId("sign-in-fault"),
    button: byId("sign-in-go"),
  },
  { access, check: () => api.index().catch(unlessRefused), entered },
);
let inside = false;
let current = null;

/** The index may be away; who asks is then known all the same. */
function unlessRefused(error) {
  if (error.status !== 503) throw error;
}

function entered() {
  inside = true;
  byId("sign-out").hidden = !access.hasToken;
  show();
}

function leave() {
  inside = false;
  byId("sign-out").hidden = true;
  views[current]?.stop();
  current = null;
  for (const name of Object.keys(views)) byId(`view-${name}`).hidden = true;
}

function refused() {
  if (!inside) return;
  leave();
  access.forget();
  signIn.ask("The admin token is no longer accepted.");
}

// --- which part

/** Give the part that the address names, and the document. */
function named() {
  const [name, id = ""] = location.hash.slice(1).split("=");
  if (name === "document" && id) return { name, id: decodeURIComponent(id) };
  return { name: name in views && name !== "document" ? name : "documents", id: null };
}

function open(documentId) {
  location.hash = `document=${encodeURIComponent(documentId)}`;
}

function show() {
  if (!inside) return;
  const { name, id } = named();
  const moved = current !== null;
  if (current) views[current].stop();
  current = name;
  for (const each of Object.keys(views)) byId(`view-${each}`).hidden = each !== name;
  for (const link of document.querySelectorAll(".views a")) {
    const here = link.hash.slice(1) === (name === "document" ? "documents" : name);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  views[name].start(id);
  // For who cannot see that another part is shown now.
  if (moved) byId(`${name}-title`).focus({ preventScroll: true });
  byId("main").scrollTop = 0;
}

// --- what the parts share

/** Say something to who listens rather than looks. */
function announce(words) {
  const announcer = byId("announcer");
  announcer.append(el("p", {}, words));
  while (announcer.childElementCount > MOST_ANNOUNCED) announcer.firstElementChild.remove();
}

/** Ask whether to do something that cannot be undone; gives whether it is wanted. */
function confirm({ title, words, yes }) {
  const dialog = byId("question");
  byId("question-title").textContent = title;
  byId("question-words").textContent = words;
  byId("question-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  byId("question-no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

byId("question-yes").addEventListener("click", () => byId("question").close("yes"));
byId("question-no").addEventListener("click", () => byId("question").close(""));
byId("sign-out").addEventListener("click", () => {
  leave();
  access.forget({ all: true });
  signIn.ask(null);
});
byId("skip").addEventListener("click", (event) => {
  // The address keeps the part that it names.
  event.preventDefault();
  byId("main").focus();
});
window.addEventListener("hashchange", show);
add.start();
signIn.attempt();
