"""What there is to see in the emulator, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from bridge.sandbox.telegram.people.actors import Group, Person
from bridge.sandbox.telegram.rate_limits import RateModel
from bridge.sandbox.telegram.server import BotServer, Call
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Action, Draft, Json, Message, World

Place = Person | Group | int
"""A chat: a private one by its person, a group, or any by its id."""
DUMPED_MESSAGES = 6


class Inspection:
    """Everything that the emulator lets a test look at; nothing here changes anything."""

    world: World
    updates: UpdateQueue
    _rates: RateModel
    _server: BotServer

    def messages(self, chat: Place, thread_id: int | None = None) -> list[Message]:
        """Return both sides' messages in order, reports included, without the deleted ones.

        With a topic's id only those of the topic, with 0 those outside of all topics.
        """
        found = self.world.chat(chat_id_of(chat)).messages.values()
        return [each for each in found if not each.deleted and _within(thread_id, each.thread_id)]

    def everything(self) -> list[Message]:
        """Return both sides' messages of all chats, also deleted ones."""
        chats = self.world.chats.values()
        return [message for chat in chats for message in chat.messages.values()]

    def posts(self, chat: Place, thread_id: int | None = None) -> list[Message]:
        """Return the bot's messages in order, without the deleted ones and what reports its acts."""
        return [
            each for each in self.messages(chat, thread_id) if each.by_bot and each.service is None
        ]

    def content_of(self, message: Message) -> bytes:
        """Return the bytes of a message's file as they were sent. Raises ValueError without a file."""
        if message.attachment is None or not message.attachment.content:
            raise ValueError(f"Message {message.message_id} carries no file.")
        return message.attachment.content

    def actions(self, chat: Place, thread_id: int | None = None) -> list[Action]:
        """Return the bot's chat actions with their names and loop times."""
        actions = self.world.chat(chat_id_of(chat)).actions
        return [each for each in actions if _within(thread_id, each.thread_id)]

    def typing(self, chat: Place, thread_id: int | None = None) -> list[float]:
        """Return the loop times of the chat actions, in seconds."""
        return [each.at_loop_time for each in self.actions(chat, thread_id)]

    def draft(self, chat: Place, thread_id: int = 0) -> Draft | None:
        """Return the draft that shows now, outside of topics or in one."""
        return self.world.chat(chat_id_of(chat)).showing.get(thread_id)

    def drafts(self, chat: Place, thread_id: int | None = None) -> list[Draft]:
        """Return every draft that the bot ever sent in a chat, in order."""
        found = self.world.chat(chat_id_of(chat)).drafts
        return [each for each in found if _within(thread_id, each.thread_id)]

    @property
    def calls(self) -> list[Call]:
        """Every answered Bot API call, getUpdates included."""
        return self._server.calls

    @property
    def calls_during_ban(self) -> int:
        """Calls that came although the client had been told to be silent."""
        return self._rates.calls_during_ban

    @property
    def calls_to_closed_chats(self) -> int:
        """Calls for chats in which the bot is blocked."""
        return self._server.calls_to_closed_chats

    @property
    def commands(self) -> dict[tuple[str, str], list[Json]]:
        """Menus by scope (`default`, `all_private_chats`, `chat:7` …) and language."""
        return self.world.commands

    @property
    def answers(self) -> dict[str, str]:
        """The text of each answered callback query."""
        return self.world.answers

    @property
    def pending(self) -> int:
        """How many updates are not confirmed yet."""
        return self.updates.pending

    @property
    def polling(self) -> bool:
        """Whether a getUpdates call waits now."""
        return self.updates.polling

    async def until(
        self,
        predicate: Callable[[], bool],
        timeout: float = 20.0,  # noqa: ASYNC109  # its message needs the number
        what: str = "",
    ) -> None:
        """Return when the predicate holds; it is asked again at every change here.

        Raises TimeoutError after `timeout` seconds, with `what` and the ends of the chats.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not predicate():
                    await self.world.feed.change()
                return
        raise TimeoutError(f"{what or 'It'} did not come within {timeout:g} s.\n{self._dump()}")

    def _dump(self) -> str:
        lines: list[str] = []
        for chat in self.world.chats.values():
            person = self.world.people.get(chat.id)
            lines.append(f"{chat.title if person is None else person.first_name} ({chat.id}):")
            for message in self.messages(chat.id)[-DUMPED_MESSAGES:]:
                side = "bot" if message.by_bot else self.world.person(message.sender_id).first_name
                edits = len(message.history) - 1
                words = repr(message.text[:200]) if message.service is None else message.service
                carried = "" if message.attachment is None else f" [{message.attachment.kind}]"
                lines.append(f"  {message.message_id} {side} ({edits} edits):{carried} {words}")
        refused = [f"{each.method} {each.description}" for each in self.calls if each.description]
        return "\n".join([*lines, f"refused calls: {refused[-DUMPED_MESSAGES:]}"])


def chat_id_of(chat: Place) -> int:
    """Return the id of a person's private chat, of a group, or the id itself."""
    return chat if isinstance(chat, int) else chat.id


def _within(wanted: int | None, thread_id: int) -> bool:
    return wanted is None or wanted == thread_id
