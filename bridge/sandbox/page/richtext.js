/** From the tree of a text to elements, changing only what changed. */

import { hrefOf, isBlock, tree } from "/entities.js";
import { copyText, el, icon, pressable } from "/dom.js";
import { toast } from "/toast.js";

const TAGS = { bold: "strong", italic: "em", underline: "u", strikethrough: "s" };
const LINKS = new Set(["text_link", "url", "email", "mention"]);
/** Scripts whose letters are two columns wide in a terminal; a table needs a font that agrees. */
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u;

const keys = new WeakMap();

/** Collapsed quotations show their toggle only when something is hidden. */
const overflow = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const quote = target.parentElement;
    if (quote?.classList.contains("collapsed")) {
      quote.classList.toggle("overflows", target.scrollHeight > target.clientHeight + 2);
    }
  }
});

/**
 * Show a text inside `parent`. Nodes that stayed the same keep their elements, so a selection or
 * an opened spoiler survives while the rest streams in.
 *
 * `context`: `opened` (a Set that remembers opened parts), `command(text)` for a clicked command.
 */
export function showText(parent, text, entities, context) {
  patch(parent, tree(text, entities), context);
}

function patch(parent, nodes, context) {
  nodes.forEach((node, index) => {
    const key = JSON.stringify(node);
    const current = parent.childNodes[index];
    if (current && keys.get(current) === key) return;
    if (current?.nodeType === Node.TEXT_NODE && node.kind === "text") {
      extend(current, node.text);
    } else {
      const fresh = render(node, context);
      if (current) parent.replaceChild(fresh, current);
      else parent.append(fresh);
    }
    keys.set(parent.childNodes[index], key);
  });
  while (parent.childNodes.length > nodes.length) parent.lastChild.remove();
}

/** Appending keeps a selection inside the text; replacing would drop it. */
function extend(node, text) {
  if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
  else node.data = text;
}

function render(node, context) {
  if (node.kind === "text") return document.createTextNode(node.text);
  if (isBlock(node.kind)) return node.kind === "pre" ? preformatted(node) : quotation(node, context);
  if (node.kind === "spoiler") {
    return spoiler(node.children.map((child) => render(child, context)), `spoiler@${node.offset}`, context);
  }
  if (node.kind === "code") return code(node);
  if (LINKS.has(node.kind)) return link(node, context);
  const tag = TAGS[node.kind];
  const element = filled(el(tag ?? "span", { class: tag ? "" : `entity entity-${node.kind}` }), node, context);
  if (node.kind === "bot_command") {
    element.title = `Send ${node.text}`;
    pressable(element, () => context.command(node.text));
  }
  return element;
}

function filled(element, node, context) {
  element.append(...node.children.map((child) => render(child, context)));
  return element;
}

function link(node, context) {
  const href = hrefOf(node);
  if (!href) return filled(el("span", { class: "entity inert", title: "This link is not opened" }), node, context);
  const props = { class: "entity", href, target: "_blank", rel: "noopener noreferrer" };
  if (node.kind === "text_link") props.title = href;
  return filled(el("a", props), node, context);
}

function code(node) {
  const element = el("code", { class: "code", text: node.text, title: "Click to copy" });
  return pressable(element, () => copy(node.text));
}

async function copy(text) {
  toast((await copyText(text)) ? "Copied to clipboard" : "The browser did not allow copying");
}

/** The button that copies a block of code. */
export function copyButton(text) {
  const button = el("button", { type: "button", class: "pre-copy", "aria-label": "Copy code", title: "Copy" }, icon("copy"));
  button.addEventListener("click", () => copy(text));
  return button;
}

function preformatted(node) {
  return el(
    "div",
    { class: `pre${WIDE.test(node.text) ? " wide" : ""}` },
    el("div", { class: "pre-head" }, el("span", { class: "pre-language", text: node.language ?? "" }), copyButton(node.text)),
    el("pre", { tabindex: 0 }, el("code", { text: node.text })),
  );
}

/** A text that is hidden until it is pressed; `context.opened` remembers under `key` that it was. */
export function spoiler(children, key, context) {
  const inner = el("span", { class: "spoiler-text" }, ...children);
  const element = el("span", { class: "spoiler", title: "Click to reveal" }, inner);
  const show = () => {
    context.opened.add(key);
    element.classList.add("shown");
    element.removeAttribute("title");
    element.removeAttribute("role");
    element.removeAttribute("tabindex");
    element.removeAttribute("aria-label");
    inner.inert = false;
  };
  pressable(element, show);
  element.setAttribute("aria-label", "Hidden text: press to reveal");
  inner.inert = true;
  if (context.opened.has(key)) show();
  return element;
}

function quotation(node, context) {
  const body = filled(el("div", { class: "quote-body" }), node, context);
  const element = el("blockquote", { class: "quote" }, body);
  if (node.kind !== "expandable_blockquote") return element;
  const key = `quote@${node.offset}`;
  const toggle = el("button", { type: "button", class: "quote-toggle" }, icon("down"));
  const set = (open) => {
    element.classList.toggle("collapsed", !open);
    element.classList.toggle("expanded", open);
    toggle.setAttribute("aria-expanded", String(open));
    toggle.setAttribute("aria-label", open ? "Collapse the quotation" : "Show the whole quotation");
    if (open) context.opened.add(key);
    else context.opened.delete(key);
  };
  toggle.addEventListener("click", () => set(element.classList.contains("collapsed")));
  element.classList.add("expandable", "overflows");
  element.append(toggle);
  set(context.opened.has(key));
  overflow.observe(body);
  return element;
}
