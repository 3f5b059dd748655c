/** Ties the page together: what the emulator says goes to the columns, what is pressed goes back. */

import * as api from "/api.js";
import { Activity } from "/activity.js";
import { askGroup, askPerson, askTopic } from "/ask.js";
import { emptyChat, realCard } from "/cards.js";
import { ChatBar, doing } from "/chatbar.js";
import { Composer } from "/composer.js";
import { copyText, iconButton, kept } from "/dom.js";
import { said } from "/format.js";
import { Inspector } from "/inspector.js";
import { Chats, People } from "/people.js";
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
    const group = iconButton("group", "New group", () => this.askGroup(), { "data-testid": "add-group" });
    byId("left-tools").append(group, themeToggle());
    this.fitInspector();
  }

  start() {
    addEventListener("hashchange", () => this.route());
    addEventListener("keydown", (event) => this.key(event));
    byId("log").addEventListener("click", (event) => this.follow(event));
    document.addEventListener("visibilitychange", () => this.showLists());
    phone.addEventListener("change", () => this.route());
    roomy.addEventListener("change", () => this.fitInspector());
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
      rank: (standing) => this.tried(api.setBot({ ...this.place(), standing })).catch(() => {}),
      invite: (inside) => this.tried(api.setBot({ ...this.place(), inside })).catch(() => {}),
      topic: () => this.askTopic(),
      deleteTopic: () => this.tried(api.deleteTopic(this.place())).catch(() => {}),
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
        if (await copyText(said(message) ?? "")) toast("Copied to clipboard");
      },
      command: (text) => this.send(text).catch(() => {}),
      press: (message, row, column, button) => this.press(message, row, column, button),
      jump: (messageId) => this.timeline.jump(messageId),
      stop: () => this.tried(api.stop(this.place())).catch(() => {}),
    };
  }

  composerActions() {
    return {
      send: (text, replyTo) => this.send(text, replyTo),
      upload: (files, way, caption, replyTo) => this.upload(files, way, caption, replyTo),
      complain,
      edit: (messageId, text) => this.tried(api.edit({ ...this.place(), message_id: messageId, text })),
      lastOwn: () => worlds.lastOwn(this.world, this.chatId, this.personId),
      unblock: () => this.setBlocked(false),
      write: (personId) => this.go(personId, this.chatId),
    };
  }

  place() {
    const chat = worlds.chatOf(this.world, this.chatId);
    const where = { person_id: this.personId, chat_id: chat?.chat_id ?? this.chatId };
    return chat?.thread_id ? { ...where, thread_id: chat.thread_id } : where;
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
    const { thread_id: threadId } = await this.tried(api.send(body));
    // What is written outside of the topics of a private chat opens one.
    if (threadId && !body.thread_id && body.chat_id === this.personId) this.go(this.personId, worlds.placeId(body.chat_id, threadId));
  }

  /** A link to the bot is opened here, as in Telegram: it starts the bot, or adds it to a new group. */
  follow(event) {
    const address = event.target.closest?.("a[href]")?.href ?? "";
    const link = /^https:\/\/t\.me\/(\w+)\?start(group)?=/u.exec(address);
    if (!link || link[1].toLowerCase() !== this.world.bot?.username?.toLowerCase()) return;
    event.preventDefault();
    const open = async (where) => {
      const { chat_id: chatId, thread_id: threadId } = await this.tried(api.openLink({ person_id: this.personId, address, ...where }));
      this.go(this.personId, worlds.placeId(chatId, threadId));
    };
    if (link[2]) this.askGroup((group) => open({ chat_id: group.id }));
    else open({}).catch(() => {});
  }

  async upload(files, way, caption, replyTo) {
    const wish = { ...this.place(), as: way, caption };
    if (replyTo) wish.reply_to_message_id = replyTo;
    this.timeline.toBottom();
    await this.tried(api.upload(wish, files));
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
      const person = await api.addPerson(wanted);
      worlds.putPerson(this.world, person);
      this.go(person.id, phone.matches ? null : person.id);
    });
  }

  askGroup(then = (group) => this.go(this.personId, group.id)) {
    askGroup(this.personId, this.world.people, async (wanted) => {
      const group = await api.addGroup({ person_id: this.personId, ...wanted });
      worlds.putChat(this.world, group);
      await then(group);
    });
  }

  askTopic() {
    askTopic(async (name) => {
      const { chat_id: chatId } = this.place();
      const { thread_id: threadId } = await api.addTopic({ ...this.place(), name });
      this.go(this.personId, worlds.placeId(chatId, threadId));
    });
  }

  /** Play another person: on a wide screen with their chat open, or the group that is open now. */
  play(personId) {
    const open = worlds.chatOf(this.world, this.chatId);
    if (open && open.type !== "private" && worlds.isMember(open, personId)) {
      this.go(personId, open.id);
      return;
    }
    const first = worlds.firstOf(worlds.chatsOf(this.world, personId));
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
    const [wantedPerson, wantedChat] = location.hash.replace("#/", "").split("/");
    const person = worlds.personOf(this.world, Number(wantedPerson)) ?? this.world.people[0];
    const mine = person ? worlds.chatsOf(this.world, person.id) : [];
    const chat = mine.find((one) => String(one.id) === wantedChat) ?? (phone.matches ? null : worlds.firstOf(mine)) ?? null;
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
      const isPrivate = chat.type === "private";
      this.composer.turn(isPrivate ? `${personId}/${chatId}` : String(chatId), {
        writers: isPrivate ? [] : worlds.membersOf(world, chat),
        personId,
        commands: (isPrivate ? person?.commands : person?.group_commands) ?? world.bot?.commands ?? [],
        isGroup: !isPrivate,
        username: world.bot?.username,
        blocked: isPrivate && Boolean(person?.blocked),
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
    for (const draft of state.drafts ?? []) this.activity.write(worlds.placeId(draft.chat_id, draft.thread_id), draft);
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
      chat: () => this.onChat(payload),
      journal: () => this.inspector.add(payload),
    };
    does[kind]?.();
  }

  onMessage(message) {
    const id = worlds.placeOf(message);
    const isNew = worlds.putMessage(this.world, message);
    if (message.from?.is_bot) {
      this.activity.stopAction(id);
      this.activity.endDraft(id);
    }
    if (isNew) this.unread.note(this.world, message);
    if (id === this.chatId) this.timeline.put(message, message.from?.id === this.personId);
    this.showLists();
  }

  onEdited(message) {
    const id = worlds.placeOf(message);
    const kept = worlds.editMessage(this.world, message);
    if (message.from?.is_bot) this.activity.stopAction(id);
    if (id === this.chatId) this.timeline.put(kept, false);
    this.showLists();
  }

  onDeleted({ chat_id: chatId, message_id: messageId }) {
    const id = worlds.dropMessage(this.world, chatId, messageId);
    if (id !== undefined && id === this.chatId) this.timeline.drop(messageId);
    this.showLists();
  }

  onAction({ chat_id: chatId, thread_id: threadId, action }) {
    this.activity.act(worlds.placeId(chatId, threadId), action);
    this.showLists();
  }

  onDraft(draft) {
    const id = worlds.placeId(draft.chat_id, draft.thread_id);
    if (draft.text === null) this.activity.endDraft(id);
    else this.activity.write(id, draft);
    if (id !== this.chatId) return;
    if (draft.text === null) this.timeline.endDraft();
    else this.timeline.draft(draft);
  }

  onCommands({ commands, people }) {
    if (this.world.bot) this.world.bot.commands = commands;
    for (const person of this.world.people) Object.assign(person, people[person.id]);
    this.showLists();
  }

  onChat(chat) {
    worlds.putChat(this.world, chat);
    this.route();
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

  /** Where there is room it stands beside the chat; elsewhere it would cover it, and is opened on demand. */
  fitInspector() {
    if (!this.app.classList.contains("real")) this.setInspector(roomy.matches && kept("inspector") !== "closed", false);
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
