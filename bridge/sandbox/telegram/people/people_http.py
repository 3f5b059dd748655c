"""The people's side over HTTP, for a web page: what there is, what happens, and what people do.

Only a page of this very server may use it (see `wishes`), and a POST must be JSON, which other
sites cannot send unasked.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bridge.sandbox.journal import Entry, Journal
from bridge.sandbox.telegram.content.shapes import bot_json, page_chat, page_message
from bridge.sandbox.telegram.methods.drafts import draft_news
from bridge.sandbox.telegram.methods.profile import menu, menus
from bridge.sandbox.telegram.people import groups, links, people_actions, topics
from bridge.sandbox.telegram.people.actors import Person
from bridge.sandbox.telegram.people.page_requests import (
    Wrong,
    guarded,
    label,
    number,
    text,
    where_of,
)
from bridge.sandbox.telegram.server import json_response
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Json, Standing, World

NEWEST_ENTRIES = 200
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
Act = Callable[[Json], Json]


@dataclass(frozen=True)
class PeopleSide:
    """The page's view of the world and the page's hands in it."""

    world: World
    updates: UpdateQueue
    journal: Journal

    def routes(self) -> list[Route]:
        """Return everything below /sandbox."""
        acts: dict[str, Act] = {
            "send": self.send,
            "edit": self.edit,
            "press": self.press,
            "people": self.add_person,
            "block": self.block,
            "stop": self.stop,
            "groups": self.add_group,
            "topics": self.add_topic,
            "topics/delete": self.delete_topic,
            "links": self.open_link,
            "bot": self.set_bot,
        }
        return [
            Route("/sandbox/state", guarded(self.state), methods=["GET"]),
            Route("/sandbox/feed", guarded(self.feed), methods=["GET"]),
            *[
                Route(f"/sandbox/{name}", guarded(_doing(act)), methods=["POST"])
                for name, act in acts.items()
            ],
        ]

    async def state(self, request: Request) -> Response:
        """Return everything that there is."""
        world = self.world
        bot = bot_json(world.bot) | {"commands": menu(world, 0, "")} if world.bots else None
        chats, seen = world.chats.values(), menus(world)
        return json_response(
            {
                "bot": bot,
                "people": [
                    people_actions.page_person(world, each) | seen[str(each.id)]
                    for each in world.people.values()
                ],
                "chats": [page_chat(world, chat) for chat in chats],
                "messages": {
                    str(chat.id): [
                        page_message(world, each)
                        for each in chat.messages.values()
                        if not each.deleted
                    ]
                    for chat in chats
                },
                "drafts": [draft_news(each) for chat in chats for each in chat.showing.values()],
                "journal": [_entry(each) for each in list(self.journal.entries)[-NEWEST_ENTRIES:]],
            }
        )

    async def feed(self, request: Request) -> Response:
        """Return everything that happens from now on."""
        return StreamingResponse(
            self._events(),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _events(self) -> AsyncIterator[str]:
        """Server-sent events out of two sources, until the emulator closes."""
        coming: asyncio.Queue[str | None] = asyncio.Queue()

        async def follow_world() -> None:
            async for news in self.world.feed.listen():
                coming.put_nowait(_event(news.event, news.content))
            coming.put_nowait(None)

        async def follow_journal() -> None:
            async for entry in self.journal.follow():
                coming.put_nowait(_event("journal", _entry(entry)))

        tasks = [asyncio.create_task(follow_world()), asyncio.create_task(follow_journal())]
        await asyncio.sleep(0)  # both listen before the page is told that it is connected
        try:
            yield ": connected\n\n"
            while (event := await coming.get()) is not None:
                yield event
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    def send(self, wish: Json) -> Json:
        """Let a person write."""
        person = self._person(wish)
        said, where = text(wish, "text"), where_of(wish)
        message = people_actions.write(self.world, self.updates, person, said, where)
        return {"message_id": message.message_id, "thread_id": message.thread_id}

    def edit(self, wish: Json) -> Json:
        """Let a person edit."""
        person, message_id = self._person(wish), number(wish, "message_id")
        said, chat_id = text(wish, "text"), number(wish, "chat_id")
        people_actions.rewrite(self.world, self.updates, person, message_id, said, chat_id=chat_id)
        return {"message_id": message_id}

    def press(self, wish: Json) -> Json:
        """Let a person press a button; row and column count from 0."""
        place = (number(wish, "row"), number(wish, "column"))
        chat_id, message_id = number(wish, "chat_id"), number(wish, "message_id")
        person = self._person(wish)
        query_id = people_actions.press_at(
            self.world, self.updates, person, chat_id, message_id, place
        )
        return {"query_id": query_id}

    def add_person(self, wish: Json) -> Json:
        """Add a new person. Raises Wrong."""
        name = label(wish, "first_name", "A first name")
        language = text(wish, "language_code") if wish.get("language_code") else ""
        if language and not _LANGUAGE.fullmatch(language):
            raise Wrong("A language code looks like en or zh-hans.")
        person = self.world.add_person(name, "", language, None)
        shape = people_actions.page_person(self.world, person)
        self.world.feed.tell("person", shape)
        return shape

    def block(self, wish: Json) -> Json:
        """Let a person block the bot or lets it in again."""
        blocked = wish.get("blocked")
        if not isinstance(blocked, bool):
            raise Wrong("blocked must be true or false.")
        person = self._person(wish)
        people_actions.set_blocked(self.world, self.updates, person, blocked=blocked)
        return people_actions.page_person(self.world, person)

    def stop(self, wish: Json) -> Json:
        """Let a person press Stop under a draft."""
        thread_id = number(wish, "thread_id") if wish.get("thread_id") else 0
        person = self._person(wish)
        return {"draft_id": people_actions.stop_draft(self.world, self.updates, person, thread_id)}

    def add_group(self, wish: Json) -> Json:
        """Let a person make a group with others and adds the bot."""
        person = self._person(wish)
        wanted, forum = wish.get("members"), wish.get("forum", False)
        if not isinstance(wanted, list) or not isinstance(forum, bool):
            raise Wrong("members must be a list of ids, forum true or false.")
        others = [self.world.person(each) for each in dict.fromkeys(wanted) if each != person.id]
        title = label(wish, "title", "A title")
        members = [person, *others]
        chat = groups.add_group(self.world, title, members, (), forum=forum)
        groups.set_standing(self.world, self.updates, chat, "member", person)
        return page_chat(self.world, chat)

    def add_topic(self, wish: Json) -> Json:
        """Let a person open a topic."""
        person = self._person(wish)
        chat = people_actions.open_chat(self.world, person, number(wish, "chat_id"))
        name = label(wish, "name", "A name")
        return {"thread_id": topics.add_topic(self.world, self.updates, chat, name, person).id}

    def delete_topic(self, wish: Json) -> Json:
        """Let a person delete a topic."""
        person = self._person(wish)
        chat = people_actions.open_chat(self.world, person, number(wish, "chat_id"))
        topics.delete_topic(self.world, chat, number(wish, "thread_id"))
        return {}

    def open_link(self, wish: Json) -> Json:
        """Let a person open a link to the bot; with `chat_id` a group is chosen."""
        person = self._person(wish)
        wanted = wish.get("chat_id")
        group = None
        if wanted is not None:
            group = people_actions.open_chat(self.world, person, number(wish, "chat_id"))
        address = text(wish, "address")
        message = links.open_link(self.world, self.updates, person, address, group=group)
        return {"chat_id": message.chat_id, "thread_id": message.thread_id}

    def set_bot(self, wish: Json) -> Json:
        """Let a person throw the bot out of a group, adds it again, mutes or promotes it."""
        standing = _standing(wish)
        person = self._person(wish)
        chat = people_actions.open_chat(self.world, person, number(wish, "chat_id"))
        if chat.type == "private":
            raise Wrong("In a private chat one blocks the bot.")
        groups.set_standing(self.world, self.updates, chat, standing, person)
        return page_chat(self.world, chat)

    def _person(self, wish: Json) -> Person:
        if not self.world.bots:
            raise Wrong("There is no bot yet.")
        return self.world.person(number(wish, "person_id"))


def _doing(act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return json_response({"error": "Send JSON, as application/json."}, 415)
        try:
            wish: object = json.loads(await request.body())
            if not isinstance(wish, dict):
                raise Wrong("A JSON object is expected.")
            return json_response(act(wish))
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            return json_response({"error": "This is not JSON."}, 400)
        except ValueError as problem:
            return json_response({"error": str(problem)}, 400)

    return endpoint


def _standing(wish: Json) -> Standing:
    """Return what the bot is to be: `standing`, or whether it is to be `inside` at all."""
    inside = wish.get("inside")
    if isinstance(inside, bool):
        return "member" if inside else "kicked"
    match wish.get("standing"):
        case "member" | "administrator" | "restricted" as standing:
            return standing
    raise Wrong("inside must be true or false, or standing member, administrator or restricted.")


def _entry(entry: Entry) -> Json:
    return asdict(entry)


def _event(name: str, content: Json) -> str:
    """One server-sent event; its JSON stands on one line."""
    return f"event: {name}\ndata: {json.dumps(content, default=str)}\n\n"
