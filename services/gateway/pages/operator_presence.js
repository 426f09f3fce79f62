/** Who is connected to the conversation, and who is writing in it. */

/** A word that somebody is writing is void without a further one. */
const FORGOTTEN_MS = 10_000;

export class OperatorPresence {
  /** @param {{line: HTMLElement, typing: HTMLElement, typingWords: HTMLElement}} elements */
  constructor(elements) {
    this.elements = elements;
    this.writing = new Map();
  }

  /** Begin with another conversation. */
  clear() {
    this.show(null, null);
    for (const { timer } of this.writing.values()) clearTimeout(timer);
    this.writing.clear();
    this.draw();
  }

  /** Show who is connected; null where that is not told. `own` is this client. */
  show(clients, own) {
    const { line } = this.elements;
    line.hidden = clients === null;
    line.textContent = clients === null ? "" : words(clients, own);
    line.dataset.customer = String(clients?.some((each) => each.role === "user") ?? false);
    if (clients === null) return;
    const here = new Set(clients.map((each) => each.client_id));
    for (const client of this.writing.keys()) if (!here.has(client)) this.take({ client, isTyping: false });
  }

  /** Take a word about a client. */
  take({ client, role, isTyping }) {
    clearTimeout(this.writing.get(client)?.timer);
    this.writing.delete(client);
    if (isTyping) {
      const timer = setTimeout(() => this.take({ client, isTyping: false }), FORGOTTEN_MS);
      this.writing.set(client, { role, timer });
    }
    this.draw();
  }

  /** Those of a role have said what they were writing. */
  said(role) {
    for (const [client, known] of this.writing) if (known.role === role) this.take({ client, isTyping: false });
  }

  draw() {
    const roles = new Set(Array.from(this.writing.values(), ({ role }) => role));
    this.elements.typing.hidden = roles.size === 0;
    if (roles.has("user")) this.elements.typingWords.textContent = "The customer is writing…";
    else if (roles.size) this.elements.typingWords.textContent = "Another operator is writing…";
  }
}

function words(clients, own) {
  const customers = clients.filter((each) => each.role === "user").length;
  const others = clients.filter((each) => each.role === "operator" && each.client_id !== own).length;
  const customer = ["Customer is away", "Customer is here"][customers] ?? `Customer is here in ${customers} windows`;
  if (!others) return customer;
  return `${customer} · ${others} other operator${others > 1 ? "s" : ""} here`;
}
