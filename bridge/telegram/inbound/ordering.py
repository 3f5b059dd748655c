"""Which updates of a chat wait for which: one person's acts keep their order. Pure but for its tasks.

Settling a question is quick, settling a command or a pressed button may wait for Telegram or Coze.
So nobody's update waits for another person's act; questions and what is overheard keep their order
among themselves, since one is the context of another.
"""

import asyncio
from dataclasses import dataclass, field

from bridge.telegram.updates.route import Route

_Task = asyncio.Task[None]
CROWD = 20
"""With so many updates of a chat on their way, nobody waits for the words of others."""


@dataclass
class _Chat:
    """The tasks of one chat that are not done."""

    last: dict[int, tuple[_Task, bool]] = field(default_factory=dict)
    """Each sender's newest, and whether it is quick."""
    spoken: _Task | None = None
    """The newest quick one of anybody."""
    of_all: _Task | None = None
    going: set[_Task] = field(default_factory=set)


class Ordering:
    """Remembers what is being settled."""

    def __init__(self) -> None:
        self._chats: dict[int, _Chat] = {}

    def before(self, route: Route) -> tuple[frozenset[_Task], bool]:
        """Return the tasks that an update waits for, and whether it is quick once it is its turn."""
        chat = self._chats.get(route.chat_id, _Chat())
        own, quick = chat.last.get(route.sender_id, (None, True))
        quick = quick and not route.act and not route.all
        spoken = chat.spoken if quick and not route.edit and len(chat.going) < CROWD else None
        tasks = {own, chat.of_all, spoken} - {None}
        if route.all:
            tasks |= chat.going
        return frozenset(task for task in tasks if task is not None), quick

    def add(self, route: Route, task: _Task, *, quick: bool) -> None:
        """Note that an update is being settled by a task."""
        chat = self._chats.setdefault(route.chat_id, _Chat())
        chat.going.add(task)
        chat.last[route.sender_id] = (task, quick)
        if quick and not route.edit:
            chat.spoken = task
        if route.all:
            chat.of_all = task

    def remove(self, route: Route, task: _Task) -> None:
        """Remove what is settled."""
        chat = self._chats[route.chat_id]
        chat.going.discard(task)
        if chat.last.get(route.sender_id, (None, True))[0] is task:
            del chat.last[route.sender_id]
        chat.spoken = None if chat.spoken is task else chat.spoken
        chat.of_all = None if chat.of_all is task else chat.of_all
        if not chat.going:
            del self._chats[route.chat_id]
