/** What one thinks of an answer: a thumb up or down, which is stored at once, and then a few words for who wants. */

import { ApiError, rate } from "./api.js";
import { characters, el, icon, tooMany } from "./dom.js";

const UP = "M7 11v9H4v-9zM7 11l4-8a2.5 2.5 0 0 1 2.5 2.5V9h5.200a2 2 0 0 1 2 2.3l-1.200 7a2 2 0 0 1-2 1.7H7";
const DOWN = "M7 13V4H4v9zM7 13l4 8a2.5 2.5 0 0 0 2.5-2.5V15h5.200a2 2 0 0 0 2-2.3l-1.200-7A2 2 0 0 0 17.5 4H7";
const THUMBS = [
  { rating: "up", label: "Helpful", path: UP, question: "What was helpful? (optional)" },
  { rating: "down", label: "Not helpful", path: DOWN, question: "What was missing or wrong? (optional)" },
];
const MOST = 2000;

// A server without the route says so once; then nobody is asked again.
let taken = true;

/** Whether answers can be rated here. */
export function canRate() {
  return taken;
}

/** Make the thumbs beneath an answer, and the place for words about it. */
export function feedback(entry, page) {
  const opinion = new Opinion(entry, page);
  return { thumbs: opinion.thumbs, remark: opinion.remark };
}

class Opinion {
  constructor(entry, page) {
    this.entry = entry;
    this.page = page;
    this.buttons = THUMBS.map(({ rating, label, path }) => {
      const click = () => this.give(rating);
      return el("button", { type: "button", class: "thumb", "aria-label": label, title: label, on: { click } }, icon(path, 17));
    });
    this.thumbs = el(
      "span", { class: "feedback", role: "group", "aria-label": "Was this answer helpful?" }, ...this.buttons,
    );
    this.remark = el("div", { class: "remark" });
    this.earlier = Promise.resolve();
    this.press();
    this.showRemark();
  }

  /** Store a thumb at once. Another one than before is another opinion, to which the old words do not belong. */
  async give(rating) {
    const before = this.entry.feedback;
    const given = before?.rating === rating ? before : { rating, comment: null };
    this.entry.feedback = given;
    this.press();
    if (given !== before && !(await this.store(given, before))) return;
    this.page.announce("Thank you for your feedback. You can add a few words.");
    this.ask();
  }

  async store(given, before) {
    // One after the other, for the last word counts.
    const stored = this.earlier.then(() => rate(this.entry.id, given, this.page.sessionId()));
    this.earlier = stored.catch(() => {});
    try {
      await stored;
      return this.entry.feedback === given;
    } catch (error) {
      if (this.entry.feedback === given) this.entry.feedback = before;
      this.press();
      if (!(error instanceof ApiError)) throw error;
      this.explain(error);
      return false;
    }
  }

  explain(error) {
    if (!error.isMissingRoute) {
      this.page.announce(`Your feedback was not stored. ${error.message}`);
      this.remark.querySelector(".not-stored")?.remove();
      this.remark.append(el("p", { class: "fault not-stored" }, `Not stored. ${error.message}`));
      return;
    }
    taken = false;
    for (const each of document.querySelectorAll(".feedback, .remark")) each.remove();
    this.page.announce("Feedback cannot be taken here.");
  }

  press() {
    this.buttons.forEach((button, place) => {
      button.setAttribute("aria-pressed", String(this.entry.feedback?.rating === THUMBS[place].rating));
    });
  }

  // --- words

  /** Show the words that were given. */
  showRemark() {
    const comment = this.entry.feedback?.comment;
    this.remark.replaceChildren(comment ? el("p", { class: "remark-words", dir: "auto" }, `You wrote: ${comment}`) : "");
  }

  /** Ask for words, with those that were given before. */
  ask() {
    const { rating, comment } = this.entry.feedback;
    const { question } = THUMBS.find((thumb) => thumb.rating === rating);
    const id = `remark-${this.entry.id}`;
    const field = el("textarea", { id, rows: 2, class: "remark-field" });
    field.value = comment ?? "";
    const fault = el("p", { class: "fault", hidden: true });
    const send = async (event) => {
      event.preventDefault();
      await this.send(field, fault);
    };
    const cancel = () => this.leave();
    const keydown = (event) => {
      if (event.key === "Escape") {
        // Here it leaves the words; an answer that is being written goes on.
        event.stopPropagation();
        this.leave();
      } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        send(event);
      }
    };
    this.remark.replaceChildren(
      el(
        "form",
        { class: "remark-form", novalidate: true, on: { submit: send, keydown } },
        el("label", { for: id }, question), field, fault,
        el(
          "div",
          { class: "remark-buttons" },
          el("button", { type: "submit", class: "small" }, "Send"),
          el("button", { type: "button", class: "small plain", on: { click: cancel } }, "No, thanks"),
        ),
      ),
    );
  }

  async send(field, fault) {
    const comment = field.value.trim();
    const over = characters(comment) - MOST;
    fault.hidden = over <= 0;
    fault.textContent = tooMany(over);
    if (over > 0) {
      this.page.announce(fault.textContent);
      return;
    }
    const before = this.entry.feedback;
    const given = { rating: before.rating, comment: comment || null };
    this.entry.feedback = given;
    if (!(await this.store(given, before))) return;
    this.leave();
    this.page.announce("Thank you. Your words are stored.");
  }

  /** Put the form away; the keyboard stays at the thumb. */
  leave() {
    this.showRemark();
    this.buttons[THUMBS.findIndex(({ rating }) => rating === this.entry.feedback?.rating)]?.focus();
  }
}
