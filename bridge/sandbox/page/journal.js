/** What the inspector says of the journal's entries. Pure: no document here. */

const MINUTE = 60;

/** `good`, `limited` (429) or `bad`. */
export function tone(entry) {
  const outcome = String(entry.outcome ?? "");
  const code = entry.detail?.error_code ?? entry.detail?.status;
  if (code === 429 || /\b429\b|too many requests/iu.test(outcome)) return "limited";
  if (/(?:\.failed|^error)$/u.test(entry.name ?? "")) return "bad";
  if (/^(?:ok|done|sent|completed|2\d\d)\b/iu.test(outcome)) return "good";
  return "bad";
}

/** How long it took in milliseconds, or null. */
export function duration(entry) {
  const { detail } = entry;
  const found = entry.milliseconds ?? detail?.milliseconds ?? detail?.ms ?? detail?.duration_ms;
  return typeof found === "number" ? found : null;
}

/** `12 ms`, `1.3 s`. */
export function durationLabel(milliseconds) {
  if (milliseconds === null) return "";
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Does an entry pass the filter? `side` is "all" or one of the two. */
export function passes(entry, { side, text }) {
  if (side !== "all" && entry.side !== side) return false;
  const wanted = text.trim().toLowerCase();
  if (!wanted) return true;
  return `${entry.name} ${entry.outcome} ${JSON.stringify(entry.detail ?? {})}`.toLowerCase().includes(wanted);
}

/** Calls in the minute before `now` (Unix seconds) for each side, and how many 429s in all. */
export function counts(entries, now) {
  const result = { telegram: 0, coze: 0, limited: 0 };
  for (const entry of entries) {
    if (tone(entry) === "limited") result.limited += 1;
    if (now - entry.at <= MINUTE && entry.side in result) result[entry.side] += 1;
  }
  return result;
}

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gu;

/** JSON in pieces to colour: `[kind, text]` with kind "", "key", "string", "word" or "number". */
export function pieces(json) {
  const found = [];
  let cursor = 0;
  for (const match of json.matchAll(TOKEN)) {
    if (match.index > cursor) found.push(["", json.slice(cursor, match.index)]);
    const [all, string, colon] = match;
    if (string && colon) found.push(["key", string], ["", colon]);
    else if (string) found.push(["string", string]);
    else found.push([/^[tfn]/u.test(all) ? "word" : "number", all]);
    cursor = match.index + all.length;
  }
  found.push(["", json.slice(cursor)]);
  return found.filter(([, text]) => text);
}
