/**
 * The public HTTP API, as far as the page uses it. Every fault becomes an `ApiError` whose message is for people.
 */

const base = new URL(`${document.querySelector('meta[name="deskbus-api"]').content}/`, document.baseURI);

const OFFLINE = "We can't reach the support service. Please check your connection and try again.";
const UNCLEAR = "Something went wrong on our side. Please try again in a moment.";

/** A request that failed, in words; `status` 0 where there was no answer at all. */
export class ApiError extends Error {
  constructor(message, { status = 0, code = "unreachable", retryable = true, retryAfter = 0 } = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryable = retryable;
    this.retryAfter = retryAfter;
  }

  /** Whether the server has no such route (an older or smaller one), as opposed to no such thing. */
  get isMissingRoute() {
    return this.status === 405 || (this.status === 404 && ["not_found", "unreachable"].includes(this.code));
  }
}

/** Make the error of an answer: RFC 9457 problem details where it has them. */
export function problem(status, text, retryAfter = 0) {
  let body = {};
  try {
    body = JSON.parse(text) ?? {};
  } catch {
    // A proxy's own page; what it says is not for customers.
  }
  const detail = typeof body.detail === "string" && body.detail ? body.detail : UNCLEAR;
  const retryable = body.retryable ?? (status >= 500 || status === 429);
  return new ApiError(detail, { status, code: body.code ?? "unreachable", retryable, retryAfter });
}

async function ask(method, path, { json, headers = {}, timeout = 15_000 } = {}) {
  const options = { method, headers: { Accept: "application/json", ...headers }, signal: AbortSignal.timeout(timeout) };
  if (json !== undefined) {
    options.body = JSON.stringify(json);
    options.headers["Content-Type"] = "application/json";
  }
  let answer;
  let text;
  try {
    answer = await fetch(new URL(path, base), options);
    text = await answer.text();
  } catch {
    throw new ApiError(OFFLINE);
  }
  if (!answer.ok) throw problem(answer.status, text, Number(answer.headers.get("Retry-After")) || 0);
  return JSON.parse(text);
}

/** Open a session; the same key gives the same session, however often it is asked. */
export function openSession(key) {
  return ask("POST", "sessions", { json: { metadata: { source: "chat_page" } }, headers: { "Idempotency-Key": key } });
}

/** Give a session: its status and open ticket. */
export function getSession(id) {
  return ask("GET", `sessions/${encodeURIComponent(id)}`);
}

/** Hand a session over to people, or end it; gives the session as it is then. */
export function setStatus(id, status) {
  return ask("PATCH", `sessions/${encodeURIComponent(id)}/status`, { json: { status } });
}

/**
 * Give the latest messages, the first ones after a sequence number, or the last ones before one; always oldest first,
 * with the `total` of those that there are.
 */
export async function history(id, { afterSeq = null, beforeSeq = null, limit = 200 } = {}) {
  const query = new URLSearchParams({ order: afterSeq === null ? "desc" : "asc", limit });
  if (afterSeq !== null) query.set("after_seq", afterSeq);
  if (beforeSeq !== null) query.set("before_seq", beforeSeq);
  const page = await ask("GET", `chat/sessions/${encodeURIComponent(id)}/messages?${query}`);
  return { ...page, messages: page.messages.toSorted((one, other) => one.seq - other.seq) };
}

/** Say what one thinks of an answer: `up` or `down`, perhaps in words; the last word counts. */
export function rate(messageId, { rating, comment = null }, sessionId) {
  return ask("POST", `chat/messages/${encodeURIComponent(messageId)}/feedback`, {
    json: { rating, comment, session_id: sessionId },
  });
}

/** The address that files are posted to. */
export function uploadAddress() {
  return new URL("chat/upload", base).href;
}

/** The address of a session's socket; `more` are further parts of its query. */
export function socketAddress(sessionId, cursor, more = {}) {
  const address = new URL("ws", document.baseURI);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.searchParams.set("session_id", sessionId);
  if (cursor) address.searchParams.set("cursor", cursor);
  for (const [name, value] of Object.entries(more)) address.searchParams.set(name, value);
  return address.href;
}
