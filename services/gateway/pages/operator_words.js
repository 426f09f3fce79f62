/** What stands in tickets and frames, in words. What is not known here is shown as it came. */

const REASONS = new Map([
  ["safety", "Somebody may be in danger"],
  ["security", "Account or money in wrong hands"],
  ["legal", "Threatens with the law"],
  ["anger", "Angry"],
  ["unhappy_repeatedly", "Unhappy again and again"],
  ["asked_for_person", "Asked for a person"],
  ["charged_twice", "Charged twice"],
  ["taken_over", "Taken over by an operator"],
  ["set_by_client", "Handed over by an application"],
]);
const FACTS = new Map([
  ["email", "E-mail"],
  ["url", "Web address"],
]);
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;

/** Give a stable word such as `asked_for_person` as people read it. */
export function plain(word) {
  const words = String(word).replaceAll("_", " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Give a ticket's reason. */
export function reason(word) {
  return REASONS.get(word) ?? plain(word);
}

/** Give what kind a fact about a customer is. */
export function factKind(word) {
  return FACTS.get(word) ?? plain(word);
}

/** Give how long something has lasted, in the unit that says enough. */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < MINUTE_S) return `${seconds} s`;
  if (seconds < HOUR_S) return `${Math.floor(seconds / MINUTE_S)} min`;
  if (seconds < DAY_S) return `${Math.floor(seconds / HOUR_S)} h ${Math.floor((seconds % HOUR_S) / MINUTE_S)} min`;
  return `${Math.floor(seconds / DAY_S)} d ${Math.floor((seconds % DAY_S) / HOUR_S)} h`;
}

/** Give an id short enough for a line: what it begins with says its kind, what it ends with tells it apart. */
export function shortId(id) {
  const text = String(id);
  return text.length > 16 ? `${text.slice(0, text.indexOf("_") + 1)}…${text.slice(-8)}` : text;
}

/** Give who is in charge. */
export function standingWords({ status, controller, operator }, me) {
  if (status === "ended") return "Ended";
  if (controller === "operator") return operator === me ? "You are in charge" : `${operator ?? "An operator"} is in charge`;
  return controller === "nobody" ? "Waits for an operator" : "The assistant answers";
}
