/** Taking a conversation over, releasing and resolving it: the buttons, and the questions that come before. */

import { ApiError } from "./api.js";
import { el } from "./dom.js";

export class OperatorControls {
  /**
   * @param {{box: HTMLElement, dialog: HTMLDialogElement, title: HTMLElement, words: HTMLElement,
   *   buttons: HTMLElement}} elements
   * @param {{talk: () => object|null, moved: (words: string) => void,
   *   refused: (error: ApiError, action?: {label: string, run: () => void}) => void, lostFocus: () => void}} page
   */
  constructor(elements, page) {
    this.elements = elements;
    this.page = page;
    this.busy = false;
    const button = (label, tone, work, more) =>
      el("button", { type: "button", class: tone, hidden: true, on: { click: () => work() } }, label, more);
    this.takeButton = button("Take over", "solid", () => this.takeOver());
    this.releaseButton = button(
      "Release", "quiet", () => this.release(), el("span", { class: "more" }, " to the assistant"),
    );
    this.resolveButton = button("Resolve", "quiet", () => this.resolve());
    elements.box.append(this.takeButton, this.releaseButton, this.resolveButton);
    elements.dialog.addEventListener("close", () => this.answer?.(null));
  }

  /** Offer what can be done now. */
  draw() {
    const talk = this.page.talk();
    const controller = talk?.control.controller;
    const over = !talk || talk.control.status === "ended";
    const free = controller === "nobody" && !over;
    const mine = !over && talk.isMine;
    const focused = this.elements.box.contains(document.activeElement) ? document.activeElement : null;
    this.takeButton.hidden = over || mine;
    this.releaseButton.hidden = !(mine || free);
    this.resolveButton.hidden = !(mine || free);
    for (const each of this.elements.box.children) each.disabled = this.busy;
    if (focused && (focused.hidden || focused.disabled) && !this.busy) this.page.lostFocus();
  }

  takeOver(force = false) {
    const talk = this.page.talk();
    return this.act(() => talk.takeOver(force), "You are in charge.", (error) => {
      if (error.code !== "claimed_by_another") return undefined;
      return { label: "Take it anyway", run: () => this.page.talk() === talk && this.takeOver(true) };
    });
  }

  async release() {
    const talk = this.page.talk();
    let answer = true;
    if (talk.isOpen) {
      const choice = await this.ask("Release to the assistant?", "The customer's last message has no answer yet.", [
        ["Let the assistant answer it", "answer", "solid"],
        ["Release without an answer", "silent", "quiet"],
        ["Cancel", null, "quiet"],
      ]);
      if (!choice) return;
      answer = choice === "answer";
    }
    await this.act(() => talk.release(answer), "The assistant is in charge.");
  }

  async resolve() {
    const talk = this.page.talk();
    const words = talk.isOpen
      ? "The conversation ends for the customer, and cannot be opened again. The last message has no answer yet."
      : "The conversation ends for the customer, and cannot be opened again.";
    const choice = await this.ask("Resolve this conversation?", words, [
      ["Resolve and end", "resolve", "solid"],
      ["Cancel", null, "quiet"],
    ]);
    if (choice) await this.act(() => talk.resolve(), "The conversation has ended.");
  }

  /** Do something once, and tell how it went, where the conversation is still the one on the screen. */
  async act(work, words, remedy = () => undefined) {
    if (this.busy) return;
    const talk = this.page.talk();
    this.busy = true;
    this.draw();
    try {
      await work();
      if (talk === this.page.talk()) this.page.moved(words);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (talk === this.page.talk()) this.page.refused(error, remedy(error));
    } finally {
      this.busy = false;
      this.draw();
    }
  }

  /** Ask, and give what was chosen; null where nothing was. */
  ask(title, words, choices) {
    const { dialog } = this.elements;
    this.elements.title.textContent = title;
    this.elements.words.textContent = words;
    return new Promise((resolve) => {
      this.answer = (choice) => {
        this.answer = null;
        if (dialog.open) dialog.close();
        resolve(choice);
      };
      this.elements.buttons.replaceChildren(
        ...choices.map(([label, value, tone]) =>
          el("button", { type: "button", class: tone, on: { click: () => this.answer?.(value) } }, label),
        ),
      );
      dialog.showModal();
    });
  }

  /** Ask no more: the conversation is another one. */
  dismiss() {
    this.answer?.(null);
  }
}
