/** What searches rest on, and how far it is with being built anew. */

import { ApiError } from "./api.js";
import { byId, el } from "./dom.js";
import { counted } from "./knowledge_words.js";

const AGAIN_MS = 2_000;

export class KnowledgeIndex {
  /** @param {{api: object, announce: (words: string) => void, confirm: (asked: object) => Promise<boolean>}} page */
  constructor(page) {
    this.page = page;
    this.turn = 0;
    this.timer = null;
    this.building = false;
    byId("reindex-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.reindex();
    });
  }

  start() {
    this.refresh();
  }

  stop() {
    this.turn += 1;
    clearTimeout(this.timer);
  }

  async refresh() {
    this.stop();
    const { turn } = this;
    try {
      const state = await this.page.api.index();
      if (turn === this.turn) this.draw(state);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn !== this.turn) return;
      fault("index-fault", error.message);
      if (error.retryable) this.timer = setTimeout(() => this.refresh(), Math.max(AGAIN_MS, error.retryAfter * 1000));
    }
  }

  draw(state) {
    fault("index-fault", null);
    const pairs = [
      ["Engine", state.engine === "qdrant" ? "Qdrant server" : "embedded"],
      ["Model", state.model],
      ["Dimension", String(state.dimension)],
      ["Model from", state.origin],
      ["Passages", state.passages.toLocaleString("en")],
      ["Vectors", state.vectors.toLocaleString("en")],
    ];
    byId("index").replaceChildren(el("dl", {}, ...pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])));
    this.progress(state.rebuilding);
  }

  progress(rebuilding) {
    if (this.building && !rebuilding) this.page.announce("The new index is in use.");
    this.building = rebuilding !== null;
    byId("rebuilding").hidden = !rebuilding;
    byId("reindex").disabled = Boolean(rebuilding);
    if (!rebuilding) return;
    const { done, documents, model, error } = rebuilding;
    byId("rebuilding-words").textContent = `${done} of ${counted(documents, "document")} by ${model}`;
    byId("rebuilding-bar").value = documents ? done / documents : 0;
    fault("reindex-fault", error);
    this.timer = setTimeout(() => this.refresh(), AGAIN_MS);
  }

  async reindex() {
    const model = byId("model").value.trim();
    const words = model
      ? `Every document is embedded by ${model}. Searches go on by the old index until the new one is complete.`
      : "Every document is cut and embedded again. Searches go on by the old index until the new one is complete.";
    if (!(await this.page.confirm({ title: "Build the index anew?", words, yes: "Reindex" }))) return;
    fault("reindex-fault", null);
    try {
      this.draw(await this.page.api.reindex(model));
      byId("model").value = "";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fault("reindex-fault", error.message);
    }
  }
}

function fault(id, words) {
  byId(id).hidden = words === null;
  byId(id).textContent = words ?? "";
}
