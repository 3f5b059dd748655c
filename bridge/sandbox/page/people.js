/** The left column: whom one plays, and that person's chats. */

import { attribute, el, icon, keyed, roving } from "/dom.js";
import { fullName, initials, listTime, oneLine, serviceText, tint } from "/format.js";
import { chatsOf, lastOf, titleOf } from "/world.js";

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
        element.classList.toggle("topic-row", chat.thread_id > 0);
        part("chat-title").textContent = chat.thread_id > 0 ? chat.topic : titleOf(world, chat);
        part("chat-mark").textContent = chat.closed ? "closed" : "";
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
    const isTopic = chat.thread_id > 0;
    const id = isTopic ? chat.thread_id : chat.type === "private" ? world.bot?.id : chat.chat_id;
    const props = { class: `avatar ${isTopic ? "small" : "large"} tint-${tint(id)}`, "aria-hidden": "true" };
    const avatar = isTopic ? el("span", props, icon("topic")) : el("span", { ...props, text: initials(title) });
    return el(
      "button",
      { type: "button", class: "chat-row", testid: "chat", on: { click: () => this.open(chat.id) } },
      avatar,
      el(
        "span",
        { class: "chat-lines" },
        el("span", { class: "chat-head" }, el("span", { class: "chat-title" }), el("span", { class: "chat-mark" }), el("span", { class: "chat-time" })),
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
  if (!last?.from || serviceText(last)) return "";
  if (last.from.id === personId) return "You: ";
  return chat.type === "private" ? "" : `${last.from.first_name}: `;
}
