/**
 * What stands inside a line of Markdown: emphasis, code, links and citations. A scanner that goes through the text once
 * for each level of nesting, of which there are few, so that no text takes it long.
 */

import { el } from "./dom.js";

const DEEPEST = 5;
const SPECIAL = /[\\`*_[<h]/g;
const ESCAPABLE = /[!-/:-@[-`{-~]/;
const BARE = /^https?:\/\/[^\s<>"'`]+/i;
const WORD = /[\p{L}\p{N}]/u;

/** Render a line; `options.cite` as in `markdown`. */
export function inline(text, options = {}, depth = 0) {
  const out = document.createDocumentFragment();
  // Signs that nothing closes from some place on: asking again at each of them would take forever.
  const unclosed = new Set();
  let plain = "";
  let at = 0;
  const flush = () => {
    if (plain) out.append(plain);
    plain = "";
  };
  while (at < text.length) {
    SPECIAL.lastIndex = at;
    const next = SPECIAL.exec(text)?.index ?? text.length;
    plain += text.slice(at, next);
    at = next;
    if (at >= text.length) break;
    const found = special(text, at, options, depth, unclosed);
    if (found) {
      if (typeof found.node === "string") {
        plain += found.node;
      } else {
        flush();
        out.append(found.node);
      }
      at = found.end;
    } else {
      plain += text[at];
      at += 1;
    }
  }
  flush();
  return out;
}

/** Give the element that begins here and where it ends, null where the character means itself. */
function special(text, at, options, depth, unclosed) {
  switch (text[at]) {
    case "\\":
      return ESCAPABLE.test(text[at + 1] ?? "") ? { node: text[at + 1], end: at + 2 } : null;
    case "`":
      return code(text, at);
    case "[":
      return citation(text, at, options) ?? link(text, at, options, depth);
    case "<":
      return bracketed(text, at);
    case "h":
      return bare(text, at);
    default:
      return emphasis(text, at, options, depth, unclosed);
  }
}

function code(text, at) {
  const ticks = /^`+/.exec(text.slice(at, at + 8))[0];
  const end = text.indexOf(ticks, at + ticks.length);
  if (end < 0) return null;
  const body = text.slice(at + ticks.length, end);
  return { node: el("code", {}, body.length > 2 ? body.replace(/^ (.*) $/, "$1") : body), end: end + ticks.length };
}

function citation(text, at, options) {
  const match = /^\[(\d{1,2})\](?!\()/.exec(text.slice(at, at + 5));
  const node = match && options.cite ? options.cite(Number(match[1])) : null;
  return node ? { node, end: at + match[0].length } : null;
}

function link(text, at, options, depth) {
  const middle = text.indexOf("](", at);
  if (middle < 0 || middle === at + 1 || depth >= DEEPEST) return null;
  const end = text.indexOf(")", middle);
  if (end < 0) return null;
  const label = text.slice(at + 1, middle);
  if (label.includes("[")) return null;
  const href = address(text.slice(middle + 2, end).trim().split(/\s/)[0]);
  if (!href) return null;
  return { node: anchor(href, inline(label, {}, DEEPEST)), end: end + 1 };
}

function bracketed(text, at) {
  const end = text.indexOf(">", at);
  const href = end > at ? address(text.slice(at + 1, end)) : null;
  return href ? { node: anchor(href, text.slice(at + 1, end)), end: end + 1 } : null;
}

function bare(text, at) {
  if (at > 0 && WORD.test(text[at - 1])) return null;
  const found = BARE.exec(text.slice(at, at + 2048))?.[0].replace(/[.,;:!?)\]}*_]+$/, "");
  const href = found ? address(found) : null;
  return href ? { node: anchor(href, found), end: at + found.length } : null;
}

/** Give the address of a link where it is a plain web address; anything else (javascript:, data:, relative) is none. */
function address(text) {
  if (!/^https?:\/\//i.test(text)) return null;
  try {
    const url = new URL(text);
    // A name before the host makes one site look like another.
    return url.username || url.password ? null : url.href;
  } catch {
    return null;
  }
}

/** Make a link out of the page that tells the other side nothing about it. */
function anchor(href, ...children) {
  return el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...children);
}

function emphasis(text, at, options, depth, unclosed) {
  const sign = text[at];
  const double = text[at + 1] === sign;
  const marker = double ? sign + sign : sign;
  const from = at + marker.length;
  if (depth >= DEEPEST || unclosed.has(marker) || from >= text.length || /\s/.test(text[from])) return null;
  // snake_case is no emphasis.
  if (sign === "_" && at > 0 && WORD.test(text[at - 1])) return null;
  for (let end = text.indexOf(marker, from + 1); end > 0; end = text.indexOf(marker, end + 1)) {
    if (closes(text, end, marker)) {
      const inner = inline(text.slice(from, end), options, depth + 1);
      return { node: el(double ? "strong" : "em", {}, inner), end: end + marker.length };
    }
    if (!double && text[end + 1] === sign) end += 1;
  }
  unclosed.add(marker);
  return null;
}

function closes(text, end, marker) {
  const after = text[end + marker.length] ?? "";
  if (/\s/.test(text[end - 1]) || text[end - 1] === "\\") return false;
  // Of three in a row at the end, the inner emphasis takes the first.
  if (after === marker[0] || (marker.length === 1 && text[end - 1] === marker)) return false;
  return marker[0] !== "_" || !WORD.test(after);
}
