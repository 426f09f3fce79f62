/** An answer, or what an operator wrote, as elements: text, stage, sources, how sure it is, what one thinks of it. */

import { ApiError, rate } from "./api.js";
import { el, icon } from "./dom.js";
import { markdown } from "./markdown.js";
import { citations, sourceList } from "./sources.js";

const UP = "M7 11v9H4v-9zM7 11l4-8a2.5 2.5 0 0 1 2.5 2.5V9h5.200a2 2 0 0 1 2 2.3l-1.200 7a2 2 0 0 1-2 1.7H7";
const DOWN = "M7 13V4H4v9zM7 13l4 8a2.5 2.5 0 0 0 2.5-2.5V15h5.200a2 2 0 0 0 2-2.3l-1.200-7A2 2 0 0 0 17.5 4H7";
const SURE = 0.7;
const HALF_SURE = 0.4;

// A server without the route says so once; then nobody is asked again.
let feedbackIsTaken = true;

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
  if (entry.state === "cancelled") parts.push(el("p", { class: "outcome" }, "This answer was stopped."));
  if (entry.sources?.length) parts.push(sourceList(entry.key, entry.sources));
  const line = el("div", { class: "meta" });
  if (failed && page.retriable(entry)) {
    line.append(
      el("button", { type: "button", class: "small", on: { click: () => page.askAgain(entry) } }, "Ask again"),
    );
  }
  const hint = failed || entry.role !== "assistant" ? null : confidence(entry);
  if (hint) line.append(hint);
  line.append(when(entry));
  if (entry.role === "assistant" && entry.state === "complete" && !failed && feedbackIsTaken) {
    line.append(feedback(entry, page));
  }
  parts.push(line);
  return parts;
}

/** The time of a message. */
export function when(entry) {
  const words = entry.at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return el("time", { datetime: entry.at.toISOString(), title: entry.at.toLocaleString() }, words);
}

/** How well the sources support the answer, in words; an answer without sources only says where it is unsure. */
function confidence(entry) {
  if (typeof entry.confidence !== "number" || entry.state !== "complete") return null;
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

function feedback(entry, page) {
  const group = el("span", { class: "feedback", role: "group", "aria-label": "Was this answer helpful?" });
  const buttons = ["up", "down"].map((rating) =>
    el(
      "button",
      {
        type: "button", class: "thumb", "aria-pressed": String(entry.feedback === rating),
        "aria-label": rating === "up" ? "Helpful" : "Not helpful", title: rating === "up" ? "Helpful" : "Not helpful",
        on: { click: () => give(rating) },
      },
      icon(rating === "up" ? UP : DOWN, 17),
    ),
  );
  const press = (rating) => {
    entry.feedback = rating;
    buttons.forEach((button, place) => button.setAttribute("aria-pressed", String(["up", "down"][place] === rating)));
  };
  async function give(rating) {
    const before = entry.feedback;
    press(rating);
    try {
      await rate(entry.id, rating, page.sessionId());
      page.announce("Thank you for your feedback.");
    } catch (error) {
      press(before);
      if (!(error instanceof ApiError)) throw error;
      if (error.isMissingRoute) {
        feedbackIsTaken = false;
        for (const each of document.querySelectorAll(".feedback")) each.remove();
        page.announce("Feedback cannot be taken here.");
      } else {
        page.announce(`Your feedback was not stored. ${error.message}`);
      }
    }
  }
  group.append(...buttons);
  return group;
}
