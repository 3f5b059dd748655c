/** Where one writes: text, answers to messages, edits, commands. */

import { CommandsMenu } from "/commands.js";
import { Microphone } from "/microphone.js";
import { Tray } from "/tray.js";
import { el, icon, iconButton } from "/dom.js";
import { fullName, initials, oneLine, said, tint } from "/format.js";

const TALLEST = 240;

export class Composer {
  /** `does`: `send(text, replyTo)`, `upload(files, way, caption, replyTo)`, `edit(messageId, text)`, `complain(error)`, `lastOwn()`, `unblock()`, `write(personId)`; the first three may reject. */
  constructor(root, does) {
    this.root = root;
    this.does = does;
    this.written = new Map();
    this.mode = { kind: "new" };
    this.input = el("textarea", { rows: 1, class: "input", placeholder: "Message", "aria-label": "Message", testid: "composer", enterkeyhint: "send", autocomplete: "off" });
    this.menu = new CommandsMenu(this.input, (command, key) => this.command(command, key));
    this.about = el("div", { class: "about", hidden: true });
    this.slash = iconButton("slash", "Commands", () => this.openMenu(), { class: "icon-button slash" });
    this.submit = el("button", { type: "submit", class: "send", "aria-label": "Send", title: "Send", testid: "send" }, icon("send"), icon("done"));
    this.writers = el("select", { "aria-label": "Who writes", testid: "writer", on: { change: () => this.does.write(Number(this.writers.value)) } });
    this.face = el("span", { class: "avatar small", "aria-hidden": "true" });
    this.writer = el("span", { class: "writer", hidden: true }, this.face, this.writers);
    this.tray = new Tray(root.closest("main"), this.input, () => this.fit());
    this.microphone = new Microphone({ send: (voice) => this.deliverVoice(voice), complain: does.complain });
    const line = el("div", { class: "line" }, this.writer, this.slash, this.input, this.tray.picker, this.tray.button, this.microphone.button);
    const box = el("div", { class: "box" }, this.about, this.microphone.root, this.tray.root, line);
    this.form = el("form", { class: "composer", novalidate: true }, this.menu.list, box, this.submit);
    this.unblock = el("button", { type: "button", class: "unblock", text: "Unblock and restart", hidden: true });
    this.unblock.addEventListener("click", () => this.does.unblock());
    root.append(this.form, this.unblock);
    this.listen();
  }

