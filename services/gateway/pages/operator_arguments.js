/** What a model wants to do an action with, as pairs that a person can read before allowing it. */

import { plain } from "./operator_words.js";

/**
 * Characters that change how others look and are not seen themselves: controls other than line ends and tabs, soft
 * hyphens, zero-width spaces, marks that turn the direction of what follows, and tags. A person must see what is allowed.
 */
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** Give a text with its unseen characters as code points. */
export function visible(text) {
  return String(text).replace(UNSEEN, (unseen) => {
    const number = unseen.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `[U+${number}]`;
  });
}

/** Give `[[name, value]]` of an action's arguments; what is nested has the names on the way to it. */
export function pairsOf(given, path = []) {
  const isList = Array.isArray(given);
  return Object.entries(given).flatMap(([key, value]) => {
    const names = [...path, isList ? String(Number(key) + 1) : visible(plain(key))];
    const isNested = typeof value === "object" && value !== null && Object.keys(value).length > 0;
    return isNested ? pairsOf(value, names) : [[names.join(" › "), words(value)]];
  });
}

function words(value) {
  if (value === null) return "(nothing)";
  if (value === true) return "Yes";
  if (value === false) return "No";
  if (typeof value === "object") return Array.isArray(value) ? "(empty list)" : "(nothing)";
  if (typeof value === "string" && value.trim() === "") return value === "" ? "(empty)" : "(blank)";
  return visible(value);
}
