/** The list of documents: found by title, source and state, and asked for again while one of them is being read. */

import { ApiError } from "./api.js";
import { byId, el } from "./dom.js";
import { counted, isPending, stateWords, time } from "./knowledge_words.js";

const TYPING_MS = 250;
const AGAIN_MS = 3_000;

export class KnowledgeDocuments {
  /** @param {{api: object, announce: (words: string) => void, open: (id: string) => void}} page */
  constructor(page) {
    this.page = page;
    this.turn = 0;
    this.shown = [];
    this.timer = null;
    byId("find").addEventListener("input", () => this.soon(TYPING_MS));
    byId("find-state").addEventListener("change", () => this.refresh());
    byId("finder").addEventListener("submit", (event) => {
      event.preventDefault();
      this.refresh();
    });
    byId("documents-more").addEventListener("click", () => this.more());
  }

  start() {
    this.refresh();
  }

  stop() {
    this.turn += 1;
    clearTimeout(this.timer);
  }

  soon(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), ms);
  }

  get query() {
    return { search: byId("find").value.trim(), state: byId("find-state").value };
  }

  /** Ask for the list from its beginning; as much of it as is shown. */
  async refresh() {
    await this.load(async () => {
      const found = await this.page.api.documents(this.query);
      while (found.documents.length < Math.min(this.shown.length, found.total)) {
        const { documents } = await this.page.api.documents({ ...this.query, offset: found.documents.length });
        if (!documents.length) break;
        found.documents.push(...documents);
      }
      return found;
    });
  }

  async more() {
    const from = this.shown.length;
    await this.load(async () => {
      const { documents, total } = await this.page.api.documents({ ...this.query, offset: from });
      return { documents: [...this.shown, ...documents], total };
    });
    byId("documents").children[from]?.querySelector("button").focus();
  }

  async load(ask) {
    this.stop();
    const { turn } = this;
    try {
      const found = await ask();
      if (turn === this.turn) this.draw(found);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn !== this.turn) return;
      this.fault(error.message);
      if (error.retryable) this.soon(Math.max(AGAIN_MS, error.retryAfter * 1000));
    }
  }

  draw({ documents, total }) {
    const focused = document.activeElement?.closest?.("#documents li")?.dataset.documentId;
    this.shown = documents;
    this.fault(null);
    byId("documents-count").textContent = total.toLocaleString("en");
    byId("documents").replaceChildren(...documents.map((each) => this.row(each)));
    byId("documents-more").hidden = documents.length >= total;
    const { search, state } = this.query;
    byId("documents-none").hidden = documents.length > 0;
    byId("documents-none").textContent = search || state ? "No document is like that." : "There are no documents yet.";
    if (focused) byId("documents").querySelector(`[data-document-id="${CSS.escape(focused)}"] button`)?.focus();
    if (documents.some(isPending)) this.soon(AGAIN_MS);
  }

  row(document) {
    const { version, newest_version: newest } = document;
    const facts = version ? [`version ${version}`, counted(document.passages, "passage")] : [`not found by searches${isPending(document) ? " yet" : ""}`];
    if (version && newest > version) facts[0] += ` is found, version ${newest} is not`;
    return el(
      "li",
      { "data-document-id": document.document_id },
      el(
        "button",
        { type: "button", class: "row-button", on: { click: () => this.page.open(document.document_id) } },
        el("span", { class: "row-title", dir: "auto" }, document.title),
        el("span", { class: "state", "data-state": document.state }, stateWords(document.state)),
        el("span", { class: "row-facts" }, `${facts.join(" · ")} · `, time(document.updated_at)),
        document.source ? el("span", { class: "row-source", dir: "auto" }, document.source) : null,
        document.error ? el("span", { class: "row-error" }, document.error) : null,
      ),
    );
  }

  fault(words) {
    byId("documents-fault").hidden = words === null;
    byId("documents-fault").textContent = words ?? "";
  }
}
