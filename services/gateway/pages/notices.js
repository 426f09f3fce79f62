/** What the page tells about itself: the state of the connection, one notice above the field, and announcements. */

import { el } from "./dom.js";

// Where several are due, the gravest is shown.
const GRAVITY = ["over", "trouble", "link", "refused"];
const MOST_ANNOUNCED = 10;

export class Notices {
  /** @param {{box: HTMLElement, announcer: HTMLElement, link: HTMLElement, linkWords: HTMLElement}} elements */
  constructor(elements) {
    this.elements = elements;
    this.due = new Map();
    this.shown = "";
  }

  /**
   * Show a notice until `hide`.
   *
   * @param {string} name one of over, trouble, link, refused.
   * @param {{words: string, tone?: "calm"|"warning", action?: {label: string, run: () => void}}} notice
   */
  show(name, notice) {
    this.due.set(name, notice);
    this.draw();
  }

  hide(name) {
    if (this.due.delete(name)) this.draw();
  }

  clear() {
    this.due.clear();
    this.draw();
  }

  /** Say something to who listens rather than looks. */
  announce(words) {
    const { announcer } = this.elements;
    announcer.append(el("p", {}, words));
    while (announcer.childElementCount > MOST_ANNOUNCED) announcer.firstElementChild.remove();
  }

  /** Show how the connection is: `connecting`, `open`, `waiting`, `offline`, `idle` or `over`. */
  link(state, words) {
    this.elements.link.dataset.state = state;
    this.elements.linkWords.textContent = words;
  }

  draw() {
    const { box } = this.elements;
    const name = GRAVITY.find((each) => this.due.has(each));
    const notice = this.due.get(name);
    box.hidden = !notice;
    if (!notice) {
      this.shown = "";
      box.replaceChildren();
      return;
    }
    const { words, tone = "calm", action } = notice;
    box.dataset.tone = tone;
    box.replaceChildren(el("p", {}, words));
    if (action) box.append(el("button", { type: "button", class: "small", on: { click: action.run } }, action.label));
    if (words !== this.shown) this.announce(words);
    this.shown = words;
  }
}
