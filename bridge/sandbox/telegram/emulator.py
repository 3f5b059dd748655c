"""The emulator as tests and `bridge sandbox` hold it: the server, the people, and the switches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bridge.sandbox.journal import Journal
from bridge.sandbox.telegram import crowd
from bridge.sandbox.telegram.budgets import Budgets, RateModel
from bridge.sandbox.telegram.calls import Rates
from bridge.sandbox.telegram.faults import Delay, failure
from bridge.sandbox.telegram.methods import proper_name
from bridge.sandbox.telegram.people import PeopleSide
from bridge.sandbox.telegram.refusals import unauthorized
from bridge.sandbox.telegram.server import TRANSPORT, BotServer, Call, json_response
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Bot, Draft, Json, Message, Person, World, loop_time

DUMPED_MESSAGES = 6


class TelegramEmulator:
    """One bot's Telegram.

    `clock` gives Unix time in seconds, for dates and life times; rates and waits go by the running
    loop. `budgets=None` switches the rate model off. `latency` is added to every call but
    getUpdates, in seconds. Everything but the constructor, `add_bot` and `add_person` needs a
    running loop. A person can be written to only after they wrote, as in Telegram.
    """

    def __init__(
        self,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.time,
        budgets: Budgets | None = Budgets(),  # noqa: B008  # frozen, so shared without harm
        latency: float = 0.0,
    ) -> None:
        self.journal = Journal() if journal is None else journal
        self.world = World(clock)
        self.updates = UpdateQueue(clock, self.world.closing, self.world.feed.wake)
        self._rates = RateModel(budgets)
        waiting = Rates(self._rates, self.world.closing.pause)
        self._server = BotServer(self.world, self.updates, waiting, self.journal, latency)
        page = PeopleSide(self.world, self.updates, self.journal)
        self.app: Starlette = _Application(
            routes=[
                *page.routes(),
                Route("/bot{rest:path}", self._server.answer, methods=["GET", "POST"]),
                Route("/file/bot{rest:path}", self._server.download, methods=["GET"]),
            ],
            exception_handlers={404: _nowhere, 405: _nowhere},
        )

    # --- the bot and the people -----------------------------------------------------------------

    def add_bot(
        self, token: str, username: str = "sandbox_bot", first_name: str = "Sandbox"
    ) -> Bot:
        """The bot of this token, `<id>:<secret>`; another token of the same bot may follow.

        Raises ValueError for something that is no token, and for a second bot.
        """
        number = token.partition(":")[0]
        if ":" not in token or not number.isdecimal() or int(number) <= 0:
            raise ValueError("A token is the bot's id, a colon and a secret.")
        if self.world.bots and self.world.bot.id != int(number):
            raise ValueError(f"This Telegram has the bot {self.world.bot.id} already.")
        bot = Bot(int(number), username, first_name)
        self.world.bots[token] = bot
        self.world.revoked.discard(token)
        self.world.feed.wake()
        return bot

    def add_person(
        self,
        first_name: str,
        username: str = "",
        language_code: str = "",
        person_id: int | None = None,
    ) -> Person:
        """Somebody with a private chat, in which nothing was said yet."""
        person = self.world.add_person(first_name, username, language_code, person_id)
        self.world.feed.tell("person", crowd.page_person(self.world, person))
        return person

    # --- what people do -------------------------------------------------------------------------

    def send(self, person: Person, text: str, reply_to: int | None = None) -> int:
        """A person writes to the bot; the id of the message."""
        message = crowd.write(self.world, self.updates, person, text, reply_to=reply_to)
        return message.message_id

    def send_document(
        self,
        person: Person,
        name: str,
        content: bytes,
        mime: str = "application/octet-stream",
        caption: str = "",
    ) -> int:
        """A person sends a file; the id of the message."""
        stored = crowd.store(self.world, "documents", name, content, mime)
        attachment = crowd.document(stored, name)
        sent = crowd.write(self.world, self.updates, person, caption, attachment=attachment)
        return sent.message_id

    def send_photo(
        self,
        person: Person,
        content: bytes,
        caption: str = "",
        size: tuple[int, int] = (800, 600),
    ) -> int:
        """A person sends a photo of this width and height; the id of the message."""
        stored = crowd.store(self.world, "photos", "photo.jpg", content, "image/jpeg")
        attachment = crowd.photo(stored, *size)
        sent = crowd.write(self.world, self.updates, person, caption, attachment=attachment)
        return sent.message_id

    def edit(self, person: Person, message_id: int, text: str) -> None:
        """A person edits a message of theirs."""
        crowd.rewrite(self.world, self.updates, person, message_id, text)

    def delete(self, chat: Person | int, message_id: int) -> None:
        """Somebody deletes a message of either side; the bot is not told."""
        crowd.remove(self.world, _id(chat), message_id)

    def press(
        self, person: Person, message_id: int, label: str = "", *, data: str | None = None
    ) -> str:
        """A person presses a button by its label, or forges any callback data; the query's id."""
        if data is not None:
            return crowd.query(self.world, self.updates, person, person.id, message_id, data)
        return crowd.press(self.world, self.updates, person, person.id, message_id, label)

    def press_stop(self, person: Person) -> int:
        """A person presses Stop under the draft they see; the draft's id."""
        return crowd.stop_draft(self.world, self.updates, person)

    def block(self, person: Person) -> None:
        """A person blocks the bot."""
        crowd.set_blocked(self.world, self.updates, person, blocked=True)

    def unblock(self, person: Person) -> None:
        """A person lets the bot in again."""
        crowd.set_blocked(self.world, self.updates, person, blocked=False)

    def inject(self, update: Json) -> int:
        """Queue any update, wanted or not; its `update_id`, which is ours."""
        number = self.updates.inject(update)
        self.world.feed.wake()
        return number

    # --- what there is to see -------------------------------------------------------------------

    def messages(self, chat: Person | int) -> list[Message]:
        """Both sides' messages in order, without the deleted ones."""
        return [each for each in self.world.chat(_id(chat)).messages.values() if not each.deleted]

    def posts(self, chat: Person | int) -> list[Message]:
        """The bot's messages in order, without the deleted ones."""
        return [each for each in self.messages(chat) if each.by_bot]

    def typing(self, chat: Person | int) -> list[float]:
        """Loop times of the chat actions."""
        return [at for at, _ in self.world.chat(_id(chat)).actions]

    def draft(self, chat: Person | int) -> Draft | None:
        """The draft that shows now."""
        return self.world.chat(_id(chat)).draft

    def drafts(self, chat: Person | int) -> list[Draft]:
        """Every draft that ever showed, in order."""
        return list(self.world.chat(_id(chat)).drafts)

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
        timeout: float = 5.0,  # noqa: ASYNC109  # its message needs the number
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
        for person in self.world.people.values():
            lines.append(f"{person.first_name} ({person.id}):")
            for message in self.messages(person)[-DUMPED_MESSAGES:]:
                side = "bot" if message.by_bot else person.first_name
                edits = len(message.history) - 1
                lines.append(
                    f"  {message.message_id} {side} ({edits} edits): {message.text[:200]!r}"
                )
        refused = [f"{each.method} {each.description}" for each in self.calls if each.description]
        return "\n".join([*lines, f"refused calls: {refused[-DUMPED_MESSAGES:]}"])

    # --- misbehaviour ---------------------------------------------------------------------------

    def flood(self, chat: Person | int, seconds: float = 3) -> None:
        """429 for every call about a chat until the time has passed.

        The first call of each kind (messages, typing and drafts, the rest) finds out; each later
        one during the ban doubles it and counts in `calls_during_ban`.
        """
        self._rates.flood(_id(chat), seconds, loop_time())

    def fail(
        self,
        method: str,
        status: int = 502,
        times: int = 1,
        body: str | Json | None = None,
        after_executing: bool = False,
    ) -> None:
        """The next calls of a method (`*`: of any but getUpdates) are answered with this status.

        Without a `body`, 500 says `restart` in JSON, 502 is a proxy's HTML page and 504 is empty.
        With `after_executing` the calls take effect and the connection breaks instead.
        """
        self._server.faults.add(failure(method, status, times, body, after_executing))

    def delay(self, method: str, seconds: float, times: int = 1) -> None:
        """Hold the next calls of a method back for so long before they take effect.

        They take effect even if the client hangs up meanwhile, as on the real server.
        """
        self._server.faults.add(Delay(method, seconds, times))

    def revoke(self, token: str) -> None:
        """401 for this token from now on, also for a poll that waits."""
        self.world.revoked.add(token)
        self.updates.end_poll(unauthorized())

    def without(self, *methods: str) -> None:
        """A server too old for these methods: 404. Raises ValueError for an unknown name."""
        for method in methods:
            name = proper_name(method)
            if name is None:
                raise ValueError(f"There is no method {method} here anyway.")
            self._server.faults.missing.add(name)

    async def close(self) -> None:
        """End every waiting poll, pause and page, so that the server can end at once."""
        self.world.close()
        await asyncio.sleep(0)


class _Application(Starlette):
    """Remembers each request's connection, which ASGI hides, to be able to break it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cycle = getattr(send, "__self__", None)
        scope[TRANSPORT] = getattr(cycle, "transport", None)
        await super().__call__(scope, receive, send)


async def _nowhere(request: Request, problem: Exception) -> Response:
    status = problem.status_code if isinstance(problem, HTTPException) else 404
    description = "Not Found" if status == 404 else "Method Not Allowed"
    return json_response({"ok": False, "error_code": status, "description": description}, status)


def _id(chat: Person | int) -> int:
    return chat if isinstance(chat, int) else chat.id
