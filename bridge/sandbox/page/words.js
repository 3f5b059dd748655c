/** The words of rich messages without their looks. Pure: no document here. */

const list = (value) => (Array.isArray(value) ? value : []);

/** The words of a rich text. */
export function plain(it) {
  if (typeof it === "string") return it;
  if (Array.isArray(it)) return it.map(plain).join("");
  return it ? plain(it.text ?? it.expression ?? it.alternative_text ?? it.button ?? "") : "";
}

/** The words of a whole rich message, for a line in a list and for the clipboard. */
export const wordsOf = (message) => lines(message.blocks).join("\n");

function lines(it) {
  if (Array.isArray(it)) return it.flatMap(lines);
  if (!it || typeof it !== "object") return [];
  if (it.cells) return list(it.cells).map((row) => list(row).map((cell) => plain(cell?.text)).join("\t"));
  const own = [it.summary, it.text, it.expression].map(plain).filter(Boolean);
  return [...own, ...lines(it.blocks), ...lines(it.items)];
}
