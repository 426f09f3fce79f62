/**
 * The messages on the screen: one list item for each entry, in its order, redrawn when it changes. Text that streams in
 * is drawn at most once a frame, and the view stays at the end unless the reader has gone up.
 */

import { afterwords, fillBody, stageLine, when } from "./answer.js";
import { formatSize } from "./attachments.js";
import { el } from "./dom.js";

const AT_END_PX = 80;
const LONG_TEXT = 6_000;
const LONG_TEXT_PAUSE_MS = 120;

const SPEAKERS = { user: "You", assistant: "Support", operator: "Support team", system: "Notice", note: "Notice" };

export class Transcript {
  /**
   * @param {{list: HTMLElement, scroller: HTMLElement, toEnd: HTMLElement}} elements
   * @param {{askAgain: Function, retriable: Function, sendAgain: Function, announce: Function,
   *   sessionId: Function}} page
   */
  constructor({ list, scroller, toEnd }, page) {
    this.list = list;
    this.scroller = scroller;
    this.toEnd = toEnd;
    this.page = page;
    this.nodes = new Map();
    this.due = new Set();
    this.following = true;
    scroller.addEventListener("scroll", () => this.look(), { passive: true });
    toEnd.addEventListener("click", () => this.goToEnd());
    new ResizeObserver(() => this.follow()).observe(scroller);
    new ResizeObserver(() => this.follow()).observe(list);
  }

  /** Forget all. */
  clear() {
    this.nodes.clear();
    this.due.clear();
    this.list.replaceChildren();
    this.following = true;
    this.toEnd.hidden = true;
  }

  /** Draw an entry, in its place among all. */
  show(entry, entries) {
    let node = this.nodes.get(entry.key);
    if (!node) {
      node = el("li", { class: "message" });
      this.nodes.set(entry.key, node);
    }
    this.draw(node, entry);
    this.place(node, entry, entries);
    this.follow();
  }

  /** Draw the text of the running answer soon. */
  showText(entry) {
    if (this.due.has(entry.key)) return;
    this.due.add(entry.key);
    const draw = () =>
      requestAnimationFrame(() => {
        if (!this.due.delete(entry.key)) return;
        const node = this.nodes.get(entry.key);
        const body = node?.querySelector(".body");
        if (!body || entry.state !== "writing") return;
        fillBody(body, entry);
        node.querySelector(".stage")?.remove();
      });
    if (entry.content.length > LONG_TEXT) setTimeout(draw, LONG_TEXT_PAUSE_MS);
    else draw();
  }

  /** Take an entry away. */
  remove(entry) {
    this.nodes.get(entry.key)?.remove();
    this.nodes.delete(entry.key);
  }

  /** Give an entry's text as it is read, for announcing. */
  textOf(entry) {
    const body = this.nodes.get(entry.key)?.querySelector(".body")?.cloneNode(true);
    if (!body) return entry.content;
    for (const cite of body.querySelectorAll(".cite")) cite.remove();
    return [...body.children].map((block) => block.textContent.trim()).join(" ") || entry.content;
  }

  /** Go to the newest message and stay there. */
  goToEnd() {
    this.following = true;
    this.follow();
  }

  // --- drawing

  draw(node, entry) {
    node.className = `message ${entry.role}`;
    node.dataset.state = entry.state;
    if (entry.id) node.dataset.messageId = entry.id;
    node.setAttribute("aria-busy", String(entry.state === "writing"));
    const parts = [el("span", { class: "visually-hidden" }, `${SPEAKERS[entry.role] ?? "Notice"}: `)];
    if (entry.role === "operator") parts.push(el("p", { class: "who" }, "Support team"));
    if (entry.role === "user") parts.push(...this.ownParts(entry));
    else if (entry.role === "assistant" || entry.role === "operator") parts.push(...this.answerParts(entry));
    else parts.push(el("p", { class: "body" }, entry.content));
    const hadFocus = node.contains(document.activeElement);
    node.replaceChildren(...parts);
    // What was pressed is gone (a retry): the keyboard stays near.
    if (hadFocus) this.scroller.focus({ preventScroll: true });
  }

  ownParts(entry) {
    const bubble = el("div", { class: "bubble", dir: "auto" }, el("p", { class: "body" }, entry.content));
    if (entry.attachments?.length) {
      const files = entry.attachments.map((file) =>
        el("li", {}, el("span", { class: "file-name" }, file.filename), ` ${formatSize(file.size)}`),
      );
      bubble.append(el("ul", { class: "files", "aria-label": "Attached files" }, ...files));
    }
    const meta = el("div", { class: "meta" });
    if (entry.state === "sending") meta.append(el("span", {}, "Sending…"));
    else if (entry.state === "refused") {
      const click = () => this.page.sendAgain(entry);
      const retry = el("button", { type: "button", class: "small", on: { click } }, "Send again");
      meta.append(el("span", { class: "fault" }, `Not sent. ${entry.error?.message ?? ""}`), retry);
    } else meta.append(when(entry));
    return [bubble, meta];
  }

  answerParts(entry) {
    const body = el("div", { class: "body", dir: "auto" });
    fillBody(body, entry);
    if (entry.state !== "writing") return [body, ...afterwords(entry, this.page)];
    return entry.content ? [body] : [body, stageLine(entry)];
  }

  place(node, entry, entries) {
    const after = entries.slice(entries.indexOf(entry) + 1).find((other) => this.nodes.has(other.key));
    const next = after ? this.nodes.get(after.key) : null;
    if (node.parentNode !== this.list || node.nextSibling !== next) this.list.insertBefore(node, next);
  }

  // --- scrolling

  look() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.following = scrollHeight - scrollTop - clientHeight < AT_END_PX;
    this.toEnd.hidden = this.following;
  }

  follow() {
    if (this.following) this.scroller.scrollTop = this.scroller.scrollHeight;
  }
}
