/** What the emulator has told us: bot, people, chats and messages. No document here. */

/** A world nobody has told us about yet. */
export const emptyWorld = () => ({ bot: null, people: [], chats: [], messages: new Map() });

/** The world as `GET /sandbox/state` describes it. */
export function readState(state) {
  const world = emptyWorld();
  world.bot = state.bot ?? null;
  world.people = state.people ?? [];
  world.chats = (state.chats ?? []).map((chat) => ({ ...chat }));
  for (const [chatId, messages] of Object.entries(state.messages ?? {})) {
    world.messages.set(Number(chatId), [...messages].sort(byNumber));
  }
  for (const person of world.people) ensurePrivate(world, person);
  return world;
}

const byNumber = (a, b) => a.message_id - b.message_id;

function ensurePrivate(world, person) {
  if (world.chats.some((chat) => chat.id === person.id)) return;
  world.chats.push({ id: person.id, type: "private", members: [person.id] });
}

/** Is there anybody to play? Without, Telegram itself is the real one. */
export const isReal = (world) => !world.bot;

export const personOf = (world, id) => world.people.find((person) => person.id === id) ?? null;
export const chatOf = (world, id) => world.chats.find((chat) => chat.id === id) ?? null;
export const messagesOf = (world, chatId) => world.messages.get(chatId) ?? [];
export const lastOf = (world, chatId) => messagesOf(world, chatId).at(-1) ?? null;

/** The chats one person sees, the newest first. */
export function chatsOf(world, personId) {
  const mine = world.chats.filter((chat) => isMember(chat, personId));
  const newest = (chat) => lastOf(world, chat.id)?.date ?? 0;
  return mine.sort((a, b) => newest(b) - newest(a));
}

/** Does this person see this chat? A private chat has its person's id. */
export function isMember(chat, personId) {
  return chat.type === "private" ? chat.id === personId : (chat.members ?? []).includes(personId);
}

/** What a chat is called: a private one, as its person sees it, is the bot. */
export function titleOf(world, chat) {
  if (chat.type === "private") return world.bot?.first_name ?? "Bot";
  return chat.title || "Group";
}

/** Add a message, or replace the one with its number. Returns whether it is new. */
export function putMessage(world, message) {
  const chatId = message.chat.id;
  if (!chatOf(world, chatId)) {
    const { id, type, title } = message.chat;
    world.chats.push({ id, type, title, members: message.from ? [message.from.id] : [] });
  }
  const all = messagesOf(world, chatId);
  const at = all.findIndex((one) => one.message_id === message.message_id);
  if (at >= 0) {
    all[at] = { edits: all[at].edits, ...message };
    return false;
  }
  all.push(message);
  all.sort(byNumber);
  world.messages.set(chatId, all);
  return true;
}

/** Replace an edited message. Returns it as it is kept, with its count of edits. */
export function editMessage(world, message) {
  const before = messagesOf(world, message.chat.id).find((one) => one.message_id === message.message_id);
  const kept = { ...message, edits: message.edits ?? (before?.edits ?? 0) + 1 };
  putMessage(world, kept);
  return kept;
}

/** Forget one message. */
export function dropMessage(world, chatId, messageId) {
  world.messages.set(
    chatId,
    messagesOf(world, chatId).filter((one) => one.message_id !== messageId),
  );
}

/** Add a person or replace the one with the same id. */
export function putPerson(world, person) {
  const at = world.people.findIndex((one) => one.id === person.id);
  if (at >= 0) world.people[at] = person;
  else world.people.push(person);
  ensurePrivate(world, person);
}

/** The last message a person may edit in a chat: their newest one with a text. */
export function lastOwn(world, chatId, personId) {
  return messagesOf(world, chatId).findLast((one) => one.from?.id === personId && one.text) ?? null;
}
