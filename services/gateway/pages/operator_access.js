/**
 * Who sits at this desk, and what lets them in: the operator's name and, where the gateway wants one, the admin token.
 * Both are kept for this tab only. The token goes into a header or a sub-protocol and nowhere else.
 */

const NAME = "deskbus.operator.name";
const TOKEN = "deskbus.operator.token";

/** The tab's storage; where it is switched off, this page's life is all that anything is kept for. */
function read(name) {
  try {
    return window.sessionStorage.getItem(name) ?? "";
  } catch {
    return "";
  }
}

function write(name, value) {
  try {
    if (value) window.sessionStorage.setItem(name, value);
    else window.sessionStorage.removeItem(name);
  } catch {
    // It is still known to this page.
  }
}

export class Access {
  #token = read(TOKEN);

  constructor() {
    this.name = read(NAME);
  }

  /** Whether there is a token: without one, this gateway is open to its own machine. */
  get hasToken() {
    return this.#token !== "";
  }

  /** Keep what was given; without a token, the one that is known. */
  keep(name, token = this.#token) {
    this.name = name;
    this.#token = token;
    write(NAME, name);
    write(TOKEN, token);
  }

  /** Forget the token, and the name too where that is wished. */
  forget({ all = false } = {}) {
    this.keep(all ? "" : this.name, "");
  }

  /** The headers that a request needs. */
  headers() {
    return this.hasToken ? { Authorization: `Bearer ${this.#token}` } : {};
  }

  /** The sub-protocols that a socket needs beside its own: browsers can give it no header. */
  protocols() {
    return this.hasToken ? [`deskbus.token.${base64url(this.#token)}`] : [];
  }
}

function base64url(text) {
  const bytes = new TextEncoder().encode(text);
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
