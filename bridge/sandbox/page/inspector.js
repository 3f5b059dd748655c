/** The right column: each call and event of both emulators as it happens. */

import { el, icon, iconButton } from "/dom.js";
import { fullTime, preciseTime } from "/format.js";
import { counts, duration, durationLabel, passes, pieces, tone } from "/journal.js";

const KEPT = 2000;
const ROWS = 400;
const LONGEST_DETAIL = 40_000;
const DELTA = "conversation.message.delta";
const SIDES = [
  ["all", "All"],
  ["telegram", "Telegram"],
  ["coze", "Coze"],
];

export class Inspector {
  constructor(root, close) {
    this.entries = [];
    this.filter = { side: "all", text: "" };
    this.paused = false;
    this.clearedTo = 0;
    this.opened = new Set();
    this.fresh = [];
    this.list = el("div", { class: "rows", role: "log", "aria-live": "off", "aria-label": "Calls and events", tabindex: 0 });
    root.append(this.bar(close), this.tools(), this.list);
    setInterval(() => this.count(), 1000);
    this.count();
  }

  bar(close) {
    this.counters = el("p", { class: "bar-status counters", testid: "inspector-counters" });
    this.pauseButton = iconButton("pause", "Pause", () => this.setPaused(!this.paused), { class: "icon-button pause", "aria-pressed": "false" });
    return el(
      "header",
      { class: "bar" },
      el("div", { class: "bar-words" }, el("h2", { class: "bar-title", text: "Inspector" }), this.counters),
      el("span", { class: "grow" }),
      this.pauseButton,
      iconButton("clear", "Clear", () => this.clear()),
      iconButton("close", "Close the inspector", close, { class: "icon-button close" }),
    );
  }

  tools() {
    const sides = el("div", { class: "segments", role: "group", "aria-label": "Side" });
    for (const [side, label] of SIDES) {
      const choose = () => {
        this.filter.side = side;
        for (const other of sides.children) other.setAttribute("aria-pressed", String(other === button));
        this.showAll();
      };
      const button = el("button", { type: "button", "aria-pressed": String(side === "all"), text: label, on: { click: choose } });
      sides.append(button);
    }
    const search = el("input", { type: "search", class: "search", placeholder: "Filter", "aria-label": "Filter the calls", testid: "inspector-filter" });
    search.addEventListener("input", () => {
      this.filter.text = search.value;
      this.showAll();
    });
    return el("div", { class: "inspector-tools" }, sides, search);
  }

  /** Replace everything by what the emulator has kept. */
  reset(entries) {
    const last = entries.at(-1)?.number ?? 0;
    // An emulator that was started anew counts from one again.
    if (last < this.clearedTo) this.clearedTo = 0;
    this.entries = entries.slice(-KEPT);
    this.showAll();
    this.count();
  }

  /** Note one entry; rows appear with the next frame, many at once when many come. */
  add(entry) {
    const last = this.entries.at(-1);
    if (last && entry.number <= last.number) return;
    this.entries.push(entry);
    if (this.entries.length > KEPT) this.entries.shift();
    this.fresh.push(entry);
    if (this.fresh.length === 1) requestAnimationFrame(() => this.flush());
  }

  flush() {
    const fresh = this.fresh;
    this.fresh = [];
    this.count();
    if (this.paused) return;
    const shown = fresh.filter((entry) => this.shows(entry));
    if (!shown.length) return;
    this.list.querySelector(".nothing")?.remove();
    // Asked before anything changes: rows that come and go move the list by themselves.
    const stuck = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
    this.put(shown, true);
    while (this.list.children.length > ROWS) this.list.firstChild.remove();
    if (stuck) this.list.scrollTop = this.list.scrollHeight;
  }

  shows(entry) {
    return entry.number > this.clearedTo && passes(entry, this.filter);
  }

