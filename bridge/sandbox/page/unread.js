/** How many messages each person has not seen in each chat, as far as this page knows. */

import { chatOf, chatsOf, isMember, placeOf } from "/world.js";

export class Unread {
  constructor() {
    this.counts = new Map();
  }

  /** A message came: unread for everybody in its chat but its author. */
  note(world, message) {
    const chat = chatOf(world, placeOf(message));
    for (const person of world.people) {
      if (!isMember(chat, person.id) || message.from?.id === person.id) continue;
      this.counts.set(`${person.id}/${chat.id}`, this.of(person.id, chat.id) + 1);
    }
  }

  read(personId, chatId) {
    this.counts.delete(`${personId}/${chatId}`);
  }

  of(personId, chatId) {
    return this.counts.get(`${personId}/${chatId}`) ?? 0;
  }

  ofPerson(world, personId) {
    return chatsOf(world, personId).reduce((sum, chat) => sum + this.of(personId, chat.id), 0);
  }
}
