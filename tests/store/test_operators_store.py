"""What operators rely on in the store: quotas that nobody gets around, and a whole forgetting."""

import time

import pytest
from sqlalchemy import update

from bridge.model import AgentAccount, ChatKey, Message, Outcome, ReplyState, Sender, State
from bridge.store import chat_state, chats, erasure
from bridge.store.engine import Store
from bridge.store.operators import access, audit, broadcasts, people, quotas
from bridge.store.operators.access import Access
from bridge.store.operators.quotas import Period, Quota, Scope, Unit, Used
from bridge.store.tables import turns as turns_table
from bridge.store.turns import lifecycle, queue


async def asked(store: Store, chat: int, person: int = 7, *, run_may_continue: bool = False) -> int:
    """A turn of ten tokens; its id."""
    key = ChatKey(chat)
    async with store.writing() as tx:
        await queue.wait(tx, Message(key, 1, Sender(person, "P"), "x"))
        turn = await lifecycle.claim(tx, key)
        assert turn is not None
        end = Outcome(
            State.STOPPED,
            ReplyState(),
            tokens_in=6,
            tokens_out=4,
            run_may_continue=run_may_continue,
        )
        await lifecycle.settle(tx, turn.id, end)
    return turn.id


async def used(store: Store, scope: Scope, subject: int) -> Used:
    async with store.reading() as tx:
        return await quotas.used(tx, scope, subject, Period.MONTH)


async def test_who_is_over_two_quotas_hears_when_the_last_of_them_renews(store: Store) -> None:
    now = time.time()
    await asked(store, 7)
    for periods in ([Period.DAY, Period.MONTH], [Period.MONTH, Period.DAY]):
        async with store.writing() as tx:
            for scope, period in zip((Scope.CHAT, Scope.PERSON), periods, strict=True):
                await quotas.allow(tx, Quota(scope, "", Unit.MESSAGES, period, 1))
                other = Period.DAY if period is Period.MONTH else Period.MONTH
                await quotas.lift(tx, Quota(scope, "", Unit.MESSAGES, other, 1))
            over = await quotas.exceeded(tx, await quotas.listed(tx), 7, 7, operator=False, now=now)
        assert over is not None
        assert over.renews == Period.MONTH.ends(now)


async def test_what_lingers_is_counted_once_however_often_the_rest_is_retired(
    store: Store,
) -> None:
    for _ in range(3):
        await asked(store, 7, run_may_continue=True)
        await asked(store, 7)
        async with store.writing() as tx:
            await erasure.retire(tx, -1)
    assert await used(store, Scope.PERSON, 7) == Used(6, 60)
    assert await used(store, Scope.ALL, 0) == Used(6, 60)


@pytest.mark.parametrize("chat", [7, -100])
async def test_no_quota_of_a_chat_begins_anew_by_forgetting_or_retiring(
    store: Store, chat: int
) -> None:
    await asked(store, chat)
    async with store.writing() as tx:
        await erasure.forget_person(tx, 7)
    assert await used(store, Scope.CHAT, chat) == Used(1, 10)
    await asked(store, chat)
    async with store.writing() as tx:
        await erasure.retire(tx, -1)
    assert await used(store, Scope.CHAT, chat) == Used(2, 20)
    assert await used(store, Scope.PERSON, 7) == Used(2, 20)


async def test_a_group_takes_its_quota_and_what_it_used_along(store: Store) -> None:
    own = Quota(Scope.CHAT, "-5", Unit.MESSAGES, Period.DAY, 1)
    await asked(store, -5)
    async with store.writing() as tx:
        await quotas.allow(tx, own)
        await erasure.forget_person(tx, 7)
        await chat_state.move(tx, -5, -1005)
        found = await quotas.exceeded(tx, await quotas.listed(tx), 8, -1005, operator=False)
    assert found is not None
    assert await used(store, Scope.CHAT, -1005) == Used(1, 10)


async def test_forgetting_names_every_conversation_at_coze_that_was_only_theirs(
    store: Store,
) -> None:
    home = AgentAccount("1", "https://api.coze.com", "")
    async with store.writing() as tx:
        await chats.ensure_chat(tx, ChatKey(7))
        await chats.set_conversation(tx, await chats.chat(tx, ChatKey(7)), "now", home)
    for chat, member, conversation in ((7, 0, "before"), (-5, 7, "own"), (-5, 0, "shared")):
        turn = await asked(store, chat)
        async with store.writing() as tx:
            values = {"conversation_id": conversation, "member_id": member}
            await tx.execute(update(turns_table).where(turns_table.c.id == turn).values(**values))
    async with store.writing() as tx:
        receipt = await erasure.forget_person(tx, 7)
    assert sorted(one.id for one in receipt.conversations) == ["before", "now", "own"]


async def test_forgetting_leaves_no_name(store: Store) -> None:
    async with store.writing() as tx:
        await people.seen(tx, Sender(7, "Bo Secret"), "bo")
        await access.decide(tx, 7, Access.ALLOWED, "Bo Secret", 1)
        await audit.note(tx, 1, "allowed", 7, "Bo Secret")
        await audit.note(tx, 1, "allowed", 8, "Ann")
        await erasure.forget_person(tx, 7)
        assert await access.of(tx, 7) is Access.ALLOWED
        for table in ("access", "audit", "people", "chats"):
            assert "Secret" not in str((await tx.exec_driver_sql(f"SELECT * FROM {table}")).all())
        assert [(one.subject, one.detail) for one in await audit.newest(tx, 5)] == [
            ("8", "Ann"),
            ("7", ""),
        ]


@pytest.mark.parametrize("words", ["иван", "Иван", "ИВАН", "ван", "ärzt", "李"])
async def test_names_of_any_script_are_found(store: Store, words: str) -> None:
    async with store.writing() as tx:
        await people.seen(tx, Sender(7, "Иван Ärztin 李明"), "")
        found, count = await people.search(tx, words, 0, 10)
    assert ([one.id for one in found], count) == ([7], 1)


async def test_a_delivery_is_claimed_by_one(store: Store) -> None:
    async with store.writing() as tx:
        number = await broadcasts.preview(tx, 1, "x")
        await broadcasts.begin(tx, number, 1, [1, 2, 3], 5)
        first = await broadcasts.claim(tx, number, 2)
        assert [*first, *await broadcasts.claim(tx, number, 2)] == [1, 2, 3]
        assert await broadcasts.claim(tx, number, 2) == []
