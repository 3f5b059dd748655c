"""Whatever people do, a chat's current conversation is one of its own."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection
from worlds import put_database

from bridge.model import AgentAccount, ChatKey
from bridge.preferences import Preferences
from bridge.store import chat_state, chats, erasure, migrate
from bridge.store.coze import conversations
from bridge.store.coze.conversations import Conversation
from bridge.store.engine import Store

KEYS = (ChatKey(5), ChatKey(5, 2), ChatKey(6), ChatKey(-7), ChatKey(-7, 9))
OLD, NEW = -7, -1_000_000_000_007
HOMES = (AgentAccount("1", "https://api.coze.com", ""), AgentAccount("2", "https://a.x", "shop"))
WHO, ONE = st.integers(0, 4), st.integers(1, 12)
ACTS = st.tuples(
    st.one_of(
        st.tuples(st.just("begin"), WHO, st.integers(0, 1)),
        st.tuples(st.just("new"), WHO, st.just(0)),
        st.tuples(st.just("switch"), WHO, ONE),
        st.tuples(st.just("rename"), WHO, ONE),
        st.tuples(st.just("delete"), WHO, ONE),
        st.tuples(st.just("agent"), WHO, st.integers(0, 1)),
        st.tuples(st.just("forget"), st.sampled_from([0, 2]), st.just(0)),
        st.tuples(st.just("retire"), st.just(0), st.just(0)),
        st.tuples(st.just("move"), st.just(0), st.just(0)),
    ),
    st.sampled_from([False, False, False, True]),
)
"""What is done, and whether the process dies before that is committed."""


class Died(Exception):
    """The process ended in the middle of a transaction."""


class World:
    """The chats, and whose each conversation is."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.keys = list(KEYS)
        self.owner: dict[str, ChatKey] = {}
        self.made = 0

    async def do(self, act: str, who: int, what: int, *, dies: bool) -> None:
        before = (list(self.keys), dict(self.owner))
        try:
            async with self.store.writing() as tx:
                await self.act(tx, act, self.keys[who], what)
                if dies:
                    raise Died
        except Died:
            self.keys, self.owner = before

    async def act(self, tx: AsyncConnection, act: str, key: ChatKey, what: int) -> None:
        await chats.ensure_chat(tx, key)
        match act:
            case "begin":
                self.made += 1
                name = f"conversation {self.made}"
                self.owner[name] = key
                chat = await chats.chat(tx, key)
                await conversations.begin(tx, chat, name, HOMES[what], agent="a", title=name)
            case "new":
                await chats.clear_conversation(tx, key)
            case "agent":
                await chats.prefer(tx, key, Preferences(agent=str(what)))
            case "forget":
                await erasure.forget_person(tx, key.chat_id)
            case "retire":
                await erasure.retire(tx, 90)
            case "move":
                await chat_state.move(tx, OLD, NEW)
                self.keys = [moved(one) for one in self.keys]
                self.owner = {name: moved(one) for name, one in self.owner.items()}
            case _:
                await self.act_on_one(act, key, await conversations.one_of(tx, key, 0, what), tx)

    async def act_on_one(
        self, act: str, key: ChatKey, found: Conversation | None, tx: AsyncConnection
    ) -> None:
        if found is None:
            return
        assert self.is_own(found.conversation_id, key)
        if act == "switch":
            await conversations.switch(tx, key, 0, found)
        elif act == "rename":
            await conversations.rename(tx, found.id, "other", key.chat_id)
        else:
            await conversations.remove(tx, key, 0, found)

    def is_own(self, conversation: str, key: ChatKey) -> bool:
        """A group's topic has its own; of a private chat, all are one person's."""
        owner = self.owner[conversation]
        return owner == key or (key.private and owner.whole == key.whole)

    async def check(self) -> None:
        async with self.store.reading() as tx:
            for key in self.keys:
                there = await conversations.listed(tx, key)
                assert all(self.is_own(one.conversation_id, key) for one in there)
                chat = await chats.known(tx, key)
                current = chat.conversation_id if chat else None
                assert current is None or self.is_own(current, key)
                assert [one.conversation_id for one in there if one.current] == (
                    [current] if current else []
                )
                found = await conversations.current_one(tx, key)
                assert (found.conversation_id if found else None) == current


def moved(key: ChatKey) -> ChatKey:
    return ChatKey(NEW, key.thread_id) if key.chat_id == OLD else key


@pytest.mark.slow
@given(st.lists(ACTS, max_size=14))
@settings(max_examples=40)
def test_the_current_conversation_is_always_ones_own(
    acts: list[tuple[tuple[str, int, int], bool]],
) -> None:
    async def journey() -> None:
        with tempfile.TemporaryDirectory() as folder:
            await put_database(Path(folder) / "test.db")
            store = Store(f"sqlite+aiosqlite:///{Path(folder)}/test.db")
            world = World(store)
            for act, dies in acts:
                await world.do(*act, dies=dies)
                await world.check()
            await store.close()

    asyncio.run(journey())


async def test_a_group_that_moves_takes_its_conversations_along(tmp_path: Path) -> None:
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/test.db")
    await migrate.upgrade(store)
    old, new = ChatKey(-7), ChatKey(-1000000000007)
    async with store.writing() as tx:
        await chats.ensure_chat(tx, old)
        chat = await chats.chat(tx, old)
        await conversations.begin(tx, chat, "738", HOMES[0], agent="1", title="Tides")
        await chat_state.move(tx, old.chat_id, new.chat_id)
        (one,) = await conversations.listed(tx, new)
        assert (one.title, one.current) == ("Tides", True)
        assert await conversations.listed(tx, old) == []
    await store.close()
