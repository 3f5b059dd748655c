/** One message: its bubble, the buttons under it and what can be done with it. */

import { el, icon, iconButton } from "/dom.js";
import { attachment, clockTime, fullName, fullTime, initials, isJumbo, oneLine, serviceText, tint } from "/format.js";
import { hrefOf } from "/entities.js";
import { FILLING, mediaKey, mediaOf } from "/media.js";
import { showRich } from "/rich.js";
import { showText } from "/richtext.js";

const STYLES = new Set(["danger", "success", "primary"]);

/**
 * `view`: `me` (the person's id), `isGroup`, `isPressed(messageId, row, column)`, and what to do:
 * `reply`, `edit`, `copy`, `command`, `press`, `jump`.
 */
export class Bubble {
  constructor(message, view) {
    this.view = view;
    this.opened = new Set();
    this.buttons = "";
    this.row = el("article", { class: "row", testid: "message", tabindex: -1 });
    this.row.dataset.messageId = message.message_id;
    this.row.dataset.from = message.from?.is_bot ? "bot" : "person";
    this.own = message.from?.id === view.me;
    this.row.classList.add(this.own ? "own" : "theirs");
    this.build(message);
    this.update(message);
  }

  build(message) {
    const service = serviceText(message);
    if (service && !message.text && !message.rich_message) {
      this.row.classList.add("service");
      this.row.append(el("span", { class: "pill", text: service }));
      return;
    }
    this.text = el("div", { class: "text", testid: "message-text" });
    this.edited = el("span", { class: "edited", text: "edited" });
    this.time = el("time", {});
    this.meta = el("span", { class: "meta" }, this.edited, this.time, this.own ? icon("check") : null);
    this.attached = el("div", { class: "attached" });
    this.reactions = el("div", { class: "reactions", testid: "reactions" });
    const body = el("div", { class: "body" }, this.text, this.reactions, this.meta);
    this.bubble = el("div", { class: "bubble" }, this.sender(message), this.quotation(message), this.attached, body);
    this.keyboard = el("div", { class: "keyboard", role: "group", "aria-label": "Buttons" });
    const column = el("div", { class: "column" }, el("div", { class: "bubble-line" }, this.bubble, this.actions()), this.keyboard);
    if (this.view.isGroup && !this.own) this.row.append(this.avatar(message));
    this.row.append(column);
  }

  avatar(message) {
    const name = fullName(message.from);
    return el("span", { class: `avatar small tint-${tint(message.from?.id)}`, text: initials(name), "aria-hidden": "true" });
  }

  sender(message) {
    if (!this.view.isGroup || this.own) return null;
    return el("div", { class: `sender ink-${tint(message.from?.id)}`, text: fullName(message.from) });
  }

  quotation(message) {
    const origin = message.reply_to_message;
    // In a forum every message answers the one that opened its topic, which nobody wants to see.
    if (!origin || origin.forum_topic_created) return null;
    const words = message.quote?.text ?? oneLine(origin);
    return el(
      "button",
      {
        type: "button",
        class: `replied ink-${tint(origin.from?.id)}`,
        testid: "reply-quote",
        on: { click: () => this.view.jump(origin.message_id) },
      },
      el("span", { class: "replied-name", text: fullName(origin.from) }),
      el("span", { class: "replied-text", text: words }),
    );
  }

  actions() {
    const does = (name) => () => this.view[name](this.message);
    const props = { class: "action", tabindex: -1 };
    return el(
      "div",
      { class: "actions" },
      iconButton("reply", "Reply (R)", does("reply"), props),
      this.own ? iconButton("edit", "Edit (E)", does("edit"), props) : null,
      iconButton("copy", "Copy text (C)", does("copy"), props),
    );
  }

  /** Show the message as it is now. */
  update(message) {
    this.message = message;
    if (!this.bubble) return;
    showContent(this.text, message, { opened: this.opened, command: this.view.command });
    this.showAttachment(message);
    this.showReactions(message);
    const edits = message.edits ?? 0;
    this.edited.hidden = !(message.edit_date || edits > 0);
    this.edited.title = edits > 1 ? `Edited ${edits} times` : "Edited once";
    this.time.textContent = clockTime(message.date);
    this.time.title = fullTime(message.date);
    this.time.dateTime = new Date((message.date ?? 0) * 1000).toISOString();
    this.bubble.classList.toggle("jumbo", isJumbo(message));
    this.row.setAttribute("aria-label", `${this.own ? "You" : fullName(message.from)}, ${this.time.textContent}`);
    this.showKeyboard();
  }

