/**
 * Actions that the assistant asked for and that a person allows or refuses. They are asked for whenever the queue is; an
 * entry that stays keeps its elements, so that keyboard, screen reader and a half-written comment keep their place.
 */

import { ApiError } from "./api.js";
import { el } from "./dom.js";
import { pairsOf, visible } from "./operator_arguments.js";
import { duration, plain } from "./operator_words.js";

// As the gateway takes it.
const COMMENT = 1000;

export class OperatorApprovals {
  /**
   * @param {{box: HTMLElement, title: HTMLElement, count: HTMLElement, list: HTMLElement, more: HTMLElement,
   *   news: HTMLElement, newsWords: HTMLElement, newsClose: HTMLButtonElement}} elements
   * @param {{api: object, me: () => string, choose: (sessionId: string) => void, announce: (words: string) => void,
   *   lostFocus: () => void}} page
   */
  constructor(elements, page) {
    this.elements = elements;
    this.page = page;
    this.rows = new Map();
    this.decided = new Set();
    this.known = null;
    this.turn = 0;
    elements.newsClose.addEventListener("click", () => {
      this.tell(null);
      this.stay();
    });
  }

  /** Ask what waits; where that cannot be known now, what is shown stays. */
  async refresh() {
    this.turn += 1;
    const turn = this.turn;
    try {
      const found = await this.page.api.approvals({ status: "pending" });
      if (turn === this.turn) this.draw(found);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  /** Forget all. */
  stop() {
    this.turn += 1;
    this.rows.clear();
    this.decided.clear();
    this.known = null;
    this.elements.list.replaceChildren();
    this.elements.more.hidden = true;
    this.tell(null);
  }

  // --- drawing

  draw({ approvals, total, now }) {
    const waiting = approvals.filter((each) => !this.decided.has(each.approval_id));
    const ids = new Set(waiting.map((each) => each.approval_id));
    const gone = [...this.rows].filter(([id, row]) => !ids.has(id) && !row.busy).map(([id]) => this.drop(id));
    const listed = new Set(approvals.map((each) => each.approval_id));
    for (const id of this.decided) if (!listed.has(id)) this.decided.delete(id);
    for (const approval of waiting) this.row(approval, now);
    const rest = total - approvals.length;
    this.elements.more.hidden = rest <= 0;
    set(this.elements.more, `${rest} more wait behind these.`);
    this.show();
    if (gone.includes(true)) {
      this.page.announce("Somebody else decided on this action, or its time is over.");
      this.stay();
    }
    this.tellNew(waiting);
  }

  show() {
    const { box, count, news } = this.elements;
    set(count, this.rows.size ? String(this.rows.size) : "");
    box.hidden = this.rows.size === 0 && news.hidden;
  }

  row(approval, now) {
    const id = approval.approval_id;
    let row = this.rows.get(id);
    if (!row) {
      row = this.newRow(approval);
      this.rows.set(id, row);
      this.elements.list.append(row.item);
    }
    const left = Date.parse(approval.expires_at) - now;
    const asked = `Asked ${duration(now - Date.parse(approval.requested_at))} ago`;
    set(row.since, left > 0 ? `${asked} · counts as refused in ${duration(left)}` : asked);
  }

  newRow(approval) {
    const row = { approval, busy: false };
    const [title, what] = ["title", "what"].map((part) => `${part}-${approval.approval_id}`);
    const button = (label, tone, work) =>
      el("button", { type: "button", class: tone, "aria-describedby": title, on: { click: work } }, label);
    row.title = el("h3", { id: title, tabindex: -1 }, nameOf(approval));
    row.since = el("p", { class: "since" });
    row.comment = el("input", { autocomplete: "off", maxlength: COMMENT, "aria-describedby": title });
    row.fault = el("p", { class: "fault", role: "alert", hidden: true });
    row.buttons = [
      button("Allow", "solid", () => this.decide(row, true)),
      button("Refuse", "quiet", () => this.decide(row, false)),
    ];
    const open = () => this.page.choose(approval.session_id);
    row.item = el(
      "li", { "data-approval-id": approval.approval_id },
      el(
        "div", { class: "approval", role: "group", "aria-labelledby": title, "aria-describedby": what },
        row.title,
        el("p", { id: what, class: "approval-what", dir: "auto" }, visible(approval.description)),
        argumentList(approval.arguments),
        row.since,
        button("Open conversation", "small approval-talk", open),
        el("label", {}, "Comment, if you like; the customer can read it", row.comment),
        el("p", { class: "approval-buttons" }, ...row.buttons),
        row.fault,
      ),
    );
    return row;
  }

  /** Take an entry away; gives whether the keyboard was there. */
  drop(id) {
    const { item } = this.rows.get(id);
    const focused = item.contains(document.activeElement);
    this.rows.delete(id);
    item.remove();
    return focused;
  }

  /** The keyboard stays near; never on a button, where the same key once more would decide on something else. */
  stay() {
    this.show();
    if (!this.elements.box.hidden) this.elements.title.focus();
    else this.page.lostFocus();
  }

  tellNew(waiting) {
    const fresh = this.known ? waiting.filter((each) => !this.known.has(each.approval_id)) : [];
    this.known = new Set(waiting.map((each) => each.approval_id));
    if (fresh.length === 1) this.page.announce(`An action waits for your word: ${nameOf(fresh[0])}.`);
    else if (fresh.length) this.page.announce(`${fresh.length} actions wait for your word.`);
  }

  /** Say what became of a decision, until it is read; null says nothing. */
  tell(words) {
    this.elements.news.hidden = words === null;
    set(this.elements.newsWords, words ?? "");
    this.show();
  }

  // --- deciding

  async decide(row, approve) {
    if (row.busy) return;
    const { approval } = row;
    this.work(row, true);
    this.tell(null);
    fault(row, null);
    try {
      const now = await this.page.api.decide(approval.approval_id, approve, row.comment.value.trim());
      this.leave(row, () => {
        if (now.operator === this.page.me()) this.page.announce(`${approve ? "Allowed" : "Refused"}: ${nameOf(approval)}.`);
        else this.tell(decidedBy(now));
      });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!["already_decided", "approval_expired", "approval_not_found"].includes(error.code)) {
        fault(row, `Not done. ${error.message}`);
        return;
      }
      const words = await this.outcome(approval, error);
      this.leave(row, () => this.tell(words));
    } finally {
      this.work(row, false);
    }
  }

  /** Say in words what has become of an action that cannot be decided on any more. */
  async outcome(approval, error) {
    const name = `“${nameOf(approval)}”`;
    if (error.code === "approval_expired") return `Nobody decided on ${name} in time, so it counts as refused.`;
    if (error.code === "approval_not_found") return `${name} is not there any more: its conversation was deleted.`;
    try {
      const { approvals } = await this.page.api.approvals({ session_id: approval.session_id });
      const now = approvals.find((each) => each.approval_id === approval.approval_id);
      if (now?.operator) return decidedBy(now);
    } catch (fault) {
      if (!(fault instanceof ApiError)) throw fault;
    }
    return error.message;
  }

  /** Take a row away that is decided on, before `said`. */
  leave(row, said) {
    const id = row.approval.approval_id;
    // A list that was asked for before may still have it.
    this.decided.add(id);
    if (!this.rows.has(id)) return;
    const focused = this.drop(id);
    said();
    this.show();
    if (focused) this.stay();
  }

  /** Not `disabled`, which would take the keyboard away from here. */
  work(row, busy) {
    row.busy = busy;
    for (const button of row.buttons) {
      if (busy) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
  }
}

function nameOf(approval) {
  return visible(plain(approval.tool));
}

/** Say who has decided on an action, where somebody has. */
function decidedBy(approval) {
  const done = approval.status === "approved" ? "allowed" : "refused";
  return `${approval.operator ?? "Somebody else"} has already ${done} “${nameOf(approval)}”.`;
}

function argumentList(given) {
  const pairs = pairsOf(given);
  if (!pairs.length) return el("p", { class: "since" }, "Without any details");
  const parts = pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { dir: "auto" }, value)]);
  return el("dl", {}, ...parts);
}

function fault(row, words) {
  row.fault.hidden = words === null;
  row.fault.textContent = words ?? "";
}

/** Change a text only where it is another: what is redrawn is read out again. */
function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
