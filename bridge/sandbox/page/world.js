/**
 * What the emulator has told us: bot, people, chats and messages. No document here.
 *
 * What is called a chat here is what one opens: a private chat, a group, or one topic. Its `id` is
 * the Bot API's, for a topic followed by `_` and the topic's; `chat_id` and `thread_id` are apart.
 */

/** A world nobody has told us about yet. */
export const emptyWorld = () => ({ bot: null, people: [], chats: [], messages: new Map() });

/** The world as `GET /sandbox/state` describes it. */
export function readState(state) {
  const world = emptyWorld();
  world.bot = state.bot ?? null;
  world.people = state.people ?? [];
  for (const chat of state.chats ?? []) putChat(world, chat);
  for (const person of world.people) ensurePrivate(world, person);
  for (const messages of Object.values(state.messages ?? {})) {
    for (const message of messages) putMessage(world, message);
  }
  return world;
}

const byNumber = (a, b) => a.message_id - b.message_id;

function ensurePrivate(world, person) {
  if (chatOf(world, person.id)) return;
  putChat(world, { id: person.id, type: "private", members: [person.id] });
}

/** The key of a chat or topic. */
export const placeId = (chatId, threadId) => (threadId ? `${chatId}_${threadId}` : chatId);

/** Where a message stands; what looks like a topic in a plain group is only a thread of answers. */
export const placeOf = (message) => placeId(message.chat.id, message.is_topic_message ? message.message_thread_id : 0);

/** Add a chat with its topics, or replace it; topics that are gone go with their messages. */
export function putChat(world, { topics = [], ...chat }) {
  const whole = { ...chat, chat_id: chat.id, thread_id: 0, topic: chat.is_forum ? "General" : null };
  const parts = topics.map((topic) => ({
    ...whole,
    id: placeId(chat.id, topic.id),
    thread_id: topic.id,
    topic: topic.name,
    closed: Boolean(topic.closed),
  }));
  const places = [whole, ...parts];
  for (const old of world.chats.filter((one) => one.chat_id === chat.id)) {
    if (!places.some((one) => one.id === old.id)) world.messages.delete(old.id);
  }
  world.chats = [...world.chats.filter((one) => one.chat_id !== chat.id), ...places];
}

/** Is there anybody to play? Without, Telegram itself is the real one. */
export const isReal = (world) => !world.bot;

export const personOf = (world, id) => world.people.find((person) => person.id === id) ?? null;
export const chatOf = (world, id) => world.chats.find((chat) => chat.id === id) ?? null;
export const messagesOf = (world, id) => world.messages.get(id) ?? [];
export const lastOf = (world, id) => messagesOf(world, id).at(-1) ?? null;

/** The chats one person sees, the newest first; the topics of one chat stay together. */
export function chatsOf(world, personId) {
  const mine = world.chats.filter((chat) => isMember(chat, personId));
  const newest = (chat) => lastOf(world, chat.id)?.date ?? 0;
  const family = new Map();
  for (const chat of mine) family.set(chat.chat_id, Math.max(family.get(chat.chat_id) ?? 0, newest(chat)));
  const order = [...family.keys()];
  return mine.sort(
    (a, b) =>
      family.get(b.chat_id) - family.get(a.chat_id) ||
      order.indexOf(a.chat_id) - order.indexOf(b.chat_id) ||
      Number(a.thread_id > 0) - Number(b.thread_id > 0) ||
      newest(b) - newest(a),
  );
}

/** The chat to begin with: the private one. */
export const firstOf = (chats) => chats.find((chat) => chat.type === "private") ?? chats[0];

/** The people of a chat whom one can play. */
export const membersOf = (world, chat) => world.people.filter((person) => isMember(chat, person.id));

/** Does this person see this chat? A private chat has its person's id. */
export function isMember(chat, personId) {
  return chat.type === "private" ? chat.chat_id === personId : (chat.members ?? []).includes(personId);
}

/** What a chat is called: a private one, as its person sees it, is the bot. */
export function titleOf(world, chat) {
  if (chat.type === "private") return world.bot?.first_name ?? "Bot";
  return chat.title || "Group";
}

/** Add a message, or replace the one with its number. Returns whether it is new. */
export function putMessage(world, message) {
  const id = placeOf(message);
  if (!chatOf(world, id)) {
    const { id: chatId, type, title } = message.chat;
    const members = message.from ? [message.from.id] : [];
    world.chats.push({ id, chat_id: chatId, thread_id: id === chatId ? 0 : message.message_thread_id, type, title, members });
  }
  const all = messagesOf(world, id);
  const at = all.findIndex((one) => one.message_id === message.message_id);
  if (at >= 0) {
    all[at] = { edits: all[at].edits, ...message };
    return false;
  }
  all.push(message);
  all.sort(byNumber);
  world.messages.set(id, all);
  return true;
}

/** Replace an edited message. Returns it as it is kept, with its count of edits. */
export function editMessage(world, message) {
  const before = messagesOf(world, placeOf(message)).find((one) => one.message_id === message.message_id);
  const kept = { ...message, edits: message.edits ?? (before?.edits ?? 0) + 1 };
  putMessage(world, kept);
  return kept;
}

/** Forget one message. Returns the place where it stood, or undefined. */
export function dropMessage(world, chatId, messageId) {
  const isIt = (one) => one.message_id === messageId;
  const place = world.chats.find((chat) => chat.chat_id === chatId && messagesOf(world, chat.id).some(isIt));
  if (place) world.messages.set(place.id, messagesOf(world, place.id).filter((one) => !isIt(one)));
  return place?.id;
}

/** Add a person or replace the one with the same id. */
export function putPerson(world, person) {
  const at = world.people.findIndex((one) => one.id === person.id);
  if (at >= 0) world.people[at] = person;
  else world.people.push(person);
  ensurePrivate(world, person);
}

/** The last message a person may edit in a chat: their newest one with a text. */
export function lastOwn(world, id, personId) {
  return messagesOf(world, id).findLast((one) => one.from?.id === personId && one.text) ?? null;
}