  showReactions(message) {
    const all = (message.reactions ?? []).map((one) => String(one.emoji ?? "")).filter(Boolean);
    if (this.reactions.textContent === all.join("")) return;
    this.reactions.replaceChildren(...all.map((emoji) => el("span", { class: "reaction", title: "The bot's reaction", text: emoji })));
  }

  showAttachment(message) {
    const fills = FILLING.has(attachment(message)?.kind);
    this.bubble.classList.toggle("filled", fills);
    this.bubble.classList.toggle("bare", fills && !message.caption);
    const key = mediaKey(message);
    if ((this.attached.dataset.key ?? "") === key) return;
    this.attached.dataset.key = key;
    this.attached.replaceChildren(...[mediaOf(message)].filter(Boolean));
  }

  /** Show the inline keyboard; only the spinners change while the buttons stay the same. */
  showKeyboard() {
    const rows = this.message.reply_markup?.inline_keyboard ?? [];
    const now = JSON.stringify(rows);
    if (now !== this.buttons) {
      this.buttons = now;
      this.keyboard.replaceChildren(...rows.map((row, at) => this.keyboardRow(row, at)));
      this.row.classList.toggle("has-keyboard", rows.length > 0);
    }
    for (const button of this.keyboard.querySelectorAll("button")) {
      const { row, column } = button.dataset;
      const waits = this.view.isPressed(this.message.message_id, Number(row), Number(column));
      button.classList.toggle("waiting", waits);
      button.setAttribute("aria-busy", String(waits));
    }
  }

  keyboardRow(buttons, row) {
    return el("div", { class: "keyboard-row" }, ...buttons.map((button, column) => this.keyboardButton(button, row, column)));
  }

  keyboardButton(button, row, column) {
    const label = el("span", { class: "keyboard-label", text: button.text });
    const style = STYLES.has(button.style) ? ` ${button.style}` : "";
    const props = { class: `keyboard-button${style}`, testid: "keyboard-button" };
    const href = button.url && hrefOf({ kind: "text_link", url: button.url });
    if (href) {
      const link = { ...props, href, target: "_blank", rel: "noopener noreferrer", title: href };
      return el("a", link, label, icon("link"));
    }
    const press = () => this.view.press(this.message, row, column, button);
    const element = el("button", { ...props, type: "button", on: { click: press } }, label);
    element.append(el("span", { class: "spinner", "aria-hidden": "true" }));
    if (button.url) element.disabled = true;
    element.dataset.row = row;
    element.dataset.column = column;
    return element;
  }
}

/** The passing bubble of a message the bot is still writing (`sendMessageDraft`). */
export class DraftBubble {
  constructor(stop) {
    this.opened = new Set();
    this.text = el("div", { class: "text" });
    const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
    const body = el("div", { class: "body" }, this.text, el("span", { class: "meta" }, dots));
    this.stop = el("button", { type: "button", class: "stop", testid: "draft-stop", on: { click: stop } }, icon("stop"), el("span", { text: "Stop" }));
    this.row = el(
      "div",
      { class: "row theirs last draft", testid: "draft" },
      el("div", { class: "column" }, el("div", { class: "bubble-line" }, el("div", { class: "bubble" }, body)), this.stop),
    );
  }

  update(draft) {
    const thinks = !draft.text && !draft.rich_message;
    this.row.classList.toggle("thinks", thinks);
    this.stop.hidden = !draft.can_stop;
    const shown = thinks ? { text: "Thinking" } : draft;
    showContent(this.text, shown, { opened: this.opened, command: () => {} });
  }
}

/** A text, a caption or a rich message inside `parent`. */
function showContent(parent, message, context) {
  const isRich = Boolean(message.rich_message);
  if (parent.classList.contains("rich") !== isRich) {
    parent.replaceChildren();
    parent.classList.toggle("rich", isRich);
    parent.removeAttribute("dir");
    delete parent.dataset.rich;
  }
  if (isRich) showRich(parent, message.rich_message, context);
  else showText(parent, message.text ?? message.caption ?? "", message.entities ?? message.caption_entities, context);
}
