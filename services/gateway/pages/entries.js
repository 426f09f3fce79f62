/**
 * What stands in a conversation, in its order: messages by their sequence numbers, then the answer that is being
 * written, then messages on their way. The page's own lines stand where they belong by time.
 *
 * An entry is `{key, role, state, content, at, place, ...}`.
 */

/** Places after every stored message. */
export const WRITING = 1e9;
export const SENDING = 2e9;

export class Entries {
  /** @param {(event: {kind: string, entry: object}) => void} tell hears `changed` and `removed`. */
  constructor(tell) {
    this.tell = tell;
    this.all = [];
  }

  /** The lowest and the highest sequence number seen; 0 where there is none. */
  get firstSeq() {
    return this.all.find((entry) => entry.seq)?.seq ?? 0;
  }

  get lastSeq() {
    return this.all.findLast((entry) => entry.seq)?.seq ?? 0;
  }

  /** Find a message by its own id, or by the one that this page gave it. */
  find(id, clientMessageId) {
    const isIt = (entry) => entry.id === id || (clientMessageId && entry.clientMessageId === clientMessageId);
    return this.all.find(isIt);
  }

  /** Add an entry. */
  put(entry) {
    this.all.push(entry);
    return this.change(entry, {});
  }

  /** Change an entry; one that is told the same again stays as it is, and nobody hears of it. */
  change(entry, facts) {
    const names = Object.keys(facts);
    if (names.length && names.every((name) => isSame(entry[name], facts[name]))) return entry;
    Object.assign(entry, facts);
    this.sort();
    this.tell({ kind: "changed", entry });
    return entry;
  }

  /** Take an entry away. */
  remove(entry) {
    this.all = this.all.filter((known) => known !== entry);
    this.tell({ kind: "removed", entry });
  }

  /** Add a line of the page's own where it belongs by time, or change its words. */
  note(key, content, at) {
    const known = this.all.find((entry) => entry.key === key);
    if (known) return this.change(known, { content });
    return this.put({ key, role: "note", state: "complete", content, at, place: this.placeAt(at) });
  }

  /** Find the places of the page's own lines anew, now that there are earlier messages. */
  replaceNotes() {
    for (const note of this.all.filter((entry) => entry.role === "note")) {
      this.change(note, { place: this.placeAt(note.at) });
    }
  }

  /** After the last message that was there by then. */
  placeAt(at) {
    const before = this.all.findLast((entry) => entry.seq && entry.at <= at);
    return (before?.seq ?? this.firstSeq - 1) + 0.5;
  }

  sort() {
    this.all.sort((one, other) => one.place - other.place || one.at - other.at);
  }
}

function isSame(one, other) {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
