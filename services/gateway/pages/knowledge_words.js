/** How documents, times and scores read, the ids that files get, and the words of a question that stand in a passage. */

import { el } from "./dom.js";

const STATES = new Map([
  ["queued", "Waiting"],
  ["indexing", "Being read"],
  ["ready", "Ready"],
  ["replaced", "Replaced"],
  ["rejected", "Refused"],
]);
const OUTCOMES = new Map([
  ["added", "Added"],
  ["replaced", "Replaced what was there"],
  ["unchanged", "Unchanged: this was there already"],
]);
const WORD = /[\p{L}\p{N}]+/gu;
const MARKS = /\p{M}/gu;
const ENDING = /(?:ations?|ings?|ed|ies|es|s|e|y)$/;
const COMMON = new Set(
  ("a an and are as at be but by can could do does for from had has have how i if in is it its me my of on or our "
    + "so that the their them there they this to was we were what when where which who why will with would you your")
    .split(" "),
);
const FNV_START = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

export function stateWords(state) {
  return STATES.get(state) ?? state;
}

export function outcomeWords(outcome) {
  return OUTCOMES.get(outcome) ?? outcome;
}

/** Give a number with its noun. */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** Make the element of a time. */
export function time(text) {
  const date = new Date(text);
  const words = date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  return el("time", { datetime: text }, words);
}

/** Whether a document is not read yet. */
export function isPending(document) {
  return document.state === "queued" || document.state === "indexing";
}

/**
 * Give the id of the document that a file becomes: of the same path always the same, and the same that `make ingest` gives.
 */
export function fileId(path) {
  const name = path.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "").toLowerCase();
  let hash = FNV_START;
  for (const byte of new TextEncoder().encode(path.normalize("NFC"))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  }
  return `file-${name.slice(0, 60)}-${hash.toString(16).padStart(16, "0")}`;
}

/** Give a text whose lines were wrapped by its writer as lines of its own width; lists, tables and headings stay. */
export function unwrapped(text) {
  return text.replace(/([^\n|])\n(?=[\p{L}\p{N}("'“](?!\d*[.)] ))/gu, "$1 ");
}

/** Give a text with the words of a question marked in it. */
export function marked(text, question) {
  const wanted = new Set([...question.matchAll(WORD)].map(([word]) => plain(word)).filter((word) => !COMMON.has(word)));
  const stems = new Set([...wanted].map(stem));
  const parts = [];
  let shown = 0;
  for (const found of text.matchAll(WORD)) {
    const word = plain(found[0]);
    if (!wanted.has(word) && (COMMON.has(word) || !stems.has(stem(word)))) continue;
    parts.push(text.slice(shown, found.index), el("mark", {}, found[0]));
    shown = found.index + found[0].length;
  }
  return [...parts, text.slice(shown)];
}

function plain(word) {
  return word.normalize("NFKD").replace(MARKS, "").toLowerCase();
}

/** What words of one family have in common, roughly: it only says what to mark. */
function stem(word) {
  const short = word.replace(ENDING, "");
  return short.length >= 3 ? short : word;
}
