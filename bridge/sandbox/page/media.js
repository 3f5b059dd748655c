/** What a message carries beside words, as elements: pictures, players, files to save, places. */

import { el, icon } from "/dom.js";
import { attachment, fileSize } from "/format.js";

const fileUrl = (file) => `/sandbox/files/${encodeURIComponent(file.file_id)}`;
/** The moving kinds that play by themselves. */
const SILENT = { autoplay: true, loop: true, muted: true, playsinline: true };

const SHOWS = {
  photo: (sizes) => picture(sizes.at(-1), "Photo"),
  animation: (it) => (it.mime_type === "image/gif" ? picture(it, "GIF") : film(it, SILENT)),
  video: (it) => film(it, { controls: true }),
  video_note: (it) => film({ ...it, width: it.length, height: it.length }, { controls: true, class: "round" }),
  sticker: (it) => sticker(it),
  voice: (it) => sound(it, `Voice message, ${it.duration} s`),
  audio: (it) => sound(it, [it.performer, it.title].filter(Boolean).join(" – ") || it.file_name || "Audio"),
  document: (it) => saved(it),
};

/** Kinds that fill their bubble. */
export const FILLING = new Set(["photo", "animation", "video", "video_note", "sticker"]);

/** What identifies the attachment of a message; empty without one. */
export function mediaKey(message) {
  const what = attachment(message);
  if (!what) return "";
  const of = message[what.kind];
  return `${what.kind} ${(Array.isArray(of) ? of.at(-1) : of).file_id ?? what.label}`;
}

/** The element for a message's attachment, or null. */
export function mediaOf(message) {
  const what = attachment(message);
  if (!what) return null;
  const show = SHOWS[what.kind];
  return show ? show(message[what.kind]) : words(what);
}

function picture(file, label, props = {}) {
  const image = el("img", { src: fileUrl(file), alt: label, width: file.width, height: file.height, testid: "picture", ...props });
  return el("a", { class: "picture", href: fileUrl(file), target: "_blank", rel: "noopener noreferrer" }, image);
}

function film(file, props) {
  const element = el("video", { src: fileUrl(file), width: file.width || 320, height: file.height || 240, preload: "metadata", testid: "video", ...props });
  // The attribute alone does not silence a film that a script made.
  element.muted = Boolean(props.muted);
  return element;
}

function sound(file, label) {
  const player = el("audio", { src: fileUrl(file), controls: true, preload: "metadata", testid: "audio", "aria-label": label });
  return el("div", { class: "sound" }, el("span", { class: "file-name", text: label }), player);
}

function sticker(file) {
  if (file.is_animated) return el("span", { class: "sticker-emoji", text: file.emoji ?? "🖼", title: "Animated sticker" });
  if (file.is_video) return film(file, { ...SILENT, class: "sticker" });
  return el("img", { src: fileUrl(file), alt: `Sticker ${file.emoji ?? ""}`, width: file.width, height: file.height, class: "sticker", testid: "sticker" });
}

function saved(file) {
  const name = file.file_name || "File";
  return el(
    "a",
    { class: "file", href: fileUrl(file), download: name, testid: "file" },
    el("span", { class: "file-mark" }, icon("file")),
    el("span", { class: "file-words" }, el("b", { class: "file-name", text: name }), el("span", { class: "file-size", text: fileSize(file.file_size) })),
  );
}

function words({ kind, label }) {
  const drawn = { location: "pin", venue: "pin", contact: "person" }[kind] ?? "file";
  return el("span", { class: "file", testid: "carried" }, el("span", { class: "file-mark" }, icon(drawn)), el("span", { class: "file-name", text: label }));
}
