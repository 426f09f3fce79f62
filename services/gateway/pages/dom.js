/**
 * Elements without markup: text becomes text nodes, so nothing that anybody typed can become an element or a script.
 */

/**
 * Make an element.
 *
 * @param {string} tag
 * @param {Object<string, unknown>} [attributes] `on` holds listeners; null, undefined and false are left out.
 * @param {...(Node|string|null|undefined)} children strings become text.
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (value === true) {
      node.setAttribute(name, "");
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, String(value));
    }
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Give the element of that id, which the page is known to have. */
export function byId(id) {
  return document.getElementById(id);
}

/** Give a number that the gateway has written into the page, as a `<meta name="deskbus-...">`; else the usual one. */
export function told(name, usual) {
  const number = Number(document.querySelector(`meta[name="deskbus-${name}"]`)?.content);
  return Number.isInteger(number) && number > 0 ? number : usual;
}

/** Make an outline icon from one path; decoration only, so hidden from screen readers. */
export function icon(path, size = 18) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const attributes = { viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": true };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, String(value));
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** Count characters as the server does: code points, not UTF-16 units. */
export function characters(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Say by how much a text is too long. */
export function tooMany(count) {
  return `${count} ${count === 1 ? "character" : "characters"} too many`;
}

/** Give an id that nobody else has; `randomUUID` is missing on plain http beyond localhost. */
export function uniqueId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
