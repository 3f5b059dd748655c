/** The menu of the bot's commands over the composer. */

import { el } from "/dom.js";

/** The commands that a text may be the beginning of; an exact match first. Pure. */
export function matching(commands, text) {
  const begun = /^\/([a-z0-9_]*)$/iu.exec(text)?.[1]?.toLowerCase();
  if (begun === undefined) return [];
  const fits = commands.filter(({ command }) => command.toLowerCase().startsWith(begun));
  return fits.sort((a, b) => Number(b.command === begun) - Number(a.command === begun));
}

export class CommandsMenu {
  /** `input` keeps the focus; `choose(command, key)` is told what was picked and with which key. */
  constructor(input, choose) {
    this.input = input;
    this.choose = choose;
    this.all = [];
    this.shown = [];
    this.at = 0;
    this.list = el("div", { class: "commands", id: "commands", role: "listbox", "aria-label": "Commands", testid: "commands-menu", hidden: true });
    input.setAttribute("aria-controls", "commands");
    input.setAttribute("aria-autocomplete", "list");
  }

  get open() {
    return !this.list.hidden;
  }

  /** Show what fits the text, or nothing. */
  refresh(text) {
    this.show(matching(this.all, text));
  }

  /** Show every command, or close. */
  toggle() {
    if (this.open) this.close();
    else this.show(this.all);
  }

  show(commands) {
    this.shown = commands;
    this.at = 0;
    this.list.hidden = commands.length === 0;
    this.list.replaceChildren(...commands.map((command, at) => this.option(command, at)));
    this.mark();
  }

  close() {
    this.show([]);
  }

  option({ command, description }, at) {
    const option = el(
      "div",
      { class: "command", role: "option", id: `command-${at}` },
      el("span", { class: "command-name", text: `/${command}` }),
      el("span", { class: "command-about", text: description }),
    );
    // Pressing the mouse would take the focus from the composer before the click arrives.
    option.addEventListener("mousedown", (event) => event.preventDefault());
    option.addEventListener("click", () => this.pick(at, "click"));
    return option;
  }

  pick(at, key) {
    const picked = this.shown[at];
    this.close();
    if (picked) this.choose(picked.command, key);
  }

  mark() {
    [...this.list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === this.at)));
    const current = this.list.children[this.at];
    current?.scrollIntoView({ block: "nearest" });
    if (current) this.input.setAttribute("aria-activedescendant", current.id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  /** Take a key while open. Returns whether it was used. */
  key(event) {
    if (!this.open) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      this.at = (this.at + step + this.shown.length) % this.shown.length;
      this.mark();
    } else if (event.key === "Enter" || event.key === "Tab") this.pick(this.at, event.key);
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    return true;
  }
}
