/** What stands where there are no messages. */

import { el } from "/dom.js";
import { themeToggle } from "/theme.js";

/** For a chat without messages, or with null where no chat is open. */
export function emptyChat(chat, start) {
  if (!chat) return el("div", { class: "empty" }, el("p", { class: "pill", text: "Select a chat to start messaging" }));
  const button = el("button", { type: "button", class: "start", text: "Start", on: { click: start } });
  const words = [
    el("h3", { text: "No messages here yet" }),
    el("p", { text: "Write a message or press Start." }),
    chat.type === "private" ? button : null,
  ];
  return el("div", { class: "empty" }, el("div", { class: "empty-card" }, ...words));
}

/** For a page beside the real Telegram, where nobody can be played. */
export function realCard() {
  return el(
    "section",
    { id: "real", class: "real-card", testid: "real" },
    el("img", { src: "/favicon.svg", alt: "", width: 56, height: 56 }),
    el("p", { text: "Telegram is the real one here: write to your bot in Telegram. This page shows what happens." }),
    themeToggle(),
  );
}
