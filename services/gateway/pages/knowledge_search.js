/** The search playground: what is found for a question, how near it is, and which of its words stand there. */

import { ApiError } from "./api.js";
import { byId, el } from "./dom.js";
import { counted, marked, unwrapped } from "./knowledge_words.js";

export class KnowledgeSearch {
  /** @param {{api: object, open: (id: string) => void}} page */
  constructor(page) {
    this.page = page;
    this.turn = 0;
    byId("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.search();
    });
  }

  start() {
    byId("query").focus();
  }

  stop() {
    this.turn += 1;
  }

  async search() {
    const query = byId("query").value.trim();
    const least = byId("search-least");
    this.fault(null);
    if (!query) return this.fault("Please write a question.");
    if (!least.validity.valid) return this.fault("The lowest score is a number from 0 to 1.");
    this.turn += 1;
    const { turn } = this;
    byId("search-words").textContent = "Searching …";
    try {
      const asked = { query, limit: Number(byId("search-limit").value) };
      if (least.value !== "") asked.min_score = Number(least.value);
      const began = performance.now();
      const found = await this.page.api.search(asked);
      if (turn === this.turn) this.draw(query, found, performance.now() - began);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn !== this.turn) return;
      byId("search-words").textContent = "";
      byId("found").replaceChildren();
      this.fault(error.message);
    }
  }

  draw(query, found, ms) {
    const words = found.length ? `${counted(found.length, "passage")} in ${Math.round(ms)} ms.` : "Nothing is near enough.";
    byId("search-words").textContent = words;
    byId("found").replaceChildren(...found.map((source) => this.passage(query, source)));
  }

  passage(query, { content, metadata, relevance_score: score, rank, cosine }) {
    const id = metadata.document_id;
    const facts = [metadata.source, metadata.version ? `version ${metadata.version}` : null, cosineWords(cosine)];
    return el(
      "li", { class: "passage-card", "data-document-id": id },
      el(
        "p", { class: "found-head" },
        el("span", { class: "number", "aria-hidden": "true" }, String(rank)),
        el("a", { href: `#document=${encodeURIComponent(id)}`, dir: "auto" }, metadata.title ?? id),
        el("span", { class: "score-word" }, el("span", { class: "visually-hidden" }, "Score "), score.toFixed(2)),
      ),
      el("meter", { min: 0, max: 1, value: score, "aria-hidden": true }),
      metadata.heading ? el("p", { class: "heading-path", dir: "auto" }, metadata.heading) : null,
      el("p", { class: "passage-text", dir: "auto" }, ...marked(unwrapped(content), query)),
      el("p", { class: "row-facts" }, facts.filter(Boolean).join(" · ")),
    );
  }

  fault(words) {
    byId("search-fault").hidden = words === null;
    byId("search-fault").textContent = words ?? "";
  }
}

function cosineWords(cosine) {
  return typeof cosine === "number" ? `meaning ${cosine.toFixed(2)}` : "by words alone";
}
