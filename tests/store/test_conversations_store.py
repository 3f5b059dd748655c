"""Whatever people do, a chat's current conversation is one of its own."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import put_database

from bridge.model import AgentAccount, ChatKey
from bridge.store import chat_state, chats, erasure, migrate
from bridge.store.coze import conversations
from bridge.store.engine import Store

KEYS = (ChatKey(5), ChatKey(6), ChatKey(-7), ChatKey(-7, 9))
HOMES = (AgentAccount("1", "https://api.coze.com", ""), AgentAccount("2", "https://a.x", "shop"))
ACTS = st.one_of(
    st.tuples(st.just("begin"), st.integers(0, 3), st.integers(0, 1)),
    st.tuples(st.just("new"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("switch"), st.integers(0, 3), st.integers(1, 12)),
    st.tuples(st.just("rename"), st.integers(0, 3), st.integers(1, 12)),
    st.tuples(st.just("delete"), st.integers(0, 3), st.integers(1, 12)),
    st.tuples(st.just("forget"), st.integers(0, 1), st.just(0)),
    st.tuples(st.just("retire"), st.just(0), st.just(0)),
)


class World:
    """The chats, and whose each conversation is."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.owner: dict[str, ChatKey] = {}

    async def do(self, act: str, who: int, what: int) -> None:
        key = KEYS[who]
        async with self.store.writing() as tx:
            await chats.ensure_chat(tx, key)
            if act == "begin":
                name = f"conversation {len(self.owner)}"
                self.owner[name] = key
                chat = await chats.chat(tx, key)
                await conversations.begin(tx, chat, name, HOMES[what], agent="a", title=name)
            elif act == "new":
                await chats.clear_conversation(tx, key)
            elif act == "forget":
                await erasure.forget_person(tx, key.chat_id)
            elif act == "retire":
                await erasure.retire(tx, 90)
            else:
                await self.act_on_one(act, key, await conversations.one_of(tx, key, 0, what), tx)

    async def act_on_one(self, act: str, key: ChatKey, found, tx) -> None:  # type: ignore[no-untyped-def]
        if found is None:
            return
        assert self.owner[found.conversation_id] == key
        if act == "switch":
            await conversations.switch(tx, key, 0, found)
        elif act == "rename":
            await conversations.rename(tx, found.id, "other", key.chat_id)
        else:
            await conversations.remove(tx, key, 0, found)

    async def check(self) -> None:
        async with self.store.reading() as tx:
            for key in KEYS:
                there = await conversations.listed(tx, key)
                assert all(self.owner[one.conversation_id] == key for one in there)
                chat = await chats.known(tx, key)
                current = chat.conversation_id if chat else None
                assert current is None or self.owner[current] == key
                assert [one.conversation_id for one in there if one.current] == (
                    [current] if current else []
                )


@given(st.lists(ACTS, max_size=14))
@settings(max_examples=40)
def test_the_current_conversation_is_always_ones_own(acts: list[tuple[str, int, int]]) -> None:
    async def journey() -> None:
        with tempfile.TemporaryDirectory() as folder:
            await put_database(Path(folder) / "test.db")
            store = Store(f"sqlite+aiosqlite:///{Path(folder)}/test.db")
            world = World(store)
            for act in acts:
                await world.do(*act)
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
