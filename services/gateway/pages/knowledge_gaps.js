/** Questions that the documents do not answer: how often they were asked and in which words; answered or dismissed here. */

import { ApiError } from "./api.js";
import { byId, el } from "./dom.js";
import { counted, time } from "./knowledge_words.js";

const MOVED = { dismiss: "Dismissed.", reopen: "Opened again.", answer: "Answered: the answer is a document now." };

export class KnowledgeGaps {
  /** @param {{api: object, announce: (words: string) => void}} page */
  constructor(page) {
    this.page = page;
    this.turn = 0;
    this.shown = 0;
    this.total = 0;
    byId("gaps-state").addEventListener("change", () => this.refresh());
    byId("gaps-more").addEventListener("click", () => this.load(this.shown));
  }

  start() {
    this.refresh();
  }

  stop() {
    this.turn += 1;
  }

  refresh() {
    return this.load(0);
  }

  async load(offset) {
    this.turn += 1;
    const { turn } = this;
    try {
      const { gaps, total } = await this.page.api.gaps(byId("gaps-state").value, offset);
      if (turn !== this.turn) return;
      const list = byId("gaps");
      if (!offset) list.replaceChildren();
      const first = list.childElementCount;
      list.append(...gaps.map((gap) => this.row(gap)));
      if (offset) list.children[first]?.querySelector("button")?.focus();
      this.shown = offset + gaps.length;
      this.total = total;
      this.fault(null);
      this.count();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn === this.turn) this.fault(error.message);
    }
  }

  count() {
    byId("gaps-count").textContent = this.total.toLocaleString("en");
    byId("gaps-more").hidden = this.shown >= this.total;
    byId("gaps-none").hidden = byId("gaps").childElementCount > 0;
    byId("gaps-none").textContent = byId("gaps-state").value === "open" ? "Nothing is missing." : "There are none.";
  }

  row(gap) {
    const title = `gap-${gap.gap_id}`;
    const row = { gap, busy: false, fault: el("p", { class: "fault", role: "alert", hidden: true }) };
    const button = (label, tone, work) =>
      el("button", { type: "button", class: tone, "aria-describedby": title, on: { click: work } }, label);
    const buttons = el("p", { class: "actions" });
    if (gap.state === "open") {
      const open = button("Answer", "solid", () => {
        row.form.hidden = !row.form.hidden;
        open.setAttribute("aria-expanded", String(!row.form.hidden));
        if (!row.form.hidden) row.answer.focus();
      });
      open.setAttribute("aria-expanded", "false");
      buttons.append(open, button("Dismiss", "quiet", () => this.move(row, "dismiss")));
    } else {
      buttons.append(button("Open again", "quiet", () => this.move(row, "reopen")));
    }
    row.form = this.form(row);
    row.item = el(
      "li", { class: "card gap", "data-gap-id": gap.gap_id },
      el("h3", { id: title, dir: "auto" }, gap.question),
      el("p", { class: "row-facts" }, `Asked ${gap.count === 1 ? "once" : `${gap.count} times`}, last `, time(gap.last_asked_at)),
      gap.examples.length ? this.examples(gap.examples) : null,
      gap.draft && gap.state === "open" ? draft(gap.draft) : null,
      gap.document_id ? el("p", {}, el("a", { href: `#document=${encodeURIComponent(gap.document_id)}` }, "Its answer")) : null,
      buttons, row.form, row.fault,
    );
    return row.item;
  }

  examples(examples) {
    const words = counted(examples.length, "other wording");
    return el("details", {}, el("summary", {}, words), el("ul", {}, ...examples.map((each) => el("li", { dir: "auto" }, each))));
  }

  form(row) {
    const { gap } = row;
    row.question = el("input", { autocomplete: "off", maxlength: 500 });
    row.question.value = gap.question;
    row.answer = el("textarea", { rows: 6, maxlength: 20000, spellcheck: "true" });
    row.answer.value = gap.draft ?? "";
    const submit = (event) => {
      event.preventDefault();
      this.answer(row);
    };
    return el(
      "form", { class: "answer-form", novalidate: true, hidden: true, on: { submit } },
      el("label", {}, "Question, as the document asks it", row.question),
      el("label", {}, "Answer, as Markdown", row.answer),
      el("p", {}, el("button", { type: "submit", class: "solid" }, "Save the answer")),
    );
  }

  answer(row) {
    const answer = row.answer.value.trim();
    const question = row.question.value.trim();
    if (!answer || !question) return tell(row, "Please write both the question and the answer.");
    return this.move(row, "answer", { answer, question });
  }

  async move(row, what, json) {
    if (row.busy) return;
    row.busy = true;
    tell(row, null);
    try {
      await this.page.api.move(row.gap.gap_id, what, json);
      this.page.announce(MOVED[what]);
      this.drop(row);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tell(row, error.message);
    } finally {
      row.busy = false;
    }
  }

  /** Take an entry away; the keyboard stays near. */
  drop(row) {
    const near = row.item.nextElementSibling ?? row.item.previousElementSibling;
    const focused = row.item.contains(document.activeElement);
    row.item.remove();
    this.shown -= 1;
    this.total -= 1;
    this.count();
    if (focused) (near?.querySelector("button") ?? byId("gaps-title")).focus();
  }

  fault(words) {
    byId("gaps-fault").hidden = words === null;
    byId("gaps-fault").textContent = words ?? "";
  }
}

function draft(words) {
  return el(
    "div", { class: "draft" }, el("p", { class: "row-facts" }, "What an operator answered a customer:"),
    el("p", { class: "passage-text", dir: "auto" }, words),
  );
}

function tell(row, words) {
  row.fault.hidden = words === null;
  row.fault.textContent = words ?? "";
}
