/** The bar over a chat: who it is with, what they are doing, and what one may do about it. */

import { attribute, el, iconButton } from "/dom.js";
import { initials, tint } from "/format.js";
import { titleOf } from "/world.js";

const DOING = {
  typing: "typing",
  upload_photo: "sending a photo",
  upload_video: "sending a video",
  upload_voice: "recording a voice message",
  record_voice: "recording a voice message",
  record_video: "recording a video",
  record_video_note: "recording a video message",
  upload_video_note: "sending a video message",
  upload_document: "sending a file",
  choose_sticker: "choosing a sticker",
  find_location: "choosing a place",
};

/** What an action looks like in words. */
export const doing = (action) => DOING[action] ?? "typing";

export class ChatBar {
  /** `does`: `back()`, `inspect()`, `block(blocked)`, `invite(inside)`, `rank(standing)`, `topic()`,
   *  `deleteTopic()`. */
  constructor(root, does) {
    this.back = iconButton("back", "Back to the chats", does.back, { class: "icon-button back" });
    this.avatar = el("span", { class: "avatar", "aria-hidden": "true" });
    this.title = el("h2", { class: "bar-title" });
    this.status = el("p", { class: "bar-status", "aria-live": "off" });
    this.block = iconButton("block", "Stop and block the bot", () => does.block(!this.blocked), { class: "icon-button", hidden: true });
    this.door = iconButton("door", "Remove the bot from the group", () => does.invite(!this.inside), { class: "icon-button", hidden: true, "data-testid": "door" });
    this.star = iconButton("star", "", () => does.rank(this.standing === "administrator" ? "member" : "administrator"), { class: "icon-button", hidden: true, "data-testid": "promote" });
    this.mute = iconButton("mute", "", () => does.rank(this.standing === "restricted" ? "member" : "restricted"), { class: "icon-button", hidden: true, "data-testid": "mute" });
    this.topic = iconButton("topic", "New topic", does.topic, { class: "icon-button", hidden: true, "data-testid": "add-topic" });
    this.bin = iconButton("bin", "Delete this topic", does.deleteTopic, { class: "icon-button", hidden: true, "data-testid": "delete-topic" });
    this.inspect = iconButton("inspect", "Inspector", does.inspect, { class: "icon-button", "aria-controls": "inspector", "data-testid": "inspector-toggle" });
    this.tools = el("div", { class: "bar-tools", id: "bar-tools" }, this.topic, this.bin, this.star, this.mute, this.door, this.block);
    // Where there is no room for all of them, they are behind one.
    this.more = iconButton("more", "More", () => this.unfold(!this.unfolded), { class: "icon-button more", "aria-controls": "bar-tools", "aria-expanded": "false", "data-testid": "more" });
    this.tools.addEventListener("click", () => this.unfold(false));
    root.append(
      this.back,
      this.avatar,
      el("div", { class: "bar-words" }, this.title, this.status),
      el("span", { class: "grow" }),
      this.tools,
      this.more,
      this.inspect,
    );
    document.addEventListener("click", ({ target }) => {
      if (this.unfolded && !root.contains(target)) this.unfold(false);
    });
    document.addEventListener("keydown", ({ key }) => {
      if (key === "Escape" && this.unfolded) this.unfold(false);
    });
  }

  get unfolded() {
    return this.tools.classList.contains("unfolded");
  }

  unfold(open) {
    this.tools.classList.toggle("unfolded", open);
    this.more.setAttribute("aria-expanded", String(open));
  }

  show(world, chat, person, action) {
    const title = chat ? titleOf(world, chat) : "";
    const isPrivate = chat?.type === "private";
    this.avatar.className = `avatar tint-${tint(isPrivate ? world.bot?.id : chat?.id)}`;
    this.avatar.hidden = !chat;
    this.avatar.textContent = initials(title);
    this.title.textContent = chat?.topic ? `${title} · ${chat.topic}` : title;
    this.blocked = Boolean(person?.blocked);
    this.block.hidden = !isPrivate;
    attribute(this.block, "aria-pressed", String(this.blocked));
    const label = this.blocked ? "Unblock the bot" : "Stop and block the bot";
    this.block.title = label;
    this.block.setAttribute("aria-label", label);
    this.showGroup(chat);
    this.more.hidden = [...this.tools.children].every((tool) => tool.hidden);
    this.showStatus(world, chat, action);
  }

  showGroup(chat) {
    const isGroup = Boolean(chat) && chat.type !== "private";
    this.inside = chat?.has_bot !== false;
    this.topic.hidden = !chat || (isGroup && !chat.is_forum);
    this.bin.hidden = !chat?.thread_id;
    this.door.hidden = !isGroup;
    attribute(this.door, "aria-pressed", String(!this.inside));
    name(this.door, this.inside ? "Remove the bot from the group" : "Add the bot to the group");
    this.standing = chat?.standing ?? "member";
    for (const [button, pressed, on, off] of [
      [this.star, "administrator", "Make the bot an administrator: it gets every message", "Take the bot's rights away"],
      [this.mute, "restricted", "Forbid the bot to write", "Let the bot write again"],
    ]) {
      button.hidden = !isGroup || !this.inside;
      attribute(button, "aria-pressed", String(this.standing === pressed));
      name(button, this.standing === pressed ? off : on);
    }
  }

  showStatus(world, chat, action) {
    if (action) {
      if (this.status.querySelector(".typing")?.dataset.action === action) return;
      const dots = el("span", { class: "dots", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
      const typing = el("span", { class: "typing", testid: "typing", text: doing(action) }, dots);
      typing.dataset.action = action;
      this.status.replaceChildren(typing);
      return;
    }
    if (!chat) this.status.textContent = "";
    else if (chat.type === "private") this.status.textContent = world.bot?.username ? `bot · @${world.bot.username}` : "bot";
    else this.status.textContent = `${members(chat.members?.length ?? 0)}${standing(chat)}`;
  }

  inspecting(open) {
    this.inspect.setAttribute("aria-expanded", String(open));
    this.inspect.classList.toggle("on", open);
  }
}

const STANDINGS = { administrator: " · the bot is administrator", restricted: " · the bot is muted" };
const standing = (chat) => (chat.has_bot === false ? " · the bot is not here" : (STANDINGS[chat.standing] ?? ""));

function name(button, label) {
  button.title = label;
  button.setAttribute("aria-label", label);
}

const members = (count) => (count === 1 ? "1 member" : `${count} members`);
