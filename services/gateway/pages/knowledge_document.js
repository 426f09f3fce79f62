/** One document: what is known of it, its versions, its passages, where it is used; a new version of it, and its end. */

import { ApiError } from "./api.js";
import { byId, el } from "./dom.js";
import { counted, isPending, outcomeWords, stateWords, time, unwrapped } from "./knowledge_words.js";

const AGAIN_MS = 2_000;

export class KnowledgeDocument {
  /** @param {{api: object, announce: (words: string) => void, confirm: (asked: object) => Promise<boolean>}} page */
  constructor(page) {
    this.page = page;
    this.turn = 0;
    this.id = null;
    this.timer = null;
  }

  start(id) {
    this.id = id;
    byId("document-title").textContent = "Document";
    byId("document").replaceChildren();
    this.refresh();
  }

  stop() {
    this.turn += 1;
    clearTimeout(this.timer);
  }

  async refresh() {
    this.stop();
    const { turn, id } = this;
    try {
      const [detail, usage] = await Promise.all([this.page.api.document(id), this.page.api.usage(id)]);
      if (turn !== this.turn) return;
      this.draw(detail, usage);
      if (isPending(detail.document)) this.timer = setTimeout(() => this.refresh(), AGAIN_MS);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn === this.turn) await this.gone(error);
    }
  }

  /** There is nothing to show; of what was deleted, the answers that relied on it. */
  async gone(error) {
    const { turn, id } = this;
    byId("document").replaceChildren(el("p", { class: "fault", role: "alert" }, error.message));
    if (error.status !== 404) return;
    try {
      const usage = await this.page.api.usage(id);
      if (turn === this.turn && usage.total) byId("document").append(this.usage(usage));
    } catch (fault) {
      if (!(fault instanceof ApiError)) throw fault;
    }
  }

  draw(detail, usage) {
    const { document, versions } = detail;
    byId("document-title").textContent = document.title;
    this.fault = el("p", { class: "fault", role: "alert", hidden: true });
    byId("document").replaceChildren(
      el("div", { class: "card" }, this.facts(document), this.actions(document), this.fault),
      section("Versions", el("ul", { class: "versions" }, ...versions.map(version))),
      this.passages(detail),
      this.usage(usage),
    );
  }

  facts(document) {
    const pairs = [
      ["State", el("span", { class: "state", "data-state": document.state }, stateWords(document.state))],
      document.error ? ["Why", document.error] : null,
      ["Found", document.version ? `version ${document.version}, ${counted(document.passages, "passage")}` : "not yet"],
      ["Source", document.source || "none"],
      document.media_type ? ["Kind", document.media_type] : null,
      document.language ? ["Language", document.language] : null,
      ["Changed", time(document.updated_at)],
      ["Id", el("code", {}, document.document_id)],
      ...Object.entries(document.metadata).map(([name, value]) => [name, String(value)]),
    ];
    return definitions(pairs.filter(Boolean));
  }

  actions(document) {
    this.picker = el("input", { type: "file", id: "new-version", on: { change: () => this.replace(document) } });
    this.progress = el("progress", { max: 1, value: 0, hidden: true, "aria-label": "Upload of the new version" });
    return el(
      "div", { class: "actions" },
      el("label", { class: "chooser", for: "new-version" }, "Upload a new version", this.picker),
      el("button", { type: "button", class: "quiet danger", on: { click: () => this.remove(document) } }, "Delete"),
      this.progress,
    );
  }

  passages(detail) {
    const list = el("ol", { class: "passages" }, ...detail.passages.map(passage));
    const more = el("button", { type: "button", class: "quiet" }, "Load more");
    const part = section(`Passages of the version that is found (${detail.document.passages})`, list, more);
    more.hidden = list.childElementCount >= detail.document.passages || !detail.passages.length;
    more.addEventListener("click", async () => {
      try {
        const { passages } = await this.page.api.document(this.id, list.childElementCount);
        list.append(...passages.map(passage));
        more.hidden = !passages.length || list.childElementCount >= detail.document.passages;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        this.tell(error.message);
      }
    });
    if (!detail.passages.length) list.replaceWith(el("p", { class: "none" }, "None yet."));
    return part;
  }

  usage({ answers, total, outdated }) {
    if (!total) return section("Where it is used", el("p", { class: "none" }, "No answer has cited it yet."));
    const words = `${counted(total, "answer")} cited it`;
    const old = outdated ? `, ${outdated} of them a version that is found no more.` : ".";
    const items = answers.map((answer) =>
      el(
        "li", {},
        el("a", { href: `operator#session=${encodeURIComponent(answer.session_id)}` }, "Conversation"), " of ",
        time(answer.answered_at), `, version ${answer.version}`,
        answer.outdated ? el("span", { class: "state", "data-state": "replaced" }, "Outdated") : null,
      ));
    return section("Where it is used", el("p", {}, words + old), el("ul", { class: "versions" }, ...items));
  }

  // --- what can be done

  async replace(document) {
    const [file] = this.picker.files;
    if (!file) return;
    this.tell(null);
    this.progress.hidden = false;
    try {
      const fields = document.source ? { source: document.source } : {};
      if (Object.keys(document.metadata).length) fields.metadata = JSON.stringify(document.metadata);
      const told = await this.page.api.send(file, fields, (part) => { this.progress.value = part; }, document.document_id);
      this.page.announce(`${outcomeWords(told.outcome)}.`);
      await this.refresh();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      await this.refresh();
      this.tell(error.message);
    }
  }

  async remove(document) {
    const sure = await this.page.confirm({
      title: "Delete this document?", yes: "Delete",
      words: `“${document.title}” is deleted with all its versions. Answers will not rest on it any more. This cannot be undone.`,
    });
    if (!sure) return;
    try {
      const gone = await this.page.api.remove(document.document_id);
      const left = gone.vectors_left === null ? "The index is away: it is deleted there as soon as it is back." : "Nothing of it is left.";
      this.page.announce(`Deleted with ${counted(gone.passages, "passage")}. ${left}`);
      location.hash = "documents";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.tell(error.message);
    }
  }

  tell(words) {
    this.fault.hidden = words === null;
    this.fault.textContent = words ?? "";
  }
}

function section(title, ...children) {
  return el("section", { class: "part-of" }, el("h3", {}, title), ...children);
}

function definitions(pairs) {
  return el("dl", {}, ...pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { dir: "auto" }, value)]));
}

function version(each) {
  const facts = [counted(each.passages, "passage"), each.error, ...each.notes].filter(Boolean);
  return el(
    "li", {}, el("strong", {}, `Version ${each.version}`), " ",
    el("span", { class: "state", "data-state": each.state }, stateWords(each.state)), " ", time(each.created_at),
    el("span", { class: "row-facts" }, facts.join(" · ")),
  );
}

function passage(each) {
  return el(
    "li", { class: "passage-card" }, each.heading ? el("p", { class: "heading-path", dir: "auto" }, each.heading) : null,
    el("p", { class: "passage-text", dir: "auto" }, unwrapped(each.text)),
  );
}
