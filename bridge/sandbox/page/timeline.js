/** The messages of one chat, by day, and where the reader is among them. */

import { Bubble, DraftBubble } from "/bubble.js";
import { el, iconButton } from "/dom.js";
import { dayKey, dayLabel } from "/format.js";

const NEAR_BOTTOM = 56;
const GROUP_GAP = 300;

/** Do two messages belong together, so that only the last shows a tail? */
export function together(earlier, later) {
  return Boolean(
    earlier &&
      later &&
      earlier.from?.id === later.from?.id &&
      dayKey(earlier.date) === dayKey(later.date) &&
      later.date - earlier.date <= GROUP_GAP,
  );
}

/** What holds the messages of one album together. */
const album = (bubble) => el("div", { class: `album ${bubble.own ? "own" : "theirs"}`, testid: "album" }, bubble.row);

export class Timeline {
  /** `log` is the scrolling region, `stage` carries the round button. `view`: see `Bubble`. */
  constructor(log, stage, view) {
    this.log = log;
    this.view = view;
    this.bubbles = new Map();
    this.stuck = true;
    this.missed = 0;
    this.content = el("div", { class: "content" });
    log.append(this.content);
    this.jumpButton = iconButton("down", "Jump to the newest message", () => this.toBottom(true), { class: "jump", hidden: true });
    this.badge = el("span", { class: "badge", hidden: true });
    this.jumpButton.append(this.badge);
    stage.append(this.jumpButton);
    log.addEventListener("scroll", () => this.scrolled(), { passive: true });
    const follow = new ResizeObserver(() => this.settle());
    follow.observe(log);
    follow.observe(this.content);
    log.addEventListener("keydown", (event) => this.key(event));
  }

  /** Show a chat from its newest message on, or, shown `again`, from where the reader was. */
  show(messages, empty, again = false) {
    const place = again && !this.stuck ? this.log.scrollTop : null;
    this.bubbles = new Map();
    this.draftBubble = null;
    this.content.replaceChildren();
    this.content.classList.remove("moving");
    for (const message of messages) this.place(message);
    this.regroup();
    this.empty = empty;
    this.showEmpty();
    this.missed = 0;
    this.toBottom();
    if (place !== null) this.log.scrollTop = place;
    requestAnimationFrame(() => this.content.classList.add("moving"));
  }

  /** Show a new message, or the new state of one that is there. */
  put(message, own) {
    const before = this.bubbles.get(message.message_id);
    if (before) {
      before.update(message);
    } else {
      if (message.from?.is_bot) this.endDraft();
      this.place(message);
      this.regroup();
      this.showEmpty();
      if (own) this.stuck = true;
      else if (!this.stuck) this.missed += 1;
    }
    this.settle();
  }

  /** Take a message away. */
  drop(messageId) {
    const row = this.bubbles.get(messageId)?.row;
    (row?.parentElement.matches(".album:has(> :only-child)") ? row.parentElement : row)?.remove();
    this.bubbles.delete(messageId);
    for (const day of this.content.querySelectorAll(".day")) if (!day.querySelector(".row")) day.remove();
    this.regroup();
    this.showEmpty();
  }

  /** Show what the bot is writing, until its message comes. */
  draft(draft) {
    if (!this.draftBubble) {
      this.draftBubble = new DraftBubble(() => this.view.stop());
      this.content.append(this.draftBubble.row);
    }
    this.draftBubble.update(draft);
    this.settle();
  }

  endDraft() {
    this.draftBubble?.row.remove();
    this.draftBubble = null;
  }

  /** Show or stop the spinners of one message's buttons. */
  refreshButtons(messageId) {
    const bubble = this.bubbles.get(messageId);
    if (bubble?.bubble) bubble.showKeyboard();
  }

