/** Ties the page together: what the emulator says goes to the columns, what is pressed goes back. */

import * as api from "/api.js";
import { Activity } from "/activity.js";
import { emptyChat, realCard } from "/cards.js";
import { ChatBar, doing } from "/chatbar.js";
import { Composer } from "/composer.js";
import { copyText, kept } from "/dom.js";
import { Inspector } from "/inspector.js";
import { Chats, People, askPerson } from "/people.js";
import { Presses } from "/presses.js";
import { themeToggle } from "/theme.js";
import { Timeline } from "/timeline.js";
import { alertBox, complain, toast } from "/toast.js";
import { Unread } from "/unread.js";
import * as worlds from "/world.js";

const phone = matchMedia("(max-width: 759.98px)");
const roomy = matchMedia("(min-width: 1120px)");
const byId = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.app = byId("app");
    this.world = worlds.emptyWorld();
    this.personId = null;
    this.chatId = null;
    this.unread = new Unread();
    this.activity = new Activity({
      actionEnded: () => this.showLists(),
      draftEnded: (chatId) => chatId === this.chatId && this.timeline.endDraft(),
    });
    this.presses = new Presses((messageId) => this.timeline.refreshButtons(messageId));
    this.people = new People(byId("people"), { pick: (id) => this.play(id), add: () => this.askPerson() });
    this.chats = new Chats(byId("chats"), (id) => this.go(this.personId, id));
    this.bar = new ChatBar(byId("chat-bar"), this.barActions());
    this.timeline = new Timeline(byId("log"), byId("dock").parentElement, this.bubbleActions());
    this.composer = new Composer(byId("dock"), this.composerActions());
    this.inspector = new Inspector(byId("inspector"), () => this.setInspector(false));
    byId("left-tools").append(themeToggle());
    const wanted = kept("inspector");
    this.setInspector(roomy.matches && wanted !== "closed", false);
  }

  start() {
    addEventListener("hashchange", () => this.route());
    addEventListener("keydown", (event) => this.key(event));
    document.addEventListener("visibilitychange", () => this.showLists());
    phone.addEventListener("change", () => this.route());
    api.follow({
      onState: (state) => this.onState(state),
      onEvent: (kind, payload) => this.onEvent(kind, payload),
      onLost: () => {
        byId("lost").hidden = false;
      },
    });
  }

  barActions() {
    return {
      back: () => this.go(this.personId, null),
      inspect: () => this.setInspector(this.app.dataset.inspector !== "open"),
      block: (blocked) => this.setBlocked(blocked),
    };
  }

  bubbleActions() {
    const page = this;
    return {
      get me() {
        return page.personId;
      },
      get isGroup() {
        return worlds.chatOf(page.world, page.chatId)?.type !== "private";
      },
      isPressed: (messageId, row, column) => this.presses.waits(this.chatId, messageId, row, column),
      reply: (message) => this.composer.reply(message),
      edit: (message) => this.composer.edit(message),
      copy: async (message) => {
        if (await copyText(message.text ?? message.caption ?? "")) toast("Copied to clipboard");
      },
      command: (text) => this.send(text).catch(() => {}),
      press: (message, row, column, button) => this.press(message, row, column, button),
      jump: (messageId) => this.timeline.jump(messageId),
    };
  }

  composerActions() {
    return {
      send: (text, replyTo) => this.send(text, replyTo),
      edit: (messageId, text) => this.tried(api.edit({ ...this.place(), message_id: messageId, text })),
      lastOwn: () => worlds.lastOwn(this.world, this.chatId, this.personId),
      unblock: () => this.setBlocked(false),
    };
  }

  place() {
    return { person_id: this.personId, chat_id: this.chatId };
  }

  /** Show why the emulator refused, and pass the refusal on. */
  async tried(answer) {
    try {
      return await answer;
    } catch (error) {
      complain(error);
      throw error;
    }
  }

  async send(text, replyTo) {
    const body = { ...this.place(), text };
    if (replyTo) body.reply_to_message_id = replyTo;
    this.timeline.toBottom();
    await this.tried(api.send(body));
  }

  async setBlocked(blocked) {
    await this.tried(api.block({ person_id: this.personId, blocked })).catch(() => {});
  }

  async press(message, row, column, button) {
    if (button.copy_text) {
      if (await copyText(button.copy_text.text ?? "")) toast("Copied to clipboard");
      return;
    }
    if (button.callback_data === undefined) {
      toast("This kind of button does nothing in the sandbox");
      return;
    }
    const chatId = this.chatId;
    await this.presses.press(chatId, message.message_id, row, column, () =>
      api.press({ ...this.place(), message_id: message.message_id, row, column }),
    );
  }

  askPerson() {
    askPerson(async (wanted) => {
      const { person } = await api.addPerson(wanted);
      worlds.putPerson(this.world, person);
      this.play(person.id);
    });
  }

  /** Play another person: on a wide screen with their chat open. */
  play(personId) {
    const [first] = worlds.chatsOf(this.world, personId);
    this.go(personId, phone.matches ? null : (first?.id ?? null));
  }

  /** Go to a person's chat, or with null to their list of chats. On a phone, "back" comes back. */
  go(personId, chatId) {
    const address = `#/${personId}${chatId === null ? "" : `/${chatId}`}`;
    if (phone.matches && chatId !== null) {
      location.hash = address;
      return;
    }
    history.replaceState(null, "", address);
    this.route();
  }

  /** Show what the address says, as far as it exists. */
  route() {
    if (worlds.isReal(this.world)) return;
    const [wantedPerson, wantedChat] = location.hash.replace("#/", "").split("/").map(Number);
    const person = worlds.personOf(this.world, wantedPerson) ?? this.world.people[0];
    const mine = person ? worlds.chatsOf(this.world, person.id) : [];
    const chat = mine.find((one) => one.id === wantedChat) ?? (phone.matches ? null : mine[0]) ?? null;
    const same = person?.id === this.personId && (chat?.id ?? null) === this.chatId;
    this.personId = person?.id ?? null;
    this.chatId = chat?.id ?? null;
    this.app.dataset.view = chat ? "chat" : "list";
    if (!same) this.showChat();
    this.showLists();
  }

  /** Show the open chat from its newest message, or `again` from where the reader was. */
  showChat({ again = false } = {}) {
    const chat = worlds.chatOf(this.world, this.chatId);
    const start = () => this.send("/start").catch(() => {});
    const messages = chat ? worlds.messagesOf(this.world, chat.id) : [];
    this.timeline.show(messages, () => emptyChat(chat, start), again);
    const draft = this.activity.draftIn(this.chatId);
    if (draft) this.timeline.draft(draft);
    byId("dock").hidden = !chat;
    this.showLists();
    if (chat && !again && !phone.matches) this.composer.focus();
  }

  /** Both columns' lists, the bar and the composer, from what is known now. */
  showLists() {
    const { world, personId, chatId } = this;
    if (chatId !== null && document.visibilityState === "visible") this.unread.read(personId, chatId);
    const unreadOf = (id) => this.unread.of(personId, id);
    const unreadOfPerson = (id) => this.unread.ofPerson(world, id);
    const typingIn = (id) => (this.activity.actionIn(id) ? `${doing(this.activity.actionIn(id))}…` : null);
    this.people.show(world.people, personId, unreadOfPerson);
    this.chats.show(world, personId, chatId, { unreadOf, typingIn });
    const chat = worlds.chatOf(world, chatId);
    const person = worlds.personOf(world, personId);
    this.bar.show(world, chat, person, this.activity.actionIn(chatId));
    if (chat) {
      this.composer.turn(`${personId}/${chatId}`, {
        commands: world.bot?.commands ?? [],
        isGroup: chat.type !== "private",
        username: world.bot?.username,
        blocked: chat.type === "private" && Boolean(person?.blocked),
      });
    }
    const all = world.people.reduce((sum, one) => sum + unreadOfPerson(one.id), 0);
    document.title = `${all ? `(${all}) ` : ""}${world.bot?.first_name ? `${world.bot.first_name} · ` : ""}Sandbox`;
  }

  onState(state) {
    byId("lost").hidden = true;
    document.body.dataset.ready = "";
    this.world = worlds.readState(state);
    const real = worlds.isReal(this.world);
    this.app.classList.toggle("real", real);
    this.inspector.reset(state.journal ?? []);
    if (real) {
      this.setInspector(true, false);
      if (!byId("real")) this.app.prepend(realCard());
      return;
    }
    byId("real")?.remove();
    const open = this.chatId;
    this.route();
    if (this.chatId === open) this.showChat({ again: true });
  }

  onEvent(kind, payload) {
    const does = {
      message: () => this.onMessage(payload),
      edited: () => this.onEdited(payload),
      deleted: () => this.onDeleted(payload),
      action: () => this.onAction(payload),
      draft: () => this.onDraft(payload),
      commands: () => this.onCommands(payload),
      answer: () => this.onAnswer(payload),
      person: () => this.onPerson(payload),
      journal: () => this.inspector.add(payload),
    };
    does[kind]?.();
  }

  onMessage(message) {
    const chatId = message.chat.id;
    const isNew = worlds.putMessage(this.world, message);
    if (message.from?.is_bot) {
      this.activity.stopAction(chatId);
      this.activity.endDraft(chatId);
    }
    if (isNew) this.unread.note(this.world, message);
    if (chatId === this.chatId) this.timeline.put(message, message.from?.id === this.personId);
    this.showLists();
  }

  onEdited(message) {
    const kept = worlds.editMessage(this.world, message);
    if (message.from?.is_bot) this.activity.stopAction(message.chat.id);
    if (message.chat.id === this.chatId) this.timeline.put(kept, false);
    this.showLists();
  }

  onDeleted({ chat_id: chatId, message_id: messageId }) {
    worlds.dropMessage(this.world, chatId, messageId);
    if (chatId === this.chatId) this.timeline.drop(messageId);
    this.showLists();
  }

  onAction({ chat_id: chatId, action }) {
    this.activity.act(chatId, action);
    this.showLists();
  }

  onDraft(draft) {
    this.activity.write(draft.chat_id, draft);
    if (draft.chat_id === this.chatId) this.timeline.draft(draft);
  }

  onCommands(commands) {
    if (this.world.bot) this.world.bot.commands = commands;
    this.showLists();
  }

  onAnswer({ query_id: queryId, text, show_alert: showAlert }) {
    if (!this.presses.answered(queryId) || !text) return;
    if (showAlert) alertBox(this.world.bot?.first_name ?? "Bot", text);
    else toast(text);
  }

  onPerson(person) {
    worlds.putPerson(this.world, person);
    this.route();
  }

  setInspector(open, remember = true) {
    this.app.dataset.inspector = open ? "open" : "closed";
    this.bar.inspecting(open);
    if (remember && roomy.matches) kept("inspector", open ? "open" : "closed");
  }

  key(event) {
    const digit = event.altKey && /^Digit([1-9])$/u.exec(event.code)?.[1];
    if (digit) {
      const person = this.world.people[Number(digit) - 1];
      if (!person) return;
      event.preventDefault();
      this.play(person.id);
    } else if (event.key === "Escape" && !roomy.matches && !event.defaultPrevented && this.app.dataset.inspector === "open") {
      this.setInspector(false);
    }
  }
}

new Page().start();
