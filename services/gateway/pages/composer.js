/** The field that a message is written in: Enter sends, the field grows, and its bounds are told in time. */

import { characters } from "./dom.js";

const MOST = 4000;
const NEAR = 3600;

export class Composer {
  /**
   * @param {{form: HTMLFormElement, field: HTMLTextAreaElement, button: HTMLButtonElement, counter: HTMLElement,
   *   hint: HTMLElement}} elements
   * @param {{send: (text: string) => void, paste: (files: FileList) => void, uploading: () => boolean,
   *   attached: () => number}} page
   */
  constructor(elements, page) {
    this.elements = elements;
    this.page = page;
    this.usualHint = elements.hint.textContent;
    this.closed = false;
    const { form, field } = elements;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    field.addEventListener("keydown", (event) => {
      // While an input method composes, Enter chooses a word.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.submit();
    });
    field.addEventListener("input", () => this.update());
    field.addEventListener("paste", (event) => {
      if (!event.clipboardData?.files.length) return;
      event.preventDefault();
      page.paste(event.clipboardData.files);
    });
    this.update();
  }

  /** Put the keyboard here; not on a phone, where that would cover half the screen. */
  focus() {
    if (matchMedia("(hover: hover) and (pointer: fine)").matches) this.elements.field.focus();
  }

  /** Close the field for a conversation that is over, or open it. */
  setClosed(closed) {
    this.closed = closed;
    this.elements.field.disabled = closed;
    this.elements.form.classList.toggle("closed", closed);
    this.update();
  }

  /** Bring button, counter and hint up to date. */
  update() {
    const { field, button, counter, hint } = this.elements;
    const length = characters(field.value.trim());
    const over = length > MOST;
    button.disabled = this.closed || length === 0 || over || this.page.uploading();
    counter.hidden = length < NEAR;
    counter.textContent = over ? `${length - MOST} characters too many` : `${length} of ${MOST} characters`;
    counter.classList.toggle("fault", over);
    field.setAttribute("aria-invalid", String(over));
    hint.textContent = this.hintFor(length);
    this.grow();
  }

  hintFor(length) {
    if (this.page.uploading()) return "Your message can be sent when the upload is finished";
    if (this.page.attached() && length === 0) return "Add a few words about your file";
    return this.usualHint;
  }

  /** As high as its text, up to what the style sheet allows. */
  grow() {
    const { field } = this.elements;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }

  submit() {
    const { field, button } = this.elements;
    this.update();
    if (button.disabled) return;
    this.page.send(field.value.trim());
    field.value = "";
    this.update();
    field.focus();
  }
}
