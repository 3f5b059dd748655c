/** The left column: whom one plays, and that person's chats. */

import { attribute, el, icon, keyed, roving } from "/dom.js";
import { fullName, initials, listTime, oneLine, tint } from "/format.js";
import { chatsOf, lastOf, titleOf } from "/world.js";

const LANGUAGES = ["en", "ru", "zh-hans", "zh-hant", "es", "de", "fr", "pt-br", "ja", "ko", "ar", "fa", "hi", "id", "it", "tr", "uk", "vi"];

/** The row of people; `pick(personId)` and `add()` say what was pressed. */
export class People {
  constructor(root, { pick, add }) {
    this.root = root;
    this.pick = pick;
    this.list = el("div", { class: "people-list", role: "presentation" });
    const plus = el("button", { type: "button", class: "person add", testid: "add-person", "aria-label": "Add person", title: "Add person", on: { click: add } });
    plus.append(el("span", { class: "avatar" }, icon("plus")), el("span", { class: "person-name", text: "Add" }));
    root.append(this.list, plus);
    roving(root, ".person", ["ArrowLeft", "ArrowRight"]);
  }

  show(people, current, unreadOf) {
    keyed(
      this.list,
      people,
      (person) => person.id,
      (person) => this.create(person),
      (element, person, index) => {
        const chosen = person.id === current;
        const unread = chosen ? 0 : unreadOf(person.id);
        const [avatar, name] = element.children;
        attribute(element, "aria-checked", String(chosen));
        element.tabIndex = chosen || (!current && index === 0) ? 0 : -1;
        element.title = `${fullName(person)} · ${person.language_code ?? "no language"}${index < 9 ? ` · Alt+${index + 1}` : ""}`;
        element.setAttribute("aria-label", `${fullName(person)}${unread ? `, ${unread} unread` : ""}`);
        element.classList.toggle("blocked", Boolean(person.blocked));
        avatar.firstChild.textContent = initials(fullName(person));
        avatar.children[0].textContent = (person.language_code ?? "").split("-")[0].toUpperCase();
        avatar.children[0].hidden = !person.language_code;
        avatar.children[1].textContent = String(unread);
        avatar.children[1].hidden = !unread;
        name.textContent = person.first_name;
      },
    );
  }

  create(person) {
    const avatar = el("span", { class: `avatar tint-${tint(person.id)}`, text: " " });
    avatar.append(el("span", { class: "language" }), el("span", { class: "badge" }));
    return el(
      "button",
      { type: "button", class: "person", role: "radio", testid: "person", on: { click: () => this.pick(person.id) } },
      avatar,
      el("span", { class: "person-name" }),
    );
  }
}

/** The chats of the person one plays; `open(chatId)` says which was pressed. */
export class Chats {
  constructor(root, open) {
    this.root = root;
    this.open = open;
    roving(root, ".chat-row", ["ArrowUp", "ArrowDown"]);
  }

  show(world, personId, current, { unreadOf, typingIn }) {
    keyed(
      this.root,
      chatsOf(world, personId),
      (chat) => `${personId}/${chat.id}`,
      (chat) => this.create(world, chat),
      (element, chat) => {
        const last = lastOf(world, chat.id);
        const typing = typingIn(chat.id);
        const unread = unreadOf(chat.id);
        const part = (name) => element.querySelector(`.${name}`);
        attribute(element, "aria-current", chat.id === current ? "true" : null);
        part("chat-title").textContent = titleOf(world, chat);
        part("chat-time").textContent = listTime(last?.date);
        part("chat-from").textContent = typing ? "" : author(chat, last, personId);
        part("chat-words").textContent = typing ?? (last ? oneLine(last) : "No messages yet");
        part("chat-last").classList.toggle("typing-line", Boolean(typing));
        part("badge").textContent = String(unread);
        part("badge").hidden = !unread;
      },
    );
  }

  create(world, chat) {
    const title = titleOf(world, chat);
    const id = chat.type === "private" ? world.bot?.id : chat.id;
    return el(
      "button",
      { type: "button", class: "chat-row", testid: "chat", on: { click: () => this.open(chat.id) } },
      el("span", { class: `avatar large tint-${tint(id)}`, text: initials(title), "aria-hidden": "true" }),
      el(
        "span",
        { class: "chat-lines" },
        el("span", { class: "chat-head" }, el("span", { class: "chat-title" }), el("span", { class: "chat-time" })),
        el(
          "span",
          { class: "chat-foot" },
          el("span", { class: "chat-last" }, el("span", { class: "chat-from" }), el("span", { class: "chat-words" })),
          el("span", { class: "badge" }),
        ),
      ),
    );
  }
}

function author(chat, last, personId) {
  if (!last?.from) return "";
  if (last.from.id === personId) return "You: ";
  return chat.type === "private" ? "" : `${last.from.first_name}: `;
}

/** Ask for a new person's name and language; `add({first_name, language_code})` may reject. */
export function askPerson(add) {
  const name = el("input", { name: "first_name", required: true, maxlength: 64, autocomplete: "off", placeholder: "Ann", testid: "person-name" });
  const language = el("input", { name: "language_code", value: "en", maxlength: 16, list: "languages", autocomplete: "off", spellcheck: "false", testid: "person-language" });
  const wrong = el("p", { class: "wrong", role: "alert", hidden: true });
  const cancel = el("button", { type: "button", class: "text-button quiet", text: "Cancel" });
  const form = el(
    "form",
    {},
    el("h2", { text: "Add person" }),
    el("label", { class: "field" }, el("span", { text: "Name" }), name),
    el("label", { class: "field" }, el("span", { text: "Language" }), language),
    el("datalist", { id: "languages" }, ...LANGUAGES.map((code) => el("option", { value: code, text: languageName(code) }))),
    wrong,
    el("div", { class: "dialog-buttons" }, cancel, el("button", { type: "submit", class: "text-button", text: "Add", testid: "person-add" })),
  );
  const dialog = el("dialog", { class: "dialog", "aria-label": "Add person" }, form);
  cancel.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await add({ first_name: name.value.trim(), language_code: language.value.trim() });
      dialog.close();
    } catch (error) {
      wrong.textContent = error.message;
      wrong.hidden = false;
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  name.focus();
}

function languageName(code) {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}
