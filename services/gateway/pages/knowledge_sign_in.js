/** Lets in whoever has the admin token, or anybody where the gateway has none and is this machine's. */

import { ApiError } from "./api.js";

const REFUSED = "This admin token is not accepted.";
// What no header can carry.
const NO_HEADER = /[^!-~]/;

export class KnowledgeSignIn {
  /**
   * @param {{dialog: HTMLDialogElement, form: HTMLFormElement, token: HTMLInputElement, fault: HTMLElement,
   *   button: HTMLButtonElement}} elements
   * @param {{access: object, check: () => Promise<unknown>, entered: () => void}} page `check` asks the gateway for something
   *   that only administrators may have.
   */
  constructor(elements, page) {
    this.elements = elements;
    this.page = page;
    elements.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    // Without it there is nothing to go on with.
    elements.dialog.addEventListener("cancel", (event) => event.preventDefault());
  }

  /** Go in with what this tab remembers, or ask. */
  async attempt(refusal = "The admin token is no longer accepted.") {
    const { access } = this.page;
    this.elements.button.disabled = true;
    try {
      await this.page.check();
      this.elements.dialog.close();
      this.page.entered();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) {
        const had = access.hasToken;
        access.forget();
        this.ask(had ? refusal : null);
      } else {
        this.ask(error.message);
      }
    } finally {
      this.elements.button.disabled = false;
    }
  }

  /** Ask; `words` say why, where that is not plain. */
  ask(words) {
    const { dialog, token, fault } = this.elements;
    fault.hidden = words === null;
    fault.textContent = words ?? "";
    if (!dialog.open) dialog.showModal();
    token.focus();
  }

  async submit() {
    const { access } = this.page;
    const { token } = this.elements;
    const secret = token.value.trim();
    // It is nowhere on the page from here on.
    token.value = "";
    if (NO_HEADER.test(secret)) this.ask(REFUSED);
    else {
      access.keep(access.name, secret || undefined);
      await this.attempt(REFUSED);
    }
  }
}
