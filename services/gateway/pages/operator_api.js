/** The operators' part of the HTTP API, with their credential. Every fault becomes an `ApiError` that is for people. */

import { ApiError, problem } from "./api.js";

const base = new URL(`${document.querySelector('meta[name="deskbus-api"]').content}/`, document.baseURI);

const OFFLINE = "The gateway cannot be reached.";
const PAGE = 100;

export class OperatorApi {
  /**
   * @param {import("./operator_access.js").Access} access
   * @param {() => void} refused hears that the credential is not, or no longer, accepted.
   */
  constructor(access, refused) {
    this.access = access;
    this.refused = refused;
  }

  /**
   * Give a page of the queue: `{tickets, total, next, now}`.
   *
   * @param {"open"|"closed"} status
   * @param {string|null} next the query of a further page, as the page before named it.
   */
  async tickets(status, next = null) {
    const { body, headers } = await this.ask("GET", `escalations${next ?? `?status=${status}&limit=${PAGE}`}`);
    // Of the address only the query counts: the rest may be another one behind a proxy.
    const following = /<[^>?]*(\?[^>]*)>\s*;\s*rel="?next"?/.exec(headers.get("Link") ?? "")?.[1] ?? null;
    return { tickets: body, total: totalOf(headers, body), next: following, now: timeOf(headers) };
  }

  /** Give what one needs to know of a ticket's conversation. */
  async packet(ticketId) {
    return (await this.ask("GET", `escalations/${encodeURIComponent(ticketId)}`)).body;
  }

  /** Give a conversation's notes, oldest first. */
  async notes(id) {
    return (await this.ask("GET", `sessions/${encodeURIComponent(id)}/notes`)).body;
  }

  /** Give actions that people decide on: `{approvals, total, now}`, the oldest first; `which` is the query. */
  async approvals(which) {
    const query = new URLSearchParams({ ...which, limit: PAGE });
    const { body, headers } = await this.ask("GET", `approvals?${query}`);
    return { approvals: body, total: totalOf(headers, body), now: timeOf(headers) };
  }

  /** Allow an action, or refuse it; gives it as it is decided now. */
  async decide(approvalId, approve, comment) {
    const word = { approve, operator: this.access.name, ...(comment ? { comment } : {}) };
    return (await this.ask("POST", `approvals/${encodeURIComponent(approvalId)}`, word)).body;
  }

  /** Give the address of an upload of a session. */
  fileAddress(attachmentId, sessionId) {
    const path = `attachments/${encodeURIComponent(attachmentId)}/content?session_id=${encodeURIComponent(sessionId)}`;
    return new URL(path, base).href;
  }

  takeOver(id, force) {
    return this.act(id, "takeover", { force });
  }

  reply(id, message, clientMessageId) {
    return this.act(id, "reply", { message, client_message_id: clientMessageId });
  }

  release(id, answer) {
    return this.act(id, "release", { answer });
  }

  resolve(id) {
    return this.act(id, "resolve", {});
  }

  /** Add a note; the same key adds it once. */
  addNote(id, note, key) {
    return this.act(id, "notes", { note }, { "Idempotency-Key": key });
  }

  async act(id, what, json, headers = {}) {
    const path = `sessions/${encodeURIComponent(id)}/${what}`;
    return (await this.ask("POST", path, { operator: this.access.name, ...json }, headers)).body;
  }

  async ask(method, path, json, more = {}, timeout = 15_000) {
    const headers = { Accept: "application/json", ...this.access.headers(), ...more };
    const options = { method, headers, signal: AbortSignal.timeout(timeout) };
    if (json !== undefined) {
      options.body = JSON.stringify(json);
      headers["Content-Type"] = "application/json";
    }
    let answer;
    let text;
    try {
      answer = await fetch(new URL(path, base), options);
      text = await answer.text();
    } catch {
      throw new ApiError(OFFLINE);
    }
    if (answer.status === 401) this.refused();
    if (!answer.ok) throw problem(answer.status, text, Number(answer.headers.get("Retry-After")) || 0);
    return { body: JSON.parse(text), headers: answer.headers };
  }
}

function totalOf(headers, items) {
  return Number(headers.get("X-Total-Count")) || items.length;
}

/** The time by the gateway's clock. */
function timeOf(headers) {
  return Date.parse(headers.get("Date")) || Date.now();
}
