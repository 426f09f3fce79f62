/**
 * The queue of tickets: those that wait apart from mine and from others'. It is asked for anew every few seconds and after
 * every action; what has not changed stays as it is on the screen, so that keyboard and screen reader keep their place.
 */

import { ApiError } from "./api.js";
import { el } from "./dom.js";
import { duration, plain, reason, shortId } from "./operator_words.js";

const REFRESH_MS = 5_000;
const HIDDEN_REFRESH_MS = 20_000;

const GROUPS = {
  open: [
    ["waiting", "Waiting", "Nobody waits."],
    ["mine", "Mine", "You have no conversation."],
    ["others", "With others", null],
  ],
  closed: [["closed", "Closed", "Nothing has been closed yet."]],
};

export class OperatorQueue {
  /**
   * @param {{lists: HTMLElement, fault: HTMLElement, more: HTMLButtonElement, open: HTMLButtonElement,
   *   closed: HTMLButtonElement}} elements
   * @param {{api: object, access: object, choose: (ticket: object) => void, announce: (words: string) => void,
   *   asking: () => void}} page `asking` hears when the queue is asked for: what else waits has the same rhythm.
   */
  constructor(elements, page) {
    this.elements = elements;
    this.page = page;
    this.status = "open";
    this.pages = 1;
    this.rows = new Map();
    this.groups = new Map();
    this.chosen = null;
    this.timer = null;
    this.turn = 0;
    this.waiting = null;
    elements.open.addEventListener("click", () => this.filter("open"));
    elements.closed.addEventListener("click", () => this.filter("closed"));
    elements.more.addEventListener("click", () => this.loadMore());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.timer) this.refresh();
    });
    this.build();
  }

  /** Ask now, and from now on every few seconds. */
  async refresh() {
    this.turn += 1;
    const turn = this.turn;
    clearTimeout(this.timer);
    this.page.asking();
    let pause = document.visibilityState === "visible" ? REFRESH_MS : HIDDEN_REFRESH_MS;
    try {
      const found = await this.read();
      if (turn !== this.turn) return;
      this.draw(found);
      this.fault(null);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn !== this.turn) return;
      if (error.status === 401) return;
      this.fault(`${error.message} What you see may be old.`);
      pause = Math.max(pause, error.retryAfter * 1000);
    }
    this.timer = setTimeout(() => this.refresh(), pause);
  }

  /** Ask no more. */
  stop() {
    this.turn += 1;
    clearTimeout(this.timer);
    this.timer = null;
    this.build();
  }

  /** Mark the conversation that is open beside the queue. */
  choose(sessionId) {
    this.chosen = sessionId;
    for (const row of this.rows.values()) this.mark(row);
  }

  // --- reading

  async read() {
    const tickets = new Map();
    let page = { next: null };
    for (let count = 0; count < this.pages && (count === 0 || page.next); count += 1) {
      page = await this.page.api.tickets(this.status, page.next);
      for (const ticket of page.tickets) tickets.set(ticket.ticket_id, ticket);
    }
    return { ...page, tickets: [...tickets.values()] };
  }

  filter(status) {
    if (status === this.status) return;
    this.status = status;
    this.pages = 1;
    this.build();
    this.refresh();
  }

  loadMore() {
    this.pages += 1;
    this.refresh();
  }

  // --- drawing

  build() {
    const { lists, open, closed, more } = this.elements;
    open.setAttribute("aria-pressed", String(this.status === "open"));
    closed.setAttribute("aria-pressed", String(this.status === "closed"));
    more.hidden = true;
    this.rows.clear();
    this.groups.clear();
    this.waiting = null;
    lists.replaceChildren();
    for (const [name, title, none] of GROUPS[this.status]) {
      const count = el("span", { class: "count" });
      const list = el("ul", { "aria-labelledby": `group-${name}` });
      const empty = none ? el("p", { class: "none" }, none) : null;
      const heading = el("h3", { id: `group-${name}` }, `${title} `, count);
      const section = el("section", { class: "group", "data-group": name, hidden: true }, heading, list, empty);
      this.groups.set(name, { section, list, count, empty });
      lists.append(section);
    }
  }

  draw({ tickets, total, next, now }) {
    const seen = new Set();
    const places = new Map([...this.groups.keys()].map((name) => [name, []]));
    for (const ticket of tickets) {
      seen.add(ticket.ticket_id);
      places.get(this.groupOf(ticket)).push(this.row(ticket, now));
    }
    for (const [id, row] of this.rows) if (!seen.has(id)) this.drop(id, row);
    for (const [name, rows] of places) this.arrange(this.groups.get(name), rows);
    this.elements.more.hidden = next === null;
    this.elements.more.textContent = `Load more (${Math.max(0, total - tickets.length)})`;
    if (this.status === "open") this.tellWaiting(places.get("waiting").length);
  }

  groupOf(ticket) {
    if (ticket.status === "closed" || this.status === "closed") return "closed";
    if (!ticket.operator) return "waiting";
    return ticket.operator === this.page.access.name ? "mine" : "others";
  }

  arrange({ section, list, count, empty }, rows) {
    section.hidden = rows.length === 0 && empty === null;
    list.hidden = rows.length === 0;
    if (empty) empty.hidden = rows.length > 0;
    set(count, rows.length ? String(rows.length) : "");
    rows.forEach((row, place) => {
      if (list.children[place] === row.item) return;
      const focused = row.item.contains(document.activeElement);
      list.insertBefore(row.item, list.children[place] ?? null);
      if (focused) row.button.focus({ preventScroll: true });
    });
  }

  row(ticket, now) {
    let row = this.rows.get(ticket.ticket_id);
    if (!row) {
      row = this.newRow();
      this.rows.set(ticket.ticket_id, row);
    }
    row.ticket = ticket;
    row.item.dataset.ticketId = ticket.ticket_id;
    row.item.dataset.sessionId = ticket.session_id;
    row.item.dataset.priority = ticket.priority;
    row.priority.dataset.priority = ticket.priority;
    set(row.priority, plain(ticket.priority));
    set(row.category, plain(ticket.category));
    set(row.reasons, ticket.reasons.map(reason).join(", "));
    set(row.since, this.since(ticket, now));
    set(row.id, shortId(ticket.ticket_id));
    this.mark(row);
    return row;
  }

  newRow() {
    const part = (name) => el("span", { class: name });
    const row = {
      priority: part("priority"), category: part("category"), since: part("since"), reasons: part("reasons"),
      id: part("ticket-id"),
    };
    const line = (...parts) => el("span", { class: "line" }, ...parts);
    row.button = el(
      "button",
      { type: "button", class: "ticket", on: { click: () => this.page.choose(row.ticket) } },
      line(row.priority, " ", row.category, " ", row.id),
      row.reasons, " ",
      row.since,
    );
    row.item = el("li", {}, row.button);
    return row;
  }

  since(ticket, now) {
    const ago = (time) => duration(now - Date.parse(time));
    if (ticket.status === "closed") return `Closed ${ago(ticket.closed_at ?? ticket.created_at)} ago`;
    if (!ticket.operator) return `Waits for ${ago(ticket.created_at)}`;
    const who = ticket.operator === this.page.access.name ? "You" : ticket.operator;
    return `${who}, for ${ago(ticket.claimed_at ?? ticket.created_at)}`;
  }

  mark(row) {
    if (row.ticket.session_id === this.chosen) row.button.setAttribute("aria-current", "true");
    else row.button.removeAttribute("aria-current");
  }

  drop(id, row) {
    const focused = row.item.contains(document.activeElement);
    row.item.remove();
    this.rows.delete(id);
    if (focused) this.elements.open.focus({ preventScroll: true });
  }

  tellWaiting(count) {
    document.title = count ? `(${count}) Operators` : "Operators";
    const grew = this.waiting !== null && count > this.waiting;
    this.waiting = count;
    if (grew) this.page.announce(count === 1 ? "One conversation waits." : `${count} conversations wait.`);
  }

  fault(words) {
    this.elements.fault.hidden = words === null;
    set(this.elements.fault, words ?? "");
  }
}

/** Change a text only where it is another: what is redrawn is read out again. */
function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