  listen() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.deliver();
    });
    this.input.addEventListener("input", () => {
      this.fit();
      this.menu.refresh(this.mode.kind === "edit" ? "" : this.input.value);
    });
    this.input.addEventListener("blur", () => this.menu.close());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.slash.addEventListener("mousedown", (event) => event.preventDefault());
  }

  /** Turn to another chat; what was written in the one before is kept for later. */
  turn(key, { commands, isGroup, username, blocked, writers, personId }) {
    this.showWriters(writers, personId);
    this.menu.all = commands;
    this.suffix = isGroup && username ? `@${username}` : "";
    this.slash.hidden = commands.length === 0;
    this.form.hidden = blocked;
    this.unblock.hidden = !blocked;
    if (key === this.chat) return;
    if (this.chat && this.mode.kind !== "edit") this.written.set(this.chat, this.input.value);
    this.chat = key;
    this.tray.clear();
    this.microphone.cancel();
    this.setMode({ kind: "new" });
    this.setText(this.written.get(key) ?? "");
    this.menu.close();
  }

  /** In a group, who of the people one plays writes; what was written so far stays. */
  showWriters(writers, personId) {
    const now = JSON.stringify(writers.map((person) => [person.id, fullName(person)]));
    this.writer.hidden = writers.length === 0;
    if (now !== this.writers.dataset.shown) {
      this.writers.dataset.shown = now;
      this.writers.replaceChildren(...writers.map((person) => el("option", { value: person.id, text: fullName(person) })));
    }
    const person = writers.find((one) => one.id === personId);
    if (!person) return;
    if (this.mode.kind === "edit" && this.mode.message.from?.id !== personId) this.cancel();
    this.writers.value = String(personId);
    this.writers.title = `${fullName(person)} writes`;
    this.face.className = `avatar small tint-${tint(personId)}`;
    this.face.textContent = initials(fullName(person));
  }

  focus() {
    this.input.focus();
  }

  setText(text) {
    this.input.value = text;
    this.fit();
  }

  /** As tall as its text, up to a limit. */
  fit() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, TALLEST)}px`;
    this.submit.classList.toggle("ready", this.input.value.trim() !== "" || !this.tray.empty);
  }

  reply(message) {
    if (this.mode.kind === "edit") this.setText("");
    this.setMode({ kind: "reply", message });
    this.focus();
  }

  edit(message) {
    this.setMode({ kind: "edit", message });
    this.setText(said(message) ?? "");
    this.menu.close();
    this.focus();
    this.input.setSelectionRange(this.input.value.length, this.input.value.length);
  }

  setMode(mode) {
    this.mode = mode;
    this.tray.button.disabled = mode.kind === "edit";
    this.form.classList.toggle("editing", mode.kind === "edit");
    this.submit.setAttribute("aria-label", mode.kind === "edit" ? "Save" : "Send");
    this.about.hidden = mode.kind === "new";
    if (mode.kind === "new") return;
    const name = mode.kind === "edit" ? "Edit message" : `Reply to ${fullName(mode.message.from)}`;
    this.about.replaceChildren(
      icon(mode.kind),
      el("div", { class: "about-words" }, el("b", { text: name }), el("span", { text: oneLine(mode.message) })),
      iconButton("close", "Cancel (Esc)", () => this.cancel()),
    );
  }

  cancel() {
    if (this.mode.kind === "edit") this.setText("");
    this.setMode({ kind: "new" });
    this.focus();
  }

  openMenu() {
    this.focus();
    this.menu.toggle();
  }

  command(command, key) {
    if (key === "Tab") this.setText(`/${command}${this.suffix} `);
    else this.deliver(`/${command}${this.suffix}`);
    this.focus();
  }

  key(event) {
    // While an input method composes, Enter and the arrows belong to it.
    if (event.isComposing || event.keyCode === 229) return;
    if (this.menu.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.deliver();
    } else if (event.key === "Escape" && this.mode.kind !== "new") {
      event.preventDefault();
      this.cancel();
    } else if (event.key === "ArrowUp" && !this.input.value && this.mode.kind === "new") {
      const last = this.does.lastOwn();
      if (last) {
        event.preventDefault();
        this.edit(last);
      }
    }
  }

  /** Send or save; a text that was refused comes back unless something new was written. */
  async deliver(text = this.input.value) {
    const { mode } = this;
    if (!this.tray.empty && mode.kind !== "edit") return this.deliverFiles(text);
    if (!text.trim()) return;
    const chat = this.chat;
    this.setText("");
    this.menu.close();
    this.setMode({ kind: "new" });
    try {
      if (mode.kind === "edit") await this.does.edit(mode.message.message_id, text);
      else await this.does.send(text, mode.message?.message_id);
    } catch {
      if (this.chat !== chat || this.input.value) return;
      this.setMode(mode);
      this.setText(text);
    }
  }

  /** Send the waiting files with the text under them; what was refused comes back. */
  async deliverFiles(caption) {
    const { mode, chat } = this;
    const { files, way } = this.tray.take();
    this.setText("");
    this.setMode({ kind: "new" });
    try {
      await this.does.upload(files, way, caption.trim(), mode.message?.message_id);
    } catch {
      if (this.chat !== chat || !this.tray.empty || this.input.value) return;
      this.tray.add(files);
      this.setMode(mode);
      this.setText(caption);
    }
  }

  async deliverVoice(voice) {
    const answers = this.mode.message?.message_id;
    if (this.mode.kind === "reply") this.setMode({ kind: "new" });
    // Why it was refused is shown already; what was said cannot be put back into the microphone.
    await this.does.upload([new File([voice], "voice.ogg", { type: voice.type })], "voice", "", answers).catch(() => {});
  }
}
