/** An answer, or what an operator wrote, as elements: text, stage, sources, how sure it is, what one thinks of it. */

import { el } from "./dom.js";
import { canRate, feedback } from "./feedback.js";
import { markdown } from "./markdown.js";
import { citations, sourceList } from "./sources.js";

const SURE = 0.7;
const HALF_SURE = 0.4;

/** Fill the body with the text; while it is being written, citations have nothing to lead to yet. */
export function fillBody(body, entry) {
  const writing = entry.state === "writing";
  const cite = writing || !entry.sources?.length ? undefined : citations(entry.key, entry.sources);
  body.replaceChildren(markdown(entry.content, { cite }));
  body.hidden = entry.content === "";
}

/** What is being done before the first word comes. */
export function stageLine(entry) {
  const words = entry.stage || "Thinking";
  const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
  return el("p", { class: "stage" }, dots, el("span", {}, `${words.replace(/[.…]+$/, "")}…`));
}

/** What stands beneath a finished answer. */
export function afterwords(entry, page) {
  const parts = [];
  const failed = entry.state === "failed" || entry.error;
  if (entry.sources?.length) parts.push(sourceList(entry.key, entry.sources));
  const line = el("div", { class: "meta" });
  if (failed && page.retriable(entry)) {
    line.append(
      el("button", { type: "button", class: "small", on: { click: () => page.askAgain(entry) } }, "Ask again"),
    );
  }
  const hint = failed || entry.role !== "assistant" ? null : confidence(entry);
  if (hint) line.append(hint);
  if (entry.degraded) {
    const title = "No language model answered: this is quoted from the help pages";
    line.append(el("span", { class: "outcome", title }, "Quoted from the help pages"));
  }
  if (entry.state === "cancelled") line.append(el("span", { class: "outcome" }, "Stopped"));
  line.append(when(entry));
  parts.push(line);
  if (entry.role === "assistant" && entry.state === "complete" && !failed && canRate()) {
    const { thumbs, remark } = feedback(entry, page);
    line.append(thumbs);
    parts.push(remark);
  }
  return parts;
}

/** The time of a message. */
export function when(entry) {
  const words = entry.at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return el("time", { datetime: entry.at.toISOString(), title: entry.at.toLocaleString() }, words);
}

/** How well the sources support the answer, in words; an answer without sources only says where it is unsure. */
function confidence(entry) {
  // Who says that nothing was found need not be checked.
  if (typeof entry.confidence !== "number" || entry.state !== "complete" || entry.abstained) return null;
  const [level, words] =
    entry.confidence >= SURE
      ? ["high", "Well supported"]
      : entry.confidence >= HALF_SURE
        ? ["middle", "Partly supported"]
        : ["low", "Not sure, please check"];
  if (!entry.sources?.length && level !== "low") return null;
  const title = `How well the sources support this answer: ${Math.round(entry.confidence * 100)} %`;
  const bars = el("span", { class: "bars", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
  return el("span", { class: "confidence", "data-level": level, title }, bars, words);
}
