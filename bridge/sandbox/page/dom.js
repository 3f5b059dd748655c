/** Building the page from elements and text only: nothing here ever parses markup. */

const SVG = "http://www.w3.org/2000/svg";

/** Strokes of the icons on a 24 × 24 grid. */
const ICONS = {
  back: "M15 5l-7 7 7 7",
  block: "M12 3a9 9 0 1 0 .1 0M5.700 5.700l12.600 12.600",
  check: "M2.500 12.500l4.500 4.500L17 7M11.500 15.500L13 17 22.500 7",
  clear: "M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13M10.500 11v5.500M13.500 11v5.500",
  clip: "M20 11.500l-8 8a5 5 0 0 1-7-7l8.500-8.500a3.300 3.300 0 0 1 4.700 4.700L9.700 17.200a1.700 1.700 0 0 1-2.400-2.400l7.200-7.300",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  done: "M5 12.500l5 5L19.500 7",
  down: "M5.500 9l6.500 6.500L18.500 9",
  edit: "M4 20l1-4.500L16.500 4l3.500 3.500L8.500 19zM14 6.500l3.500 3.500",
  file: "M6 3h8l5 5v13H6zM14 3v5h5",
  door: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
  group: "M9 5a3.500 3.500 0 1 0 .1 0M3 19c0-3.500 2.700-5.500 6-5.500s6 2 6 5.500M16 5.500a3 3 0 0 1 0 6M17.500 14c2 .6 3.500 2.200 3.500 5",
  inspect: "M4 4.500h16v15H4zM14.500 4.500v15M17 9h.1M17 12.500h.1",
  link: "M8 16L17 7M9.500 7H17v7.500",
  mic: "M12 3.500a2.800 2.800 0 0 0-2.800 2.800v5a2.800 2.800 0 0 0 5.600 0v-5A2.800 2.800 0 0 0 12 3.500zM6 11a6 6 0 0 0 12 0M12 17v3.500M9 20.500h6",
  more: "M12 5h.1M12 12h.1M12 19h.1",
  mute: "M11 5L7 9H3.500v6H7l4 4zM15.500 9.500l5 5M20.500 9.500l-5 5",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z",
  pause: "M8.500 6v12M15.500 6v12",
  person: "M12 4a4 4 0 1 0 .1 0M4.500 20c0-4 3.300-6 7.500-6s7.500 2 7.500 6",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 2.500-2.500L20 17M15.500 8.500h.1",
  pin: "M12 21c-4-5-6-8-6-11a6 6 0 0 1 12 0c0 3-2 6-6 11zM12 8a2 2 0 1 0 .1 0",
  play: "M8 5.500l10.500 6.500L8 18.500z",
  plus: "M12 5v14M5 12h14",
  reply: "M10 6l-6 6 6 6M4.500 12H14a6 6 0 0 1 6 6v1",
  send: "M4 11.800L20.500 4 17 20l-5.500-5zM11.500 15L20.500 4",
  slash: "M15.500 4l-7 16",
  star: "M12 4l2.400 5 5.600.7-4.100 3.800 1.100 5.500-5-2.700-5 2.700 1.100-5.500L4 9.700 9.600 9z",
  stop: "M7 7h10v10H7z",
  sun: "M12 8a4 4 0 1 0 .1 0M12 2.500V4M12 20v1.500M2.500 12H4M20 12h1.500M5.300 5.300l1 1M17.700 17.700l1 1M5.300 18.700l1-1M17.700 6.300l1-1",
  bin: "M5 7h14M10 7V4.500h4V7M7 7l1 13h8l1-13M10.500 11v5.500M13.500 11v5.500",
  topic: "M9 4L7 20M17 4l-2 16M4.500 9h16M3.500 15h16",
  up: "M5.500 15l6.500-6.500 6.500 6.500",
};

/**
 * One element. `props`: `class`, `text`, `testid`, `on` (listeners by event), and plain attributes
 * (true sets an empty one, false and null leave it out).
 */
export function el(tag, props = {}, ...children) {
  const { class: className, text, testid, on, ...attributes } = props;
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  if (testid) element.dataset.testid = testid;
  for (const [name, value] of Object.entries(attributes)) attribute(element, name, value);
  for (const [type, listener] of Object.entries(on ?? {})) element.addEventListener(type, listener);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Set, or with false, null or undefined remove, one attribute. */
export function attribute(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

/** One of the icons above, hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows only an icon; its label is read aloud and shown as a tooltip. */
export function iconButton(name, label, press, props = {}) {
  return el(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, ...props, on: { click: press } },
    icon(name),
  );
}

/** Make an inline element act like a button for the mouse and the keyboard. */
export function pressable(element, press) {
  element.setAttribute("role", "button");
  element.tabIndex = 0;
  element.addEventListener("click", (event) => {
    event.stopPropagation();
    press(event);
  });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    press(event);
  });
  return element;
}

/**
 * Make `parent`'s children show `items`, in their order, keeping the element of an item that was
 * there before, so focus, selection and scrolling survive.
 */
export function keyed(parent, items, keyOf, create, update) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, index) => {
    const key = String(keyOf(item));
    const element = before.get(key) ?? create(item);
    before.delete(key);
    element.dataset.key = key;
    update(element, item, index);
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
  for (const gone of before.values()) gone.remove();
}

/** Arrow keys move the focus among `parent`'s children that match `selector`. */
export function roving(parent, selector, keys = ["ArrowLeft", "ArrowRight"]) {
  parent.addEventListener("keydown", (event) => {
    const step = keys.indexOf(event.key);
    if (step < 0) return;
    const all = [...parent.querySelectorAll(selector)];
    const at = all.indexOf(event.target.closest(selector));
    if (at < 0) return;
    event.preventDefault();
    all[(at + (step ? 1 : -1) + all.length) % all.length].focus();
  });
}

/** Put text on the clipboard; false where the browser refuses. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Remember or read a small choice; a browser that forbids storage just forgets it. */
export function kept(name, value) {
  try {
    if (value === undefined) return localStorage.getItem(`sandbox.${name}`);
    localStorage.setItem(`sandbox.${name}`, value);
  } catch {
    // Private windows may refuse; the choice then lasts as long as the page.
  }
  return null;
}
