"""The emulator as tests and `bridge sandbox` hold it: the server, the people, and the switches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bridge.sandbox.journal import Journal
from bridge.sandbox.telegram.calls import Rates
from bridge.sandbox.telegram.connection_faults import TRANSPORT
from bridge.sandbox.telegram.content.entities import Entity
from bridge.sandbox.telegram.fault_switches import FaultSwitches
from bridge.sandbox.telegram.inspection import Inspection, Place, chat_id_of
from bridge.sandbox.telegram.people import anonymous_senders, groups, links, people_actions
from bridge.sandbox.telegram.people.actors import Bot, Group, Person
from bridge.sandbox.telegram.people.people_actions import Where
from bridge.sandbox.telegram.people.people_files_http import PeopleFiles
from bridge.sandbox.telegram.people.people_http import PeopleSide
from bridge.sandbox.telegram.people.sending_files import Sharing
from bridge.sandbox.telegram.people.topic_actions import TopicActions
from bridge.sandbox.telegram.rate_limits import Budgets, RateModel
from bridge.sandbox.telegram.server import BotServer, json_response
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Chat, Guise, Json, Standing, World


class TelegramEmulator(Inspection, FaultSwitches, Sharing, TopicActions):
    """One bot's Telegram.

    `clock` gives Unix time in seconds, for dates and life times; rates and waits go by the running
    loop. `budgets=None` switches the rate model off. `latency` is added to every call but
    getUpdates, in seconds. Everything but the constructor, `add_bot` and `add_person` needs a
    running loop. A person can be written to only after they wrote, as in Telegram.

    A group is a supergroup; the first of its members made it. In a forum, messages outside of its
    topics stand in General, which has no thread id.
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
        self._server = BotServer(
            self.world, self.updates, waiting, journal=self.journal, latency=latency
        )
        page = PeopleSide(self.world, self.updates, self.journal)
        self.app: Starlette = _Application(
            routes=[
                *page.routes(),
                *PeopleFiles(self.world, self.updates).routes(),
                Route("/bot{rest:path}", self._server.answer, methods=["GET", "POST"]),
                Route("/file/bot{rest:path}", self._server.download, methods=["GET"]),
            ],
            exception_handlers={404: _nowhere, 405: _nowhere},
        )

    # --- the bot and the people -----------------------------------------------------------------

    def add_bot(
        self, token: str, username: str = "sandbox_bot", first_name: str = "Sandbox"
    ) -> Bot:
        """Return the bot of this token, `<id>:<secret>`; another token of the same bot may follow.

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
        """Add a person with a private chat, in which nothing was said yet."""
        person = self.world.add_person(first_name, username, language_code, person_id)
        self.world.feed.tell("person", people_actions.page_person(self.world, person))
        return person

    def open_chat(self, person: Person) -> None:
        """Note that a person pressed Start long ago: the bot may write to them."""
        self.world.chat(person.id).known = True

    def add_group(
        self,
        title: str,
        members: Iterable[Person],
        forum: bool = False,
        admins: Iterable[Person] = (),
        bot_is_admin: bool = False,
        basic: bool = False,
    ) -> Group:
        """Return a supergroup, or a basic group, to which its first member, the creator, adds the bot.

        The bot is told: a `my_chat_member` update and a service message.
        """
        people = list(members)
        chat = groups.add_group(self.world, title, people, admins, forum=forum, basic=basic)
        standing: Standing = "administrator" if bot_is_admin else "member"
        groups.set_standing(self.world, self.updates, chat, standing, people[0])
        return Group(chat.id, chat.title, forum)

    def migrate(self, group: Group) -> Group:
        """Let a basic group become a supergroup, which is another chat; both are told of it."""
        chat, person = self._in(group, None)
        new = groups.migrate(self.world, self.updates, chat, person)
        return Group(new.id, new.title)

    def slow_mode(self, group: Group, seconds: int) -> None:
        """Let all but administrators write only one message in so many seconds; 0 ends it."""
        self.world.chat(group.id).slow_seconds = seconds

    @property
    def bots_talk(self) -> bool:
        """Whether the bot hears other bots that name or answer it: a setting at BotFather."""
        return self.world.bots_talk

    @bots_talk.setter
    def bots_talk(self, on: bool) -> None:
        self.world.bots_talk = on

    @property
    def privacy(self) -> bool:
        """Whether the bot gets only what is meant for it: the setting at BotFather.

        As there, getMe changes at once and a group when the bot is next added to it.
        """
        return self.world.privacy

    @privacy.setter
    def privacy(self, on: bool) -> None:
        self.world.privacy = on

    def kick_bot(self, group: Group, by: Person | None = None) -> None:
        """Let somebody, else the creator, throw the bot out."""
        self._set_standing(group, "kicked", by)

    def invite_bot(self, group: Group, by: Person | None = None, admin: bool = False) -> None:
        """Let somebody, else the creator, add the bot, or change whether it is administrator."""
        self._set_standing(group, "administrator" if admin else "member", by)

    def mute_bot(self, group: Group, by: Person | None = None) -> None:
        """Let somebody, else the creator, forbid the bot to write; `invite_bot` allows it again."""
        self._set_standing(group, "restricted", by)

    def join(self, group: Group, person: Person) -> None:
        """Let a person join a group."""
        groups.join(self.world, self.updates, self.world.chat(group.id), person)

    def leave(self, group: Group, person: Person) -> None:
        """Let a person leave a group."""
        groups.leave(self.world, self.updates, self.world.chat(group.id), person)

    def _set_standing(self, group: Group, standing: Standing, by: Person | None) -> None:
        chat, person = self._in(group, by)
        groups.set_standing(self.world, self.updates, chat, standing, person)

    def _in(self, place: Place, by: Person | None) -> tuple[Chat, Person]:
        """Return a chat and who acts there: its creator unless somebody is named."""
        chat = self.world.chat(chat_id_of(place))
        return chat, self.world.person(chat.creator_id or chat.id) if by is None else by

    # --- what people do -------------------------------------------------------------------------

    def send(
        self,
        person: Person,
        text: str,
        reply_to: int | None = None,
        *,
        chat: Place | None = None,
        thread_id: int = 0,
        entities: Iterable[Entity] = (),
    ) -> int:
        """Let a person write to the bot, or into a group or topic; the id of the message.

        The bot gets it only if privacy mode lets it. Commands, @mentions and links are found in
        the text; what else it is marked with, such as a `text_mention`, are its entities.
        """
        where, marks = Where(_place(chat), thread_id, reply_to), tuple(entities)
        sent = people_actions.write(self.world, self.updates, person, text, where, entities=marks)
        return sent.message_id

    def send_anonymously(
        self,
        person: Person,
        text: str,
        reply_to: int | None = None,
        *,
        chat: Group,
        thread_id: int = 0,
    ) -> int:
        """Let an administrator write in the group's name; the id of the message."""
        guise = anonymous_senders.anonymous(self.world, self.world.chat(chat.id), person)
        where = Where(chat.id, thread_id, reply_to)
        return people_actions.write(
            self.world, self.updates, person, text, where, guise=guise
        ).message_id

    def send_as_channel(
        self, person: Person, text: str, *, chat: Group, title: str = "A channel"
    ) -> int:
        """Let a person write into a group in the name of a channel; the id of the message."""
        return self._write_as(anonymous_senders.channel(title), person, text, chat)

    def post_of_channel(self, text: str, *, chat: Group, title: str = "A channel") -> int:
        """Return a channel's post, forwarded into the group by Telegram; the id of the message."""
        _, person = self._in(chat, None)
        guise = anonymous_senders.linked_post(title, self.world.now())
        return self._write_as(guise, person, text, chat)

    def send_as_bot(
        self, username: str, text: str, reply_to: int | None = None, *, chat: Group
    ) -> int:
        """Let another bot of the group write, and return the id of the message."""
        _, person = self._in(chat, None)
        return self._write_as(anonymous_senders.other_bot(username), person, text, chat, reply_to)

    def forward(self, person: Person, message_id: int, to: Place, *, chat: Place) -> int:
        """Let a person pass a message of `chat` on; the id of the new one."""
        message = self.world.message(self.world.chat(chat_id_of(chat)), message_id)
        if message is None:
            raise ValueError(f"There is no message {message_id} to pass on.")
        guise, where = anonymous_senders.forwarded(self.world, message), Where(chat_id_of(to))
        sent = people_actions.write(
            self.world,
            self.updates,
            person,
            message.text,
            where,
            attachment=message.attachment,
            guise=guise,
        )
        return sent.message_id

    def _write_as(
        self, guise: Guise, person: Person, text: str, chat: Place, reply_to: int | None = None
    ) -> int:
        where = Where(chat_id_of(chat), 0, reply_to)
        return people_actions.write(
            self.world, self.updates, person, text, where, guise=guise
        ).message_id

    def edit(
        self, person: Person, message_id: int, text: str, *, chat: Place | None = None
    ) -> None:
        """Let a person edit a message of theirs."""
        place = _place(chat)
        people_actions.rewrite(self.world, self.updates, person, message_id, text, chat_id=place)

    def delete(self, chat: Place, message_id: int) -> None:
        """Delete a message of either side; the bot is not told."""
        people_actions.remove(self.world, chat_id_of(chat), message_id)

    def press(
        self,
        person: Person,
        message_id: int,
        label: str = "",
        *,
        data: str | None = None,
        chat: Place | None = None,
    ) -> str:
        """Let a person press a button by its label, or forges any callback data; the query's id."""
        place = person.id if chat is None else chat_id_of(chat)
        if data is not None:
            return people_actions.query(self.world, self.updates, person, place, message_id, data)
        return people_actions.press(self.world, self.updates, person, place, message_id, label)

    def press_stop(self, person: Person, *, thread_id: int = 0) -> int:
        """Let a person press Stop under the draft they see; the draft's id."""
        return people_actions.stop_draft(self.world, self.updates, person, thread_id)

    def open_link(
        self,
        person: Person,
        address: str,
        group: Group | None = None,
        *,
        keeps_payload: bool = True,
    ) -> int:
        """Let a person open a link to the bot, and press START or choose a group; the message's id."""
        chat = self.world.chat(group.id) if group is not None else None
        return links.open_link(
            self.world, self.updates, person, address, group=chat, keeps_payload=keeps_payload
        ).message_id

    def block(self, person: Person) -> None:
        """Let a person block the bot."""
        people_actions.set_blocked(self.world, self.updates, person, blocked=True)

    def unblock(self, person: Person) -> None:
        """Let a person unblock the bot."""
        people_actions.set_blocked(self.world, self.updates, person, blocked=False)

    def inject(self, update: Json) -> int:
        """Put any update into the queue, wanted or not; return its `update_id`, which is ours."""
        number = self.updates.inject(update)
        self.world.feed.wake()
        return number

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


def _place(chat: Place | None) -> int | None:
    return None if chat is None else chat_id_of(chat)
