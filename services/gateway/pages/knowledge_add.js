/** Adding documents: files that are dropped or chosen, one after the other and each with its progress, a text, an address. */

import { ApiError } from "./api.js";
import { byId, el } from "./dom.js";
import { counted, fileId, isPending, outcomeWords } from "./knowledge_words.js";

const HTTPS = /^https:\/\/\S+$/i;

export class KnowledgeAdd {
  /**
   * @param {{api: object, announce: (words: string) => void}} page
   * @param {() => void} added hears that there may be something new.
   */
  constructor(page, added) {
    this.page = page;
    this.added = added;
    this.waiting = [];
    this.busy = false;
  }

  start() {
    const picker = byId("picker");
    picker.addEventListener("change", () => {
      this.take([...picker.files]);
      picker.value = "";
    });
    this.acceptDrops(byId("zone"));
    form("text-form", () => this.addText());
    form("url-form", () => this.addAddress());
  }

  acceptDrops(zone) {
    const over = (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      zone.classList.toggle("over", zone.contains(event.target));
    };
    // A file that is dropped beside the zone must not take the page's place.
    for (const name of ["dragenter", "dragover"]) window.addEventListener(name, over);
    window.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) zone.classList.remove("over");
    });
    window.addEventListener("drop", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      zone.classList.remove("over");
      if (!byId("view-documents").hidden) this.take([...event.dataTransfer.files]);
    });
  }

  // --- files

  take(files) {
    for (const file of files) {
      const upload = this.newRow(file);
      byId("uploads").append(upload.item);
      this.waiting.push(upload);
    }
    this.work();
  }

  newRow(file) {
    const bar = el("progress", { max: 1, value: 0, "aria-label": `Upload of ${file.name}` });
    const words = el("span", { class: "upload-words", role: "status" }, "Waits");
    const item = el("li", { class: "upload", "data-state": "waiting" }, el("span", { class: "file-name", dir: "auto" }, file.name), words, bar);
    return { file, item, bar, words };
  }

  /** Send what waits, one after the other: several at once would be no faster, and no order in their results. */
  async work() {
    if (this.busy) return;
    this.busy = true;
    const sums = { done: 0, refused: 0 };
    while (this.waiting.length) sums[(await this.send(this.waiting.shift())) ? "done" : "refused"] += 1;
    this.busy = false;
    const refused = sums.refused ? `, ${counted(sums.refused, "file")} refused` : "";
    this.page.announce(`${counted(sums.done, "file")} taken${refused}.`);
  }

  async send(upload) {
    const { file } = upload;
    const path = file.webkitRelativePath || file.name;
    tell(upload, "sending", "Being sent");
    try {
      const told = await this.page.api.send(file, { document_id: fileId(path), source: path }, (part) => {
        upload.bar.value = part;
        if (part === 1) tell(upload, "sending", "Being read");
      });
      tell(upload, "done", isPending(told.document) ? "Taken, and still being read" : outcomeWords(told.outcome));
      this.added();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tell(upload, "refused", error.message);
      this.added();
      return false;
    }
  }

  // --- a text, an address

  async addText() {
    const [title, content] = [byId("text-title"), byId("text-content")];
    if (!content.value.trim()) return fault("text-fault", "Please write the text.");
    const given = { content: content.value, ...(title.value.trim() ? { title: title.value.trim() } : {}) };
    if (await this.give("text-fault", "text-form", () => this.page.api.add(given))) {
      title.value = "";
      content.value = "";
    }
  }

  async addAddress() {
    const url = byId("url").value.trim();
    if (!HTTPS.test(url)) return fault("url-fault", "Please give an address that begins with https://");
    const site = byId("url-site").checked;
    const give = () => (site ? this.page.api.addSite(url) : this.page.api.add({ url }));
    if (await this.give("url-fault", "url-form", give)) byId("url").value = "";
  }

  async give(faultId, formId, ask) {
    const button = byId(formId).querySelector("button");
    fault(faultId, null);
    if (button.getAttribute("aria-disabled")) return false;
    // Not `disabled`, which would take the keyboard away from here.
    button.setAttribute("aria-disabled", "true");
    try {
      const told = await ask();
      const words = told.document ? outcomeWords(told.outcome) : `${counted(told.documents.length, "page")} will be read`;
      this.page.announce(`${words}.`);
      this.added();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fault(faultId, error.message);
      this.added();
      return false;
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }
}

function form(id, submit) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
}

function tell(upload, state, words) {
  upload.item.dataset.state = state;
  upload.words.textContent = words;
  upload.bar.hidden = state === "done" || state === "refused";
}

function fault(id, words) {
  byId(id).hidden = words === null;
  byId(id).textContent = words ?? "";
}
