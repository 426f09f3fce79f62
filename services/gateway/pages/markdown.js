/**
 * Markdown to elements: paragraphs, headings, lists, quotes, code. Made for text that arrives in pieces and from
 * anybody: every branch ends in text nodes, HTML in it stays text, and an unclosed fence is a code block already.
 */

import { el } from "./dom.js";
import { inline } from "./inline.js";

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])(?:\s+(.*))?$/;
const QUOTE = /^ {0,3}>\s?(.*)$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const DEEPEST = 6;

/**
 * Render a text.
 *
 * @param {string} text
 * @param {{cite?: (number: number) => Node|null, wrapped?: boolean}} [options] `cite` gives the element for `[n]`, null
 *   where n is none; `wrapped` says that line breaks within a paragraph mean nothing, as in documents.
 * @returns {DocumentFragment}
 */
export function markdown(text, options = {}) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  return blocks(lines, options, 0);
}

function blocks(lines, options, depth) {
  const out = document.createDocumentFragment();
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    const [node, next] = block(line, lines, at, options, depth);
    if (node) out.append(node);
    at = next;
  }
  return out;
}

function block(line, lines, at, options, depth) {
  if (line.trim() === "") return [null, at + 1];
  const fence = FENCE.exec(line);
  if (fence) return code(lines, at, fence[1]);
  const heading = HEADING.exec(line);
  // The page's own headings are h1 and h2: an answer's begin below them.
  if (heading) return [el(`h${Math.min(6, heading[1].length + 2)}`, {}, inline(heading[2], options)), at + 1];
  if (RULE.test(line)) return [el("hr"), at + 1];
  if (depth < DEEPEST) {
    if (QUOTE.test(line)) return quote(lines, at, options, depth);
    if (ITEM.test(line)) return list(lines, at, options, depth);
  }
  return paragraph(lines, at, options, depth);
}

function code(lines, at, fence) {
  const closing = new RegExp(`^ {0,3}\\${fence[0]}{${fence.length},}\\s*$`);
  let end = at + 1;
  while (end < lines.length && !closing.test(lines[end])) end += 1;
  const body = lines.slice(at + 1, end).join("\n");
  // It may scroll sideways, so the keyboard must be able to reach it.
  return [el("pre", { tabindex: 0, role: "region", "aria-label": "Code" }, el("code", {}, body)), end + 1];
}

function quote(lines, at, options, depth) {
  const inner = [];
  let end = at;
  for (let match; end < lines.length && (match = QUOTE.exec(lines[end])); end += 1) inner.push(match[1]);
  return [el("blockquote", {}, blocks(inner, options, depth + 1)), end];
}

function indent(space) {
  return space.replace(/\t/g, "    ").length;
}

function isOrdered(marker) {
  return /\d/.test(marker);
}

function list(lines, at, options, depth) {
  const [, space, marker] = ITEM.exec(lines[at]);
  const base = indent(space);
  const ordered = isOrdered(marker);
  const first = ordered ? parseInt(marker, 10) : 1;
  const node = ordered ? el("ol", { start: first === 1 ? null : first }) : el("ul");
  let end = at;
  while (end < lines.length) {
    const match = ITEM.exec(lines[end]);
    if (!match || indent(match[1]) > base + 1 || indent(match[1]) < base || isOrdered(match[2]) !== ordered) break;
    const inner = [match[3] ?? ""];
    end += 1;
    while (end < lines.length && belongs(lines, end, base)) {
      inner.push(lines[end].replace(/^(\t| {1,4})/, ""));
      end += 1;
    }
    node.append(item(inner, options, depth));
    while (end + 1 < lines.length && lines[end].trim() === "" && continues(lines[end + 1], base, ordered)) end += 1;
  }
  return [node, end];
}

/** Say whether a line after an item's first is part of that item. */
function belongs(lines, at, base) {
  const line = lines[at];
  // After an empty line only what is indented belongs; right after text, a wrapped line does too.
  if (line.trim() === "") return at + 1 < lines.length && lines[at + 1].trim() !== "" && deeper(lines[at + 1], base);
  if (deeper(line, base)) return true;
  const begins = [ITEM, FENCE, HEADING, QUOTE].some((each) => each.test(line));
  return !begins && lines[at - 1].trim() !== "";
}

function deeper(line, base) {
  return indent(/^\s*/.exec(line)[0]) > base + 1;
}

function continues(line, base, ordered) {
  const match = ITEM.exec(line);
  return match !== null && indent(match[1]) >= base && indent(match[1]) <= base + 1 && isOrdered(match[2]) === ordered;
}

/** A short item holds its words directly: no paragraph's distance between one-liners. */
function item(inner, options, depth) {
  const body = blocks(inner, options, depth + 1);
  const first = body.firstChild;
  if (first?.nodeName === "P") first.replaceWith(...first.childNodes);
  return el("li", {}, body);
}

function paragraph(lines, at, options, depth) {
  let end = at + 1;
  while (end < lines.length && lines[end].trim() !== "" && !interrupts(lines[end], depth)) end += 1;
  const node = el("p");
  lines.slice(at, end).forEach((line, number) => {
    if (number) node.append(options.wrapped ? " " : el("br"));
    node.append(inline(line.trim(), options));
  });
  return [node, end];
}

function interrupts(line, depth) {
  if (FENCE.test(line) || HEADING.test(line) || RULE.test(line)) return true;
  if (depth >= DEEPEST) return false;
  // A wrapped line that begins with a year and a full stop is no list.
  const item = ITEM.exec(line);
  const begins = item !== null && item[3] !== undefined && (!isOrdered(item[2]) || parseInt(item[2], 10) === 1);
  return begins || QUOTE.test(line);
}
