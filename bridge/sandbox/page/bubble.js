/** One message: its bubble, the buttons under it and what can be done with it. */

import { el, icon, iconButton } from "/dom.js";
import { attachment, clockTime, fullName, fullTime, initials, isJumbo, oneLine, serviceText, tint } from "/format.js";
import { hrefOf } from "/entities.js";
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
    if (service && !message.text) {
      this.row.classList.add("service");
      this.row.append(el("span", { class: "pill", text: service }));
      return;
    }
    this.text = el("div", { class: "text", testid: "message-text" });
    this.edited = el("span", { class: "edited", text: "edited" });
    this.time = el("time", {});
    this.meta = el("span", { class: "meta" }, this.edited, this.time, this.own ? icon("check") : null);
    this.attached = el("div", { class: "attached" });
    const body = el("div", { class: "body" }, this.text, this.meta);
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
    if (!origin) return null;
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
    const context = { opened: this.opened, command: this.view.command };
    showText(this.text, message.text ?? message.caption ?? "", message.entities ?? message.caption_entities, context);
    this.showAttachment(message);
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

  showAttachment(message) {
    const what = attachment(message);
    const before = this.attached.dataset.label;
    if (before === (what?.label ?? "")) return;
    this.attached.dataset.label = what?.label ?? "";
    this.attached.replaceChildren();
    if (!what) return;
    this.attached.append(
      el("span", { class: "file-mark" }, icon("file")),
      el("span", { class: "file-name", text: what.label }),
    );
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
  constructor(isGroup) {
    this.opened = new Set();
    this.text = el("div", { class: "text" });
    const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
    const body = el("div", { class: "body" }, this.text, el("span", { class: "meta" }, dots));
    this.row = el(
      "div",
      { class: `row theirs last draft${isGroup ? " in-group" : ""}`, testid: "draft" },
      el("div", { class: "column" }, el("div", { class: "bubble-line" }, el("div", { class: "bubble" }, body))),
    );
  }

  update({ text, entities }) {
    showText(this.text, text || "Thinking", text ? entities : [], { opened: this.opened, command: () => {} });
  }
}
