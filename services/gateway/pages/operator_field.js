/** A field that operators write in: Enter sends, it grows with its text, and its bound is told in time. */

import { characters, told } from "./dom.js";

const MOST = told("message-characters", 4000);
const NEAR = Math.ceil(MOST * 0.9);

export class OperatorField {
  /**
   * @param {{form: HTMLFormElement, field: HTMLTextAreaElement, button: HTMLButtonElement, counter: HTMLElement}} elements
   * @param {{send: (text: string) => void, wrote?: (hasText: boolean) => void}} page
   * @param {number} most how many characters it may hold.
   */
  constructor(elements, page, most = MOST) {
    this.elements = elements;
    this.page = page;
    this.most = most;
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
    field.addEventListener("input", () => {
      this.update();
      page.wrote?.(field.value.trim() !== "");
    });
    this.update();
  }

  get text() {
    return this.elements.field.value;
  }

  set text(text) {
    this.elements.field.value = text;
    this.update();
  }

  /** Put the keyboard here; not on a phone, where that would cover half the screen. */
  focus() {
    if (matchMedia("(hover: hover) and (pointer: fine)").matches) this.elements.field.focus();
  }

  /** Close the field, or open it; what stands in it stays. */
  setClosed(closed, placeholder) {
    this.closed = closed;
    this.elements.field.disabled = closed;
    this.elements.field.placeholder = placeholder;
    this.elements.form.classList.toggle("closed", closed);
    this.update();
  }

  update() {
    const { field, button, counter } = this.elements;
    const length = characters(field.value.trim());
    const over = length > this.most;
    button.disabled = this.closed || length === 0 || over;
    counter.hidden = length < Math.min(NEAR, this.most);
    counter.textContent = over ? `${length - this.most} characters too many` : `${length} of ${this.most} characters`;
    counter.classList.toggle("fault", over);
    field.setAttribute("aria-invalid", String(over));
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }

  submit() {
    this.update();
    if (this.elements.button.disabled) return;
    const text = this.text.trim();
    this.text = "";
    this.elements.field.focus();
    this.page.send(text);
  }
}
