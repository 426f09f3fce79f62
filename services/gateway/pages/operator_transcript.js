/** The messages as operators see them: the customer, the assistant and operators by name. */

import { fillBody, stageLine, when } from "./answer.js";
import { formatSize } from "./attachments.js";
import { el } from "./dom.js";
import { sourceList } from "./sources.js";
import { Transcript } from "./transcript.js";

const OUTCOMES = { cancelled: "This answer was stopped.", failed: "This answer failed." };

export class OperatorTranscript extends Transcript {
  /**
   * @param {{list: HTMLElement, column: HTMLElement, scroller: HTMLElement, toEnd: HTMLElement}} elements
   * @param {{me: () => string, sendAgain: (entry: object) => void, fileAddress: (file: object) => string}} page
   */
  draw(node, entry) {
    node.className = `message ${entry.role}`;
    node.dataset.state = entry.state;
    if (entry.id) node.dataset.messageId = entry.id;
    node.setAttribute("aria-busy", String(entry.state === "writing"));
    const parts = [el("p", { class: "who" }, this.speaker(entry))];
    if (entry.role === "user") parts.push(...this.customerParts(entry));
    else if (entry.role === "assistant" || entry.role === "operator") parts.push(...this.ourParts(entry));
    else parts.splice(0, 1, ...this.noticeParts(entry));
    const hadFocus = node.contains(document.activeElement);
    node.replaceChildren(...parts);
    if (hadFocus) this.scroller.focus({ preventScroll: true });
  }

  /** Give who says it. */
  speaker(entry) {
    if (entry.role === "user") return "Customer";
    if (entry.role === "assistant") return "Assistant";
    if (entry.role === "operator") return entry.operator === this.page.me() ? "You" : entry.operator || "Operator";
    return entry.role === "system" ? "System" : "Notice";
  }

  noticeParts(entry) {
    const said = entry.role === "system" ? el("span", { class: "who" }, this.speaker(entry)) : null;
    return [said, el("p", { class: "body", dir: "auto" }, entry.content)].filter(Boolean);
  }

  customerParts(entry) {
    const bubble = el("div", { class: "bubble", dir: "auto" }, el("p", { class: "body" }, entry.content));
    if (entry.attachments?.length) {
      const files = entry.attachments.map((file) =>
        el(
          "li",
          {},
          el("a", { class: "file-name", href: this.page.fileAddress(file), download: "" }, file.filename),
          ` ${formatSize(file.size)}`,
        ),
      );
      bubble.append(el("ul", { class: "files", "aria-label": "Attached files" }, ...files));
    }
    return [bubble, el("div", { class: "meta" }, when(entry))];
  }

  ourParts(entry) {
    const body = el("div", { class: "body", dir: "auto" });
    fillBody(body, entry);
    if (entry.state === "writing") return entry.content ? [body] : [body, stageLine(entry)];
    const parts = [body];
    if (OUTCOMES[entry.state]) parts.push(el("p", { class: "outcome" }, OUTCOMES[entry.state]));
    if (entry.sources?.length) parts.push(sourceList(entry.key, entry.sources));
    parts.push(this.metaOf(entry));
    return parts;
  }

  metaOf(entry) {
    const meta = el("div", { class: "meta" });
    if (entry.state === "sending") meta.append(el("span", {}, "Sending…"));
    else if (entry.state === "refused") {
      const click = () => this.page.sendAgain(entry);
      const again = el("button", { type: "button", class: "small", on: { click } }, "Send again");
      meta.append(el("span", { class: "fault" }, `Not sent. ${entry.error?.message ?? ""}`), again);
    } else meta.append(when(entry));
    if (entry.role !== "assistant" || entry.state !== "complete") return meta;
    if (typeof entry.confidence === "number") {
      meta.append(el("span", {}, `${Math.round(entry.confidence * 100)} % supported by its sources`));
    }
    if (entry.feedback) meta.append(el("span", {}, opinion(entry.feedback)));
    return meta;
  }
}

function opinion({ rating, comment }) {
  const words = `The customer found it ${rating === "up" ? "" : "not "}helpful`;
  return comment ? `${words}: ${comment}` : words;
}
