/** Asks who works here and, where the gateway wants one, for the admin token; tries both before it lets go. */

import { ApiError } from "./api.js";

const REFUSED = "This admin token is not accepted.";
// What no header can carry.
const NO_HEADER = /[^!-~]/;

export class OperatorSignIn {
  /**
   * @param {{dialog: HTMLDialogElement, form: HTMLFormElement, name: HTMLInputElement, tokenPart: HTMLElement,
   *   token: HTMLInputElement, fault: HTMLElement, button: HTMLButtonElement}} elements
   * @param {{access: object, check: () => Promise<void>, entered: () => void}} page `check` asks the gateway for
   *   something that only operators may have.
   */
  constructor(elements, page) {
    this.elements = elements;
    this.page = page;
    this.trying = false;
    elements.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    // Without a name there is nothing to go on with.
    elements.dialog.addEventListener("cancel", (event) => event.preventDefault());
  }

  /** Go in with what this tab remembers, or ask. */
  async enter() {
    const { name, hasToken } = this.page.access;
    if (!name) {
      this.ask(null);
      return;
    }
    await this.attempt(hasToken ? "The admin token is no longer accepted." : null);
  }

  /** Ask; `words` say why, where that is not plain. */
  ask(words, { token = false } = {}) {
    const { dialog, name, tokenPart } = this.elements;
    if (token) tokenPart.hidden = false;
    this.fault(words);
    if (!dialog.open) {
      name.value = this.page.access.name;
      dialog.showModal();
    }
    (token ? this.elements.token : name).focus();
  }

  async submit() {
    const { access } = this.page;
    const { name, token, tokenPart } = this.elements;
    const given = name.value.trim();
    if (!given) {
      this.ask("Please give a name.");
      return;
    }
    const secret = token.value.trim();
    // It is nowhere on the page from here on.
    token.value = "";
    if (NO_HEADER.test(secret)) this.ask(REFUSED, { token: true });
    else if (!secret && !access.hasToken && !tokenPart.hidden) this.ask("Please give the admin token.", { token: true });
    else {
      access.keep(given, secret || undefined);
      await this.attempt(REFUSED);
    }
  }

  /** Try what is known; `refusal` says what it means where a token is refused. */
  async attempt(refusal) {
    if (this.trying) return;
    const { access } = this.page;
    const { dialog, button, tokenPart } = this.elements;
    this.trying = true;
    button.disabled = true;
    try {
      await this.page.check();
      tokenPart.hidden = true;
      if (dialog.open) dialog.close();
      this.page.entered();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) {
        const had = access.hasToken;
        access.forget();
        this.ask(had ? refusal : null, { token: true });
      } else {
        this.ask(error.message, { token: access.hasToken });
      }
    } finally {
      this.trying = false;
      button.disabled = false;
    }
  }

  fault(words) {
    this.elements.fault.hidden = words === null;
    this.elements.fault.textContent = words ?? "";
  }
}