  place(message) {
    const bubble = new Bubble(message, this.view);
    const after = [...this.bubbles.values()].filter((one) => one.message.message_id < message.message_id).at(-1);
    this.bubbles.set(message.message_id, bubble);
    if (message.media_group_id && after?.message.media_group_id === message.media_group_id) {
      after.row.after(bubble.row);
      this.countCaptions(bubble.row.closest(".album"), message.media_group_id);
      return;
    }
    const spot = message.media_group_id ? album(bubble) : bubble.row;
    const day = this.day(message.date, after?.row.closest(".day"));
    if (after?.row.closest(".day") === day) (after.row.closest(".album") ?? after.row).after(spot);
    else day.querySelector(".day-mark").after(spot);
  }

  /** Of several captions none is shown below the pictures: Telegram's clients do it so. */
  countCaptions(album, group) {
    const captions = [...this.bubbles.values()].filter(({ message }) => message.media_group_id === group && message.caption);
    album.classList.toggle("captions", captions.length > 1);
  }

  /** The section of a day; made behind the section of the message before. */
  day(unix, previous) {
    const key = dayKey(unix);
    const found = [...this.content.querySelectorAll(".day")].find((day) => day.dataset.day === key);
    if (found) return found;
    const mark = el("div", { class: "day-mark" }, el("span", { class: "pill", text: dayLabel(unix) }));
    const day = el("section", { class: "day" }, mark);
    day.dataset.day = key;
    if (previous) previous.after(day);
    else this.content.prepend(day);
    if (this.draftBubble) this.content.append(this.draftBubble.row);
    return day;
  }

  /** Which bubbles begin and end a run of one sender; the last one takes the Tab key. */
  regroup() {
    const rows = [...this.content.querySelectorAll(".day .row")];
    const messages = rows.map((row) => this.bubbles.get(Number(row.dataset.messageId)).message);
    rows.forEach((row, at) => {
      row.classList.toggle("first", !together(messages[at - 1], messages[at]));
      row.classList.toggle("last", !together(messages[at], messages[at + 1]));
      row.tabIndex = at === rows.length - 1 ? 0 : -1;
    });
  }

  showEmpty() {
    this.content.querySelector(".empty")?.remove();
    if (this.bubbles.size === 0 && this.empty) this.content.prepend(this.empty());
  }

  scrolled() {
    // The page grew or shrank under somebody at the bottom: they did not scroll away.
    if (this.stuck && this.measure() !== this.measured) {
      this.settle();
      return;
    }
    this.stuck = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < NEAR_BOTTOM;
    if (this.stuck) this.missed = 0;
    this.showJump();
  }

  /** Whoever read the newest goes on reading the newest; whoever read above stays where they were. */
  settle() {
    if (this.stuck) this.log.scrollTop = this.log.scrollHeight;
    this.measured = this.measure();
    this.showJump();
  }

  measure() {
    return `${this.log.clientHeight}/${this.log.scrollHeight}`;
  }

  showJump() {
    this.jumpButton.hidden = this.stuck;
    this.badge.hidden = this.missed === 0;
    this.badge.textContent = String(this.missed);
  }

  toBottom(gently = false) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const far = this.log.scrollHeight - this.log.scrollTop > 4 * this.log.clientHeight;
    if (gently && !still && !far) {
      this.log.scrollTo({ top: this.log.scrollHeight, behavior: "smooth" });
      return;
    }
    this.stuck = true;
    this.missed = 0;
    this.settle();
  }

  /** Show a message that another one answers, and mark it for a moment. */
  jump(messageId) {
    const row = this.bubbles.get(messageId)?.row;
    if (!row) return;
    row.scrollIntoView({ block: "center" });
    row.focus({ preventScroll: true });
    row.classList.remove("flash");
    requestAnimationFrame(() => row.classList.add("flash"));
  }

  key(event) {
    const row = event.target.closest(".row");
    if (event.target !== row || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...this.content.querySelectorAll(".row")];
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const message = this.bubbles.get(Number(row.dataset.messageId))?.message;
    const does = { r: "reply", c: "copy", e: "edit" }[event.key.toLowerCase()];
    if (step) rows[rows.indexOf(row) + step]?.focus();
    else if (message && does && (does !== "edit" || message.from?.id === this.view.me)) this.view[does](message);
    else return;
    event.preventDefault();
  }
}
