/**
 * From a rich message's blocks to elements. Every word goes in as text and every address through
 * the same gate as in plain messages, so nothing that was sent can run.
 */

import { el, icon } from "/dom.js";
import { safeHref } from "/entities.js";
import { copyButton, spoiler } from "/richtext.js";
import { plain } from "/words.js";

const TAGS = { bold: "strong", italic: "em", underline: "u", strikethrough: "s", subscript: "sub", superscript: "sup", marked: "mark" };
const ADDRESSES = {
  url: (text) => text.url,
  email_address: (text) => `mailto:${text.email_address}`,
  mention: (text) => `https://t.me/${encodeURIComponent(text.username ?? "")}`,
};
const ENTITIES = new Set(["hashtag", "cashtag", "bot_command", "phone_number", "bank_card_number", "text_mention", "anchor_link", "reference_link"]);
const DEEPEST = 40;

/** Show a rich message in `parent`; `context.opened` remembers what the reader opened. */
export function showRich(parent, message, context) {
  const key = JSON.stringify(message);
  if (parent.dataset.rich === key) return;
  parent.dataset.rich = key;
  parent.dir = message.is_rtl ? "rtl" : "auto";
  parent.replaceChildren(...blocks(message.blocks, context, "b"));
}

const list = (value) => (Array.isArray(value) ? value : []);

function blocks(all, context, path) {
  if (path.split(".").length > DEEPEST) return [];
  return list(all).map((one, at) => block(one ?? {}, context, `${path}.${at}`)).filter(Boolean);
}

function block(it, context, path) {
  const words = () => text(it.text, context, path);
  switch (it.type) {
    case "paragraph":
      return el("p", {}, ...words());
    case "heading":
      return el("div", { class: `rich-heading size-${Math.min(6, Math.max(1, Number(it.size) || 6))}`, role: "heading", "aria-level": 3 }, ...words());
    case "pre":
      return preformatted(it);
    case "footer":
      return el("p", { class: "rich-footer" }, ...words());
    case "divider":
      return el("hr");
    case "mathematical_expression":
      return el("div", { class: "rich-formula" }, el("code", { text: String(it.expression ?? "") }));
    case "list":
      return el("ul", { class: "rich-list" }, ...list(it.items).map((one, at) => item(one ?? {}, context, `${path}.${at}`)));
    case "blockquote":
      return quotation(it, blocks(it.blocks, context, path), context, path);
    case "expandable_blockquote":
      return details(it, [el("span", { text: "Quotation" })], [el("p", {}, ...words()), ...credit(it, context, path)], context, path, "rich-details quoted");
    case "pullquote":
      return el("aside", { class: "rich-pull" }, el("p", {}, ...words()), ...credit(it, context, path));
    case "details":
      return details(it, text(it.summary, context, path), blocks(it.blocks, context, path), context, path, "rich-details");
    case "table":
      return table(it, context, path);
    case "buttons":
      return el("div", { class: "rich-buttons" }, ...list(it.buttons).map((one) => button(one ?? {}, context, path)));
    case "thinking":
      return el("p", { class: "rich-thinking" }, ...words());
    default:
      return null;
  }
}

function preformatted(it) {
  const words = plain(it.text);
  const head = el("div", { class: "pre-head" }, el("span", { class: "pre-language", text: String(it.language ?? "") }), copyButton(words));
  return el("div", { class: "pre" }, head, el("pre", { tabindex: 0 }, el("code", { text: words })));
}

function item(it, context, path) {
  const box = it.has_checkbox ? el("span", { class: `rich-box${it.is_checked ? " checked" : ""}`, role: "img", "aria-label": it.is_checked ? "done" : "open" }, it.is_checked ? icon("done") : null) : null;
  const label = box ?? el("span", { class: "rich-label", text: String(it.label ?? "•") });
  return el("li", {}, label, el("div", { class: "rich-item" }, ...blocks(it.blocks, context, path)));
}

function quotation(it, inside, context, path) {
  return el("blockquote", { class: "quote" }, el("div", { class: "quote-body" }, ...inside, ...credit(it, context, path)));
}

function credit(it, context, path) {
  return it.credit ? [el("cite", {}, ...text(it.credit, context, `${path}.c`))] : [];
}

function details(it, summary, inside, context, path, kind) {
  const element = el("details", { class: kind }, el("summary", {}, ...summary), el("div", { class: "rich-inside" }, ...inside));
  element.open = context.opened.has(path) ? true : Boolean(it.is_open) && !context.opened.has(`${path}-`);
  element.addEventListener("toggle", () => {
    context.opened.delete(element.open ? `${path}-` : path);
    context.opened.add(element.open ? path : `${path}-`);
  });
  return element;
}

function table(it, context, path) {
  const rows = list(it.cells).map((row, at) => el("tr", {}, ...list(row).map((cell, column) => tableCell(cell ?? {}, context, `${path}.${at}.${column}`))));
  const looks = ["bordered", "striped", "compact"].filter((look) => it[`is_${look}`]).join(" ");
  const caption = it.caption ? el("caption", {}, ...text(it.caption, context, path)) : null;
  const inner = el("table", { class: `rich-table ${looks}` }, caption, el("tbody", {}, ...rows));
  return el("div", { class: "rich-wide", tabindex: 0 }, inner);
}

function tableCell(cell, context, path) {
  const span = (value) => (Number.isInteger(value) && value > 1 ? Math.min(value, 50) : null);
  const props = { class: `align-${["center", "right"].includes(cell.align) ? cell.align : "left"}`, colspan: span(cell.colspan), rowspan: span(cell.rowspan) };
  return el(cell.is_header ? "th" : "td", props, ...text(cell.text, context, path));
}

function button(it, context, path) {
  return el("span", { class: "rich-button" }, ...text(it.text, context, path));
}

/** A rich text as nodes. */
function text(it, context, path, depth = 0) {
  if (typeof it === "string") return [document.createTextNode(it)];
  if (depth > DEEPEST || !it || typeof it !== "object") return [];
  if (Array.isArray(it)) return it.flatMap((one, at) => text(one, context, `${path}.${at}`, depth + 1));
  const inside = () => text(it.text, context, `${path}t`, depth + 1);
  if (TAGS[it.type]) return [el(TAGS[it.type], {}, ...inside())];
  if (it.type === "code") return [el("code", { class: "code" }, ...inside())];
  if (it.type === "mathematical_expression") return [el("code", { class: "rich-math", text: String(it.expression ?? "") })];
  if (it.type === "custom_emoji") return [document.createTextNode(String(it.alternative_text ?? ""))];
  if (it.type === "spoiler") return [spoiler(inside(), `spoiler@${path}`, context)];
  if (it.type === "button") return [button(it.button ?? {}, context, path)];
  if (ADDRESSES[it.type]) return [link(it, inside())];
  if (ENTITIES.has(it.type)) return [el("span", { class: "entity" }, ...inside())];
  return inside();
}

function link(it, inside) {
  const href = safeHref(String(ADDRESSES[it.type](it) ?? ""));
  if (!href) return el("span", { class: "entity inert", title: "This link is not opened" }, ...inside);
  return el("a", { class: "entity", href, target: "_blank", rel: "noopener noreferrer", title: href }, ...inside);
}
