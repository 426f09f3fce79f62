/**
 * The messages on the screen: one list item for each entry, in its order, redrawn when it changes. Text that streams in
 * is drawn at most once a frame, and the view stays at the end unless the reader has gone up.
 */

import { afterwords, fillBody, stageLine, when } from "./answer.js";
import { formatSize } from "./attachments.js";
import { el } from "./dom.js";
import { initial, named } from "./standing.js";

const AT_END_PX = 80;
const LONG_TEXT = 6_000;
const LONG_TEXT_PAUSE_MS = 120;

const TEAM = "Support team";
const SPEAKERS = { user: "You", assistant: "Assistant", operator: TEAM, system: "Notice", note: "Notice" };

/** Who says an entry; of an operator, the name. */
export function speaker(entry) {
  return (entry.role === "operator" && named(entry.operator)) || (SPEAKERS[entry.role] ?? "Notice");
}

export class Transcript {
  /**
   * @param {{list: HTMLElement, column: HTMLElement, scroller: HTMLElement, toEnd: HTMLElement}} elements
   * @param {{askAgain: Function, retriable: Function, sendAgain: Function, announce: Function,
   *   sessionId: Function}} page
   */
  constructor({ list, column, scroller, toEnd }, page) {
    this.list = list;
    this.scroller = scroller;
    this.toEnd = toEnd;
    this.page = page;
    this.nodes = new Map();
    this.due = new Set();
    this.following = true;
    this.top = 0;
    this.most = 0;
    scroller.addEventListener("scroll", () => this.look(), { passive: true });
    toEnd.addEventListener("click", () => this.goToEnd());
    new ResizeObserver(() => this.follow()).observe(scroller);
    new ResizeObserver(() => this.follow()).observe(column);
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
    // Whoever is writing about an answer is not interrupted by news of it.
    if (!node.querySelector(".remark-form")) this.draw(node, entry);
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
    for (const item of body.querySelectorAll("li")) item.append(" ");
    const text = [...body.children].map((block) => block.textContent.trim()).join(" ");
    return text.replace(/\s+(?=[.,;:!?])/g, "") || entry.content;
  }

  /** Add what comes above all, while what is being looked at stays where it is. */
  async above(work) {
    const edge = this.scroller.getBoundingClientRect().top;
    // A message, for the page's own lines may move.
    const seen = [...this.list.querySelectorAll("[data-message-id]")].find(
      (node) => node.getBoundingClientRect().bottom > edge,
    );
    const was = seen?.getBoundingClientRect().top ?? 0;
    this.following = false;
    await work();
    if (seen) this.scroller.scrollTop += seen.getBoundingClientRect().top - was;
    this.look();
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
    const parts = [];
    if (entry.role === "operator") parts.push(byline(entry));
    else parts.push(el("span", { class: "visually-hidden" }, `${speaker(entry)}: `));
    if (entry.role === "user") parts.push(...this.ownParts(entry));
    else if (entry.role === "assistant" || entry.role === "operator") parts.push(...this.answerParts(entry));
    else parts.push(el("p", { class: "body", dir: "auto" }, entry.content));
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

  /** The view has moved: up by the reader's wish, or because there is less to show or less room. */
  look() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const most = scrollHeight - clientHeight;
    if (most - scrollTop < AT_END_PX) this.following = true;
    else if (scrollTop < this.top && most >= this.most) this.following = false;
    Object.assign(this, { top: scrollTop, most });
    this.toEnd.hidden = this.following;
  }

  follow() {
    if (!this.following) return;
    const { scroller } = this;
    scroller.scrollTop = scroller.scrollHeight;
    Object.assign(this, { top: scroller.scrollTop, most: scroller.scrollHeight - scroller.clientHeight });
  }
}

/** The name of the person who wrote this, where it is known. */
function byline({ operator }) {
  const name = named(operator);
  const team = name ? el("span", { class: "team" }, TEAM) : null;
  return el("p", { class: "who" }, initial(name ?? TEAM), el("bdi", { class: "name" }, name ?? TEAM), team);
}
