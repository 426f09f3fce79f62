/**
 * Files for the next message: picked, dropped or pasted, checked, uploaded with progress, shown as chips. What is wrong
 * with a file stands on its chip in words; the rest of the message can still be sent.
 */

import { problem, uploadAddress } from "./api.js";
import { el, told } from "./dom.js";

const MOST_FILES = told("files", 5);
const MOST_BYTES = 10 * 1024 * 1024;
const LOST = "The upload broke off. Remove the file and attach it again.";

/** Give a size as people read it. */
export function formatSize(bytes) {
  if (!Number.isFinite(bytes)) return "";
  if (bytes < 1024) return `${bytes} B`;
  const [size, unit] = bytes < 1024 ** 2 ? [bytes / 1024, "KiB"] : [bytes / 1024 ** 2, "MiB"];
  return `${size.toFixed(size < 10 ? 1 : 0)} ${unit}`;
}

/** Rounded up, so that nobody reads that 10 MiB are more than 10 MiB. */
function tooLarge(bytes) {
  const size = (Math.ceil((bytes / 1024 ** 2) * 10) / 10).toFixed(1);
  return `Too large: a file may have at most 10 MiB, and this one has ${size} MiB.`;
}

export class Attachments {
  /**
   * @param {{chips: HTMLElement, picker: HTMLInputElement, button: HTMLElement, drop: HTMLElement}} elements
   * @param {{sessionId: () => string|null, changed: () => void, announce: (words: string) => void}} page
   */
  constructor({ chips, picker, button, drop }, page) {
    this.elements = { chips, picker, button, drop };
    this.page = page;
    this.files = [];
    button.addEventListener("click", () => picker.click());
    picker.addEventListener("change", () => {
      this.add(picker.files);
      picker.value = "";
    });
    this.acceptDrops(drop);
  }

  /** Whether a file is still on its way. */
  get busy() {
    return this.files.some((file) => file.state === "uploading");
  }

  /** The files that go with a message, as it will name them. */
  get ready() {
    return this.files
      .filter((file) => file.state === "ready")
      .map(({ answer, blob }) => ({
        attachment_id: answer.attachment_id, filename: answer.filename ?? blob.name,
        content_type: answer.content_type, size: blob.size,
      }));
  }

  /** Begin anew after a message was sent. */
  clear() {
    for (const file of this.files) file.request?.abort();
    this.files = [];
    this.draw();
  }

  /** Take files; those that cannot go are told, not dropped in silence. */
  add(blobs) {
    for (const blob of blobs) {
      const file = { blob, state: "uploading", part: 0, words: "" };
      const faults = this.faultOf(blob);
      this.files.push(file);
      if (faults) this.fail(file, faults);
      else this.upload(file);
    }
    this.draw();
    this.page.changed();
  }

  faultOf(blob) {
    if (this.files.filter((file) => file.state !== "failed").length >= MOST_FILES) {
      return `A message takes at most ${MOST_FILES} ${MOST_FILES === 1 ? "file" : "files"}.`;
    }
    if (blob.size > MOST_BYTES) return tooLarge(blob.size);
    if (blob.size === 0) return "This file is empty.";
    return this.page.sessionId() ? null : "We are not connected yet. Please try again in a moment.";
  }

  // --- uploading

  upload(file) {
    // fetch cannot tell how far an upload is.
    const request = new XMLHttpRequest();
    file.request = request;
    request.open("POST", uploadAddress());
    request.upload.addEventListener("progress", (event) => {
      file.part = event.lengthComputable ? event.loaded / event.total : 0;
      this.drawProgress(file);
    });
    request.addEventListener("load", () => this.loaded(file, request));
    request.addEventListener("error", () => this.fail(file, LOST));
    const form = new FormData();
    form.append("session_id", this.page.sessionId());
    form.append("file", file.blob, file.blob.name);
    request.send(form);
  }

  loaded(file, request) {
    if (request.status !== 200) {
      const error = problem(request.status, request.responseText);
      if (!error.isMissingRoute) return this.fail(file, error.message);
      this.elements.button.hidden = true;
      return this.fail(file, "Files cannot be attached here.");
    }
    try {
      file.answer = JSON.parse(request.responseText);
    } catch {
      return this.fail(file, LOST);
    }
    if (!file.answer.attachment_id) return this.fail(file, file.answer.error ?? LOST);
    file.state = "ready";
    // Stored, but not to be read by the assistant: the sender should know, and may send it to a person all the same.
    file.words = file.answer.error ?? "";
    this.page.announce(`${file.blob.name} is attached. ${file.words}`);
    this.draw();
    this.page.changed();
  }

  fail(file, words) {
    Object.assign(file, { state: "failed", words });
    this.page.announce(`${file.blob.name}: ${words}`);
    this.draw();
    this.page.changed();
  }

  remove(file) {
    file.request?.abort();
    this.files = this.files.filter((other) => other !== file);
    this.draw();
    this.page.changed();
    (this.elements.chips.querySelector("button") ?? this.elements.button).focus();
  }

  // --- drawing

  draw() {
    this.elements.chips.hidden = this.files.length === 0;
    this.elements.chips.replaceChildren(...this.files.map((file) => this.chip(file)));
  }

  chip(file) {
    const { blob, state, words } = file;
    const progress = { max: 1, value: file.part, "aria-label": `Uploading ${blob.name}` };
    file.bar = state === "uploading" ? el("progress", progress) : null;
    const click = () => this.remove(file);
    const remove = { type: "button", class: "remove", "aria-label": `Remove ${blob.name}`, on: { click } };
    return el(
      "li",
      { class: "chip", "data-state": state },
      el("span", { class: "file-name" }, blob.name),
      el("span", { class: "size" }, formatSize(blob.size)),
      el("button", remove, "×"),
      file.bar,
      words ? el("span", { class: "chip-words" }, words) : null,
    );
  }

  drawProgress(file) {
    if (!file.bar) return;
    file.bar.value = file.part;
    // All is sent, and now the server reads it: how long that takes nobody knows.
    if (file.part === 1) file.bar.removeAttribute("value");
  }

  // --- dropping

  acceptDrops(drop) {
    const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
    const over = (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      drop.hidden = this.elements.button.hidden;
    };
    document.addEventListener("dragenter", over);
    document.addEventListener("dragover", over);
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) drop.hidden = true;
    });
    document.addEventListener("drop", (event) => {
      drop.hidden = true;
      if (!hasFiles(event)) return;
      event.preventDefault();
      if (!this.elements.button.hidden) this.add(event.dataTransfer.files);
    });
  }
}
