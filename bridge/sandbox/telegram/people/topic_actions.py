"""What tests and the page let people do with topics."""

from __future__ import annotations

from bridge.sandbox.telegram.inspection import Place, chat_id_of
from bridge.sandbox.telegram.people import topics
from bridge.sandbox.telegram.people.actors import Person
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Chat, World


class TopicActions:
    """What people do with topics. `by` is the group's creator, or the person, unless somebody is named."""

    world: World
    updates: UpdateQueue

    def add_topic(self, chat: Place, name: str, by: Person | None = None) -> int:
        """Return a topic in a forum, or in a private chat, whose bot then has topics; the thread's id.

        The bot gets the service message.
        """
        found, person = self._acts_in(chat, by)
        return topics.add_topic(self.world, self.updates, found, name, person).id

    def rename_topic(
        self, chat: Place, thread_id: int, name: str, by: Person | None = None
    ) -> None:
        """Let somebody give a topic another name."""
        found, person = self._acts_in(chat, by)
        topics.rename_topic(self.world, self.updates, found, thread_id, person, name=name)

    def close_topic(self, group: Place, thread_id: int, closed: bool = True) -> None:
        """Close a topic to all but administrators, `TOPIC_CLOSED` for others; or open it again."""
        found, person = self._acts_in(group, None)
        topics.close_topic(self.world, self.updates, found, thread_id, person, closed=closed)

    def delete_topic(self, chat: Place, thread_id: int) -> None:
        """Delete a topic and all its messages; the bot is not told."""
        topics.delete_topic(self.world, self.world.chat(chat_id_of(chat)), thread_id)

    def topics(self, chat: Place) -> dict[int, str]:
        """Return the names of a chat's topics."""
        return {one.id: one.name for one in self.world.chat(chat_id_of(chat)).topics.values()}

    def _acts_in(self, place: Place, by: Person | None) -> tuple[Chat, Person]:
        chat = self.world.chat(chat_id_of(place))
        return chat, self.world.person(chat.creator_id or chat.id) if by is None else by
