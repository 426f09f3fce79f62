/** Who answers here, in plain words above the field; and the way to a person while the assistant does. */

import { el, icon } from "./dom.js";

const SETTLED_MS = 400;
/** What the gateway calls operators who do not say who they are. */
const UNNAMED = "operator";
const SPARK = "M12 4l1.700 4.800 4.800 1.700-4.800 1.700L12 17l-1.700-4.800L5.500 10.500l4.800-1.700zM18.500 16v4M16.500 18h4";
const CLOCK = "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.300l2.800 1.700";
const PERSON = "M12 4.500a3.600 3.600 0 1 0 0 7.200 3.600 3.600 0 0 0 0-7.200zM5 19.500c.6-3.400 3.400-5.200 7-5.200s6.400 1.800 7 5.200";

export class Standing {
  /**
   * @param {{box: HTMLElement, button: HTMLButtonElement}} elements
   * @param {{announce: (words: string) => void, askForPerson: () => Promise<void>, lostFocus: () => void}} page
   */
  constructor({ box, button }, page) {
    this.box = box;
    this.button = button;
    this.page = page;
    this.said = null;
    this.timer = null;
    button.addEventListener("click", () => this.ask());
  }

  /** Begin anew: what is shown first for a conversation is not announced, unless a person is in charge. */
  clear() {
    clearTimeout(this.timer);
    this.said = null;
    this.box.hidden = true;
  }

  /** Show who is in charge. */
  show(control) {
    const { line, mark, more } = describe(control);
    this.box.hidden = line === null;
    this.box.dataset.controller = control.controller;
    const hadFocus = document.activeElement === this.button;
    this.button.hidden = control.controller !== "agent";
    if (hadFocus && this.button.hidden) this.page.lostFocus();
    this.box.querySelector(".standing-mark").replaceChildren(mark ?? "");
    this.box.querySelector(".standing-words").replaceChildren(
      el("strong", {}, line ?? ""), more ? ` ${more}` : "",
      control.ticketId && control.controller === "nobody" ? el("span", { class: "ticket" }, ` Ticket ${control.ticketId}`) : "",
    );
    // Several changes often come together; the last one is worth saying.
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.say(line === null ? "" : `${line} ${more}`.trim(), control), SETTLED_MS);
  }

  say(words, control) {
    const first = this.said === null;
    if (words && words !== this.said && !(first && control.controller === "agent")) this.page.announce(words);
    this.said = words;
  }

  async ask() {
    const { button } = this;
    // Not `disabled`, which would take the keyboard away from here.
    if (button.getAttribute("aria-disabled") === "true") return;
    const usual = button.textContent;
    button.setAttribute("aria-disabled", "true");
    button.textContent = "Asking…";
    try {
      await this.page.askForPerson();
    } finally {
      button.removeAttribute("aria-disabled");
      button.textContent = usual;
    }
  }
}

/** The name of a person who has given one: what stands for none is no name. */
export function named(operator) {
  return operator && operator !== UNNAMED ? operator : null;
}

function describe({ status, controller, operator }) {
  if (status === "ended") return { line: null };
  if (controller === "agent") return { line: "The assistant answers", mark: icon(SPARK, 20), more: "" };
  if (controller === "operator") {
    const name = named(operator);
    return { line: `${name ?? "A person"} is here`, mark: name ? initial(name) : icon(PERSON, 20), more: "" };
  }
  return { line: "Waiting for a person.", mark: icon(CLOCK, 20), more: "We answer you here; you can go on writing." };
}

/** A person's mark: the first letter of the name. */
export function initial(name) {
  const [letter = "?"] = name.trim();
  return el("span", { class: "initial", "aria-hidden": "true" }, letter.toLocaleUpperCase());
}
