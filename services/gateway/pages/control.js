/**
 * Who speaks for us in this conversation: the assistant, a person, or nobody yet. Frames tell of changes, the session
 * itself tells the rest (ticket, names, times), and what was asked before a change never undoes it.
 */

import { named } from "./standing.js";

export class Control {
  constructor() {
    this.status = "active";
    this.operator = null;
    this.claimed = false;
    this.ticketId = null;
    /** The open ticket as the session has it; null until it has been asked for. */
    this.ticket = null;
    /** How often this has changed: says whether an answer is older than what is known by now. */
    this.changes = 0;
  }

  /** `agent`, `operator`, or `nobody` (it waits for a person, or is over). */
  get controller() {
    if (this.status === "active") return "agent";
    return this.status === "escalated" && this.claimed ? "operator" : "nobody";
  }

  /** Whether the session should be asked for what frames have not told. */
  get isIncomplete() {
    return this.status === "escalated" && this.ticket === null;
  }

  /**
   * Take what a frame says. The controller counts only where people are in charge: servers before it say nothing of it.
   *
   * @param {{status: string, controller?: string, operator?: string|null}} told
   * @returns {boolean} whether that is news.
   */
  become({ status, controller, operator }) {
    const claimed = status === "escalated" && controller === "operator";
    const name = claimed ? operator ?? this.operator : null;
    const same = status === this.status && claimed === this.claimed && name === this.operator;
    if (same) return false;
    if (status !== "escalated") this.ticketId = null;
    Object.assign(this, { status, claimed, operator: name, ticket: null, changes: this.changes + 1 });
    return true;
  }

  /** Take a hand-over that is told without who has taken it; a person who is here already stays here. */
  escalate(ticketId) {
    const fresh = this.status !== "escalated" || this.ticketId !== ticketId;
    if (this.status !== "escalated") this.become({ status: "escalated" });
    this.ticketId = ticketId ?? this.ticketId;
    return fresh;
  }

  /** Take the session as the API gives it. */
  learn({ status, controller, escalation }) {
    const known = JSON.stringify([this.status, this.claimed, this.operator, this.ticket]);
    const ticket = status === "escalated" ? escalation ?? {} : null;
    const operator = ticket?.operator ?? null;
    const claimed = status === "escalated" && (controller === "operator" || operator !== null);
    Object.assign(this, { status, claimed, operator, ticket, ticketId: ticket?.ticket_id ?? null });
    const news = JSON.stringify([status, claimed, operator, ticket]) !== known;
    if (news) this.changes += 1;
    return news;
  }

  /** What the ticket tells of the hand-over, for the transcript: `{key, at, words}`, in order. */
  get milestones() {
    const { ticket_id: id, created_at: opened, claimed_at: claimed, operator, reasons = [] } = this.ticket ?? {};
    const lines = [];
    if (opened && !(operator && reasons.includes("taken_over"))) {
      lines.push({ key: `handed-over:${id}`, at: new Date(opened), words: `Handed over to our team · ticket ${id}` });
    }
    if (operator && claimed) {
      lines.push({ key: `joined:${id}:${claimed}`, at: new Date(claimed), words: `${named(operator) ?? "A person"} has joined` });
    }
    return lines;
  }
}
