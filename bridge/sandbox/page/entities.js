/**
 * From a text and its Bot API entities to a tree. Pure: no document here.
 *
 * Offsets and lengths count UTF-16 code units, which is what JavaScript strings are made of.
 */

/** Kinds from the outermost to the innermost when two cover exactly the same text. */
const KINDS = [
  "expandable_blockquote",
  "blockquote",
  "pre",
  "spoiler",
  "text_link",
  "url",
  "email",
  "phone_number",
  "bank_card_number",
  "mention",
  "text_mention",
  "bot_command",
  "hashtag",
  "cashtag",
  "bold",
  "italic",
  "underline",
  "strikethrough",
  "code",
];
const RANK = new Map(KINDS.map((kind, rank) => [kind, rank]));
const BLOCKS = new Set(["expandable_blockquote", "blockquote", "pre"]);
const SAFE = new Set(["http:", "https:", "tg:", "mailto:"]);

/** Is this kind a block of its own, not part of a line? */
export const isBlock = (kind) => BLOCKS.has(kind);

/** The tree: `{kind: "text", text}` leaves and `{kind, offset, text, children, …}` branches. */
export function tree(text, entities) {
  const spans = [];
  for (const entity of Array.isArray(entities) ? entities : []) {
    const start = entity?.offset;
    const end = start + entity?.length;
    if (!RANK.has(entity?.type) || !Number.isInteger(start) || !Number.isInteger(end)) continue;
    if (start < 0 || start >= text.length || end <= start) continue;
    spans.push({ entity, start, end: Math.min(end, text.length) });
  }
  return branch(text, 0, text.length, spans.sort(order), new Set());
}

function order(a, b) {
  return a.start - b.start || b.end - a.end || RANK.get(a.entity.type) - RANK.get(b.entity.type);
}

/** Nodes for one stretch; a span that leaves its parent is cut there and goes on behind it. */
function branch(text, start, end, spans, within) {
  const nodes = [];
  let cursor = start;
  let waiting = spans;
  while (waiting.length) {
    const [span, ...others] = waiting;
    const { inside, after } = divide(others, span.end);
    // A kind inside itself changes nothing, and leaving it out bounds how deep the tree grows.
    if (within.has(span.entity.type)) {
      waiting = others;
      continue;
    }
    pushText(nodes, text.slice(cursor, span.start));
    const children = branch(text, span.start, span.end, inside, new Set(within).add(span.entity.type));
    nodes.push({ ...described(span, text), children });
    cursor = span.end;
    waiting = after;
  }
  pushText(nodes, text.slice(cursor, end));
  return nodes;
}

function divide(spans, end) {
  const inside = [];
  const after = [];
  for (const span of spans) {
    if (span.start >= end) after.push(span);
    else if (span.end <= end) inside.push(span);
    else {
      inside.push({ ...span, end });
      after.push({ ...span, start: end });
    }
  }
  return { inside, after: after.sort(order) };
}

function described({ entity, start, end }, text) {
  const node = { kind: entity.type, offset: start, text: text.slice(start, end) };
  if (typeof entity.url === "string") node.url = entity.url;
  if (typeof entity.language === "string") node.language = entity.language;
  return node;
}

/** A block already ends its line, so the line feed right behind it would show as an empty one. */
function pushText(nodes, text) {
  const previous = nodes.at(-1);
  const shown = previous && isBlock(previous.kind) && text.startsWith("\n") ? text.slice(1) : text;
  if (shown) nodes.push({ kind: "text", text: shown });
}

/** The address as a link may carry it, or null when its scheme could run something. */
export function safeHref(address) {
  try {
    const url = new URL(address);
    return SAFE.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** Where a node links to, or null. */
export function hrefOf(node) {
  if (node.kind === "text_link") return safeHref(node.url ?? "");
  if (node.kind === "email") return safeHref(`mailto:${node.text}`);
  if (node.kind === "mention") return safeHref(`https://t.me/${encodeURIComponent(node.text.slice(1))}`);
  if (node.kind !== "url") return null;
  return safeHref(/^(?:[a-z][a-z0-9+.-]*:\/\/|mailto:|tg:)/iu.test(node.text) ? node.text : `http://${node.text}`);
}
