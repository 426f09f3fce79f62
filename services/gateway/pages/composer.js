/** The field that a message is written in: Enter sends, the field grows, and its bounds are told in time. */

import { characters, told, tooMany } from "./dom.js";

const MOST = told("message-characters", 4000);
const NEAR = Math.ceil(MOST * 0.9);

export class Composer {
  /**
   * @param {{form: HTMLFormElement, field: HTMLTextAreaElement, button: HTMLButtonElement, counter: HTMLElement,
   *   hint: HTMLElement, stop: HTMLButtonElement}} elements
   * @param {{send: (text: string) => void, paste: (files: FileList) => void, uploading: () => boolean,
   *   attached: () => number, wrote: (hasText: boolean) => void, stop: () => void, lostFocus: () => void}} page
   */
  constructor(elements, page) {
    this.elements = elements;
    this.page = page;
    this.usualHint = elements.hint.textContent;
    this.closed = false;
    const { form, field, stop } = elements;
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
      this.grow();
      page.wrote(field.value.trim() !== "");
    });
    stop.addEventListener("click", () => page.stop());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing && !event.defaultPrevented && !stop.hidden) page.stop();
    });
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

  /** Say who reads what is written here: the assistant answers questions, a person is written to. */
  setReader(isPerson) {
    this.elements.field.placeholder = isPerson ? "Write a message…" : "Ask a question…";
  }

  /** Offer to stop an answer: `running`, `stopping` (asked for already), or null where there is none. */
  setAnswer(state) {
    const { stop, field } = this.elements;
    const hadFocus = document.activeElement === stop;
    stop.hidden = state === null;
    stop.setAttribute("aria-disabled", String(state === "stopping"));
    stop.setAttribute("aria-label", state === "stopping" ? "Stopping the answer" : "Stop the answer");
    if (hadFocus && stop.hidden) this.page.lostFocus();
    this.update();
    this.grow();
  }

  /** Bring button, counter and hint up to date. */
  update() {
    const { field, button, counter, hint } = this.elements;
    const length = characters(field.value.trim());
    const over = length > MOST;
    button.disabled = this.closed || length === 0 || over || this.page.uploading();
    counter.hidden = length < NEAR;
    counter.textContent = over ? tooMany(length - MOST) : `${length} of ${MOST} characters`;
    counter.classList.toggle("fault", over);
    field.setAttribute("aria-invalid", String(over));
    hint.textContent = this.hintFor(length);
  }

  hintFor(length) {
    if (this.page.uploading()) return "Your message can be sent when the upload is finished";
    if (this.page.attached() && length === 0) return "Add a few words about your file";
    if (!this.elements.stop.hidden) return "Esc stops the answer";
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
    this.grow();
    field.focus();
  }
}