  showAll() {
    const shown = this.entries.filter((entry) => this.shows(entry));
    this.list.replaceChildren();
    this.put(shown, false);
    while (this.list.children.length > ROWS) this.list.firstChild.remove();
    if (!shown.length) this.list.append(el("p", { class: "nothing", text: "Calls to the Bot API and events from Coze appear here." }));
    this.list.scrollTop = this.list.scrollHeight;
  }

  setPaused(paused) {
    this.paused = paused;
    const label = paused ? "Go on" : "Pause";
    this.pauseButton.replaceChildren(icon(paused ? "play" : "pause"));
    this.pauseButton.setAttribute("aria-pressed", String(paused));
    this.pauseButton.setAttribute("aria-label", label);
    this.pauseButton.title = label;
    if (!paused) this.showAll();
  }

  clear() {
    this.clearedTo = this.entries.at(-1)?.number ?? 0;
    this.opened.clear();
    this.showAll();
    this.count();
  }

  count() {
    const alive = this.entries.filter((entry) => entry.number > this.clearedTo);
    const { telegram, coze, limited } = counts(alive, Date.now() / 1000);
    const part = (count, label, kind) =>
      el("span", { class: `counter ${kind}` }, el("b", { text: String(count) }), ` ${label}`);
    const now = `${telegram}/${coze}/${limited}`;
    if (now === this.counted) return;
    this.counted = now;
    this.counters.title = "Calls in the last minute, and refusals for too many requests";
    this.counters.replaceChildren(
      part(telegram, "tg/min", "telegram"),
      part(coze, "coze/min", "coze"),
      part(limited, "× 429", limited ? "limited" : "none"),
    );
  }

  /** Deltas that follow each other share a row, which opens to the newest: an answer has hundreds. */
  put(entries, arriving) {
    for (const entry of entries) {
      const last = this.list.lastElementChild;
      const joins = entry.name === DELTA && last?.dataset.name === DELTA && !this.opened.has(Number(last.dataset.number));
      if (joins) last.replaceWith(this.row(entry, false, Number(last.dataset.count) + 1));
      else this.list.append(this.row(entry, arriving));
    }
  }

  row(entry, arriving, count = 1) {
    const row = el("div", { class: `entry ${tone(entry)}${arriving ? " arriving" : ""}`, testid: "inspector-row" });
    row.dataset.side = entry.side;
    row.dataset.number = entry.number;
    row.dataset.name = entry.name;
    row.dataset.count = count;
    const toggle = () => this.toggle(entry, row);
    const button = el(
      "button",
      { type: "button", class: "entry-line", "aria-expanded": "false", on: { click: toggle } },
      el("time", { class: "entry-time", text: preciseTime(entry.at), title: fullTime(entry.at) }),
      el("span", { class: `side ${entry.side === "coze" ? "coze" : "telegram"}`, text: entry.side === "coze" ? "coze" : "tg", title: entry.side }),
      el("span", { class: "entry-name", text: entry.name, title: entry.name }),
      el("span", { class: "entry-outcome", text: entry.outcome, title: entry.outcome }),
      el("span", { class: "entry-took", text: count > 1 ? `× ${count}` : durationLabel(duration(entry)) }),
    );
    row.append(button);
    if (this.opened.has(entry.number)) this.open(entry, row);
    return row;
  }

  toggle(entry, row) {
    const detail = row.querySelector(".entry-detail");
    if (!detail) {
      this.open(entry, row);
      return;
    }
    detail.remove();
    this.opened.delete(entry.number);
    row.firstChild.setAttribute("aria-expanded", "false");
  }

  open(entry, row) {
    this.opened.add(entry.number);
    row.firstChild.setAttribute("aria-expanded", "true");
    const json = JSON.stringify(entry.detail ?? {}, null, 2);
    const shown = json.length > LONGEST_DETAIL ? `${json.slice(0, LONGEST_DETAIL)}\n…` : json;
    const spans = pieces(shown).map(([kind, text]) => (kind ? el("span", { class: `json-${kind}`, text }) : text));
    row.append(el("pre", { class: "entry-detail", tabindex: 0 }, ...spans));
  }
}
