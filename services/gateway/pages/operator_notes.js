/** The private notes: what operators tell each other about a conversation, in a field and a list of their own. */

import { ApiError } from "./api.js";
import { el } from "./dom.js";
import { OperatorField } from "./operator_field.js";

// As the gateway takes them.
const MOST = 4000;

export class OperatorNotes {
  /**
   * @param {{list: HTMLElement, fault: HTMLElement, form: HTMLFormElement, field: HTMLTextAreaElement,
   *   button: HTMLButtonElement, counter: HTMLElement}} elements
   * @param {{talk: () => object|null, me: () => string, announce: (words: string) => void}} page
   */
  constructor(elements, page) {
    this.elements = elements;
    this.page = page;
    this.field = new OperatorField(elements, { send: (text) => this.add(text) }, MOST);
  }

  /** Show the notes of a conversation. */
  show(notes) {
    const { list } = this.elements;
    list.hidden = notes.length === 0;
    list.replaceChildren(...notes.map((note) => this.item(note)));
    list.scrollTop = list.scrollHeight;
  }

  /** Begin with another conversation; gives what was being written about the one before. */
  change(draft) {
    const before = this.field.text;
    this.field.text = draft;
    this.fault(null);
    return before;
  }

  async add(text) {
    const talk = this.page.talk();
    if (!talk) return;
    this.fault(null);
    try {
      await talk.addNote(text);
      this.page.announce("The note is added.");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (talk !== this.page.talk()) return;
      this.field.text ||= text;
      this.fault(`The note was not added. ${error.message}`);
    }
  }

  item(note) {
    const at = new Date(note.created_at);
    const time = el("time", { datetime: note.created_at, title: at.toLocaleString() }, at.toLocaleString([], {
      month: "short", day: "numeric", hour: "2-digit", minute: "2-digit",
    }));
    const who = note.operator === this.page.me() ? "You" : note.operator;
    return el(
      "li",
      { class: "note-item", "data-note-id": note.note_id },
      el("p", { class: "note-who" }, el("strong", {}, who), " ", time),
      el("p", { class: "note-text", dir: "auto" }, note.content),
    );
  }

  fault(words) {
    this.elements.fault.hidden = words === null;
    this.elements.fault.textContent = words ?? "";
  }
}
