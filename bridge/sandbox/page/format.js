/** Times, names and colours as they are shown. All functions are pure. */

import { wordsOf } from "/words.js";

const DAY = 86_400;
const TINTS = 7;
const hourMinute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const withSeconds = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short" });
const dayMonth = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long" });
const dayMonthYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });
const shortDate = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "2-digit", year: "2-digit" });
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "medium" });
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

const date = (unix) => new Date((Number(unix) || 0) * 1000);

/** `18:04` */
export const clockTime = (unix) => hourMinute.format(date(unix));

/** `18:04:31` */
export const preciseTime = (unix) => withSeconds.format(date(unix));

/** The whole date and time, for a tooltip. */
export const fullTime = (unix) => full.format(date(unix));

/** A key that is the same for all moments of one local day. */
export const dayKey = (unix) => date(unix).toDateString();

/** `Today`, `Yesterday`, `14 March`, or with the year when it is another one. */
export function dayLabel(unix, now = Date.now() / 1000) {
  const key = dayKey(unix);
  if (key === dayKey(now)) return "Today";
  if (key === dayKey(now - DAY)) return "Yesterday";
  const sameYear = date(unix).getFullYear() === date(now).getFullYear();
  return (sameYear ? dayMonth : dayMonthYear).format(date(unix));
}

/** When a chat's last message came: a time today, a weekday this week, else a date. */
export function listTime(unix, now = Date.now() / 1000) {
  if (!unix) return "";
  if (dayKey(unix) === dayKey(now)) return clockTime(unix);
  return now - unix < 6 * DAY ? weekday.format(date(unix)) : shortDate.format(date(unix));
}

/** The first letters of the first two words, whole graphemes. */
export function initials(name) {
  const words = String(name ?? "").trim().split(/\s+/u).filter(Boolean);
  const first = (word) => graphemes.segment(word)[Symbol.iterator]().next().value.segment;
  return words.slice(0, 2).map(first).join("").toUpperCase() || "?";
}

/** Which of the avatar colours an id has; as in Telegram, the remainder of dividing by seven. */
export const tint = (id) => Math.abs(Math.trunc(Number(id) || 0)) % TINTS;

/** A person's full name. */
export const fullName = (user) =>
  [user?.first_name, user?.last_name].filter(Boolean).join(" ") || user?.username || "Unknown";

/** What a message says: its text, its caption or the words of its blocks. */
export function said(message) {
  return message.text ?? message.caption ?? (message.rich_message ? wordsOf(message.rich_message) : undefined);
}

/** What a message says, on one line. */
export function oneLine(message) {
  if (!message) return "";
  const words = said(message) ?? attachment(message)?.label ?? serviceText(message) ?? "Message";
  return String(words).slice(0, 300).replace(/\s+/gu, " ").trim();
}

const ATTACHMENTS = {
  photo: "Photo",
  venue: "Place",
  sticker: "Sticker",
  voice: "Voice message",
  video: "Video",
  video_note: "Video message",
  audio: "Audio",
  animation: "GIF",
  document: "File",
  location: "Location",
  contact: "Contact",
  poll: "Poll",
  dice: "Dice",
};

/** What is attached to a message, if anything: its kind and a line to show. */
export function attachment(message) {
  const kind = Object.keys(ATTACHMENTS).find((name) => message[name]);
  if (!kind) return null;
  const name = nameOf(kind, message[kind]);
  return { kind, label: name ? String(name) : ATTACHMENTS[kind] };
}

function nameOf(kind, it) {
  if (kind === "location") return `${it.latitude}, ${it.longitude}`;
  if (kind === "venue") return `${it.title}, ${it.address}`;
  if (kind === "contact") return `${fullName(it)}, ${it.phone_number}`;
  if (kind === "dice") return `${it.emoji} ${it.value}`;
  return it.file_name ?? it.emoji ?? it.question;
}

/** `3.2 MB`, `14 kB` or `800 B`. */
export function fileSize(bytes) {
  const size = Number(bytes) || 0;
  if (size >= 1e6) return `${(size / 1e6).toFixed(1)} MB`;
  return size >= 1000 ? `${Math.round(size / 1000)} kB` : `${size} B`;
}

/** The sentence for a message that reports what happened in the chat, or null. */
export function serviceText(message) {
  const who = fullName(message.from);
  if (message.new_chat_members) return `${message.new_chat_members.map(fullName).join(", ")} joined`;
  if (message.left_chat_member) return `${fullName(message.left_chat_member)} left`;
  if (message.new_chat_title) return `${who} named the group “${message.new_chat_title}”`;
  if (message.group_chat_created || message.supergroup_chat_created) return `${who} created the group`;
  if (message.pinned_message) return `${who} pinned a message`;
  if (message.forum_topic_created) return `${who} opened the topic “${message.forum_topic_created.name}”`;
  if (message.forum_topic_edited) return `${who} named the topic “${message.forum_topic_edited.name ?? ""}”`;
  if (message.forum_topic_closed) return `${who} closed the topic`;
  if (message.forum_topic_reopened) return `${who} opened the topic again`;
  if (message.migrate_to_chat_id) return "The group became a supergroup";
  return null;
}

/** True for one to three emoji and nothing else, which Telegram shows large. */
export function isJumbo(message) {
  const text = message.text ?? "";
  if (!text || text.length > 32 || message.entities?.length || message.reply_markup) return false;
  const all = [...graphemes.segment(text)].map((part) => part.segment);
  return all.length <= 3 && all.every((one) => /\p{Extended_Pictographic}|\p{Regional_Indicator}/u.test(one));
}
