/** The knowledge part of the HTTP API. Every fault becomes an `ApiError` that is for people. */

import { ApiError, problem } from "./api.js";
import { OperatorApi } from "./operator_api.js";

const base = new URL(`${document.querySelector('meta[name="deskbus-api"]').content}/`, document.baseURI);
const LOST = "The upload broke off. Please try again.";
const AT_ONCE = 50;
// Adding waits for the document to be read, and a sitemap for itself.
const LONG_MS = 70_000;

export class KnowledgeApi {
  /**
   * @param {import("./operator_access.js").Access} access
   * @param {() => void} refused hears that the credential is not, or no longer, accepted.
   */
  constructor(access, refused) {
    this.access = access;
    this.refused = refused;
    this.caller = new OperatorApi(access, refused);
  }

  /** Give a page of documents: `{documents, total}`. */
  async documents({ search = "", state = "", offset = 0 }) {
    const query = new URLSearchParams({ limit: AT_ONCE, offset, ...(search ? { search } : {}), ...(state ? { state } : {}) });
    const { body, headers } = await this.caller.ask("GET", `knowledge/documents?${query}`);
    return { documents: body, total: Number(headers.get("X-Total-Count")) || body.length };
  }

  /** Give a document with its versions and a page of its passages. */
  document(id, offset = 0) {
    return this.get(`${at(id)}?passages=20&offset=${offset}`);
  }

  usage(id, offset = 0) {
    return this.get(`${at(id)}/usage?limit=20&offset=${offset}`);
  }

  /** Add a document that is a text or an address. */
  add(document) {
    return this.post("knowledge/documents", document);
  }

  addSite(sitemap) {
    return this.post("knowledge/sites", { sitemap });
  }

  async remove(id) {
    return (await this.caller.ask("DELETE", at(id), undefined, {}, LONG_MS)).body;
  }

  search(query) {
    return this.post("chat/search", query);
  }

  /** Give a page of gaps: `{gaps, total}`. */
  async gaps(state, offset) {
    const query = new URLSearchParams({ state, offset, limit: AT_ONCE });
    const { body, headers } = await this.caller.ask("GET", `knowledge/gaps?${query}`);
    return { gaps: body, total: Number(headers.get("X-Total-Count")) || body.length };
  }

  /** Have something become of a gap: `dismiss`, `reopen` or `answer`; gives it as it is then. */
  move(gapId, what, json = {}) {
    return this.post(`knowledge/gaps/${encodeURIComponent(gapId)}/${what}`, json);
  }

  index() {
    return this.get("knowledge/index");
  }

  reindex(model) {
    return this.post("knowledge/reindex", model ? { model } : {});
  }

  /**
   * Send a file; gives `{document, outcome}`.
   *
   * @param {File} file
   * @param {{document_id?: string, source?: string}} fields what the form says of it.
   * @param {(part: number) => void} progress hears how much has left, 0 to 1.
   * @param {string|null} replacing the document that it is a new version of, which must be there.
   */
  send(file, fields, progress, replacing = null) {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("files", file, file.name);
    return new Promise((resolve, reject) => {
      // fetch cannot tell how far an upload is.
      const request = new XMLHttpRequest();
      request.open(replacing === null ? "POST" : "PUT", new URL(replacing === null ? "knowledge/documents" : at(replacing), base));
      for (const [name, value] of Object.entries(this.access.headers())) request.setRequestHeader(name, value);
      request.upload.addEventListener("progress", (event) => progress(event.lengthComputable ? event.loaded / event.total : 0));
      request.addEventListener("error", () => reject(new ApiError(LOST)));
      request.addEventListener("load", () => {
        if (request.status === 401) this.refused();
        if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
        else reject(problem(request.status, request.responseText, Number(request.getResponseHeader("Retry-After")) || 0));
      });
      request.send(form);
    });
  }

  async get(path) {
    return (await this.caller.ask("GET", path)).body;
  }

  async post(path, json) {
    return (await this.caller.ask("POST", path, json, {}, LONG_MS)).body;
  }
}

function at(id) {
  return `knowledge/documents/${encodeURIComponent(id)}`;
}
