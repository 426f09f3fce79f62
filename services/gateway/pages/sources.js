/** The list of sources beneath an answer, and the citations in its text that lead there. */

import { el } from "./dom.js";
import { markdown } from "./markdown.js";

/**
 * Make the list; each source opens to show the passage that was used.
 *
 * @param {string} key the answer's, so that ids are its own.
 * @param {Array<{content: string, metadata: object, relevance_score: number, rank: number}>} sources
 */
export function sourceList(key, sources) {
  const title = el("h3", { class: "sources-title", id: `sources-${key}` }, sources.length === 1 ? "Source" : "Sources");
  const list = el("ol", { "aria-labelledby": `sources-${key}` });
  for (const source of sources) {
    const facts = source.metadata ?? {};
    const score = Math.round(Math.max(0, Math.min(1, Number(source.relevance_score) || 0)) * 100);
    list.append(
      el(
        "li",
        {},
        el(
          "details",
          { id: sourceId(key, source.rank) },
          el(
            "summary",
            {},
            el("span", { class: "number", "aria-hidden": "true" }, String(source.rank)),
            el("span", { class: "source-title" }, titleOf(source)),
            el("span", { class: "score", title: "How near the passage is to the question" }, `${score} % match`),
          ),
          facts.source ? el("p", { class: "origin" }, origin(String(facts.source))) : null,
          el("blockquote", { class: "passage" }, markdown(source.content, { wrapped: true })),
        ),
      ),
    );
  }
  return el("section", { class: "sources", "aria-labelledby": `sources-${key}` }, title, list);
}

/**
 * Give the function that makes citations of an answer's `[n]`; a number without a source stays as it is written.
 */
export function citations(key, sources) {
  const known = new Map(sources.map((source) => [source.rank, source]));
  return (number) => {
    const source = known.get(number);
    if (!source) return null;
    const open = (event) => {
      event.preventDefault();
      const passage = document.getElementById(sourceId(key, number));
      passage.open = true;
      passage.querySelector("summary").focus();
      passage.scrollIntoView({ block: "nearest" });
    };
    const label = `Source ${number}: ${titleOf(source)}`;
    const href = `#${sourceId(key, number)}`;
    const attributes = { class: "cite", href, "aria-label": label, title: titleOf(source), on: { click: open } };
    return el("a", attributes, String(number));
  };
}

function titleOf(source) {
  return String(source.metadata?.title || source.metadata?.source || "Help page");
}

function origin(text) {
  if (!/^https?:\/\//i.test(text)) return text;
  return el("a", { href: text, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
}

function sourceId(key, rank) {
  return `source-${key}-${rank}`;
}
