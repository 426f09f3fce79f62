/** What an operator should know before taking a conversation over: why, what it is about, facts, and what was tried. */

import { el } from "./dom.js";
import { factKind, plain, reason } from "./operator_words.js";
import { sourceList } from "./sources.js";

/**
 * Give the packet as elements.
 *
 * @param {object|null} session
 * @param {object|null} packet null for a conversation that was never handed over.
 */
export function packetParts(session, packet) {
  const parts = [];
  const ticket = packet?.ticket;
  if (ticket) {
    parts.push(
      part("Hand-over", el("p", {}, badge(ticket.priority), ` ${plain(ticket.category)}`), list(ticket.reasons.map(reason))),
    );
    if (ticket.evidence?.length) parts.push(part("What says so", evidence(ticket.evidence)));
  }
  if (packet?.summary) parts.push(part("Summary", el("p", { class: "summary", dir: "auto" }, packet.summary)));
  const facts = factsOf(packet);
  if (facts.length) parts.push(part("Known facts", pairs(facts)));
  if (packet?.sources?.length) {
    const tried = el("div", { class: "tried" }, sourceList("tried", packet.sources));
    parts.push(part("Sources tried", tried));
  }
  parts.push(part("Conversation", pairs(about(session, ticket))));
  return parts;
}

function evidence(said) {
  return el("ul", {}, ...said.map((words) => el("li", { dir: "auto" }, words)));
}

/** Give facts as pairs, as `[{kind, value}]` has them. */
function factsOf(packet) {
  const facts = packet?.facts;
  return Array.isArray(facts) ? facts.map(({ kind, value }) => [factKind(kind), String(value)]) : [];
}

function about(session, ticket) {
  const rows = [];
  if (session?.user_id) rows.push(["Customer", session.user_id]);
  if (session) rows.push(["Begun", time(session.created_at)]);
  if (ticket) rows.push(["Handed over", time(ticket.created_at)]);
  if (ticket?.closed_at) rows.push(["Closed", time(ticket.closed_at)]);
  if (ticket) rows.push(["Ticket", el("code", {}, ticket.ticket_id)]);
  if (session) rows.push(["Session", el("code", {}, session.session_id)]);
  return rows;
}

function part(title, ...content) {
  return el("section", { class: "part" }, el("h3", {}, title), ...content);
}

function list(items) {
  return el("ul", {}, ...items.map((item) => el("li", {}, item)));
}

function pairs(rows) {
  return el("dl", {}, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", { dir: "auto" }, value)]));
}

/** Give a priority as a badge. */
export function badge(priority) {
  return el("span", { class: "priority", "data-priority": priority }, plain(priority));
}

function time(text) {
  return el("time", { datetime: text }, new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
}
