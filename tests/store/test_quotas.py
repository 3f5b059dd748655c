"""What was used is what the turns say: whatever happened to them in between."""

import random
import time
from datetime import UTC, datetime

import pytest

from bridge.model import ChatKey, Message, Outcome, ReplyState, Sender, State
from bridge.store import erasure
from bridge.store.engine import Store
from bridge.store.operators import quotas
from bridge.store.operators.quotas import Period, Quota, Scope, Unit, counting
from bridge.store.turns import lifecycle, queue
from bridge.telegram.access.limits import UserRateLimit
from bridge.telegram.commands.operators.quota import parsed


async def one_turn(store: Store, chance: random.Random, person: int, chat: int) -> tuple[int, int]:
    """A turn with a chance's end; its messages and tokens as far as they are charged."""
    key, messages = ChatKey(chat), chance.randint(1, 3)
    async with store.writing() as tx:
        for number in range(messages):
            text = Message(key, number + 1, Sender(person, "P"), "x")
            await queue.wait(tx, text)
        turn = await lifecycle.claim(tx, key)
    assert turn is not None
    if chance.random() < 0.2:  # a crash: the next process finds it running, and goes on
        async with store.writing() as tx:
            turn = (await lifecycle.next_of(tx, key)).turn
        assert turn is not None
    state = chance.choice([State.ANSWERED, State.ANSWERED, State.STOPPED, State.FAILED])
    end = Outcome(
        state, ReplyState(), tokens_in=chance.randint(0, 900), tokens_out=chance.randint(0, 90)
    )
    async with store.writing() as tx:
        await lifecycle.concluded(tx, turn.id, end)
        if chance.random() < 0.3:
            await lifecycle.settle(tx, turn.id, end)  # a crash after that settles it again
        await lifecycle.settle(tx, turn.id, end)
        await lifecycle.forget_all_words(tx)
    return (messages, end.tokens_in + end.tokens_out) if state is not State.FAILED else (0, 0)


@pytest.mark.parametrize("seed", range(5))
async def test_counters_equal_the_sum_of_the_turns(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    by_person: dict[int, list[int]] = {1: [0, 0], 2: [0, 0], 3: [0, 0]}
    by_chat: dict[int, list[int]] = {-1: [0, 0], -2: [0, 0], 1: [0, 0], 2: [0, 0], 3: [0, 0]}
    for _ in range(25):
        person = chance.choice([1, 2, 3])
        chat = chance.choice([-1, -2, person])
        used = await one_turn(store, chance, person, chat)
        for sums in (by_person[person], by_chat[chat]):
            sums[0] += used[0]
            sums[1] += used[1]
    async with store.reading() as tx:
        for person, sums in by_person.items():
            for period in Period:
                found = await quotas.used(tx, Scope.PERSON, person, period)
                assert [found.messages, found.tokens] == sums
        for chat, sums in by_chat.items():
            found = await quotas.used(tx, Scope.CHAT, chat, Period.DAY)
            assert [found.messages, found.tokens] == sums
        everything = await quotas.used(tx, Scope.ALL, 0, Period.MONTH)
    assert everything.messages == sum(sums[0] for sums in by_person.values())
    async with store.writing() as tx:
        await erasure.forget_person(tx, 2)
    async with store.reading() as tx:
        found = await quotas.used(tx, Scope.PERSON, 2, Period.DAY)
        assert [found.messages, found.tokens] == by_person[2]
        assert await quotas.used(tx, Scope.ALL, 0, Period.MONTH) == everything
    async with store.writing() as tx:
        assert await erasure.retire(tx, -1)  # all of them are too old
    async with store.reading() as tx:
        assert await quotas.used(tx, Scope.ALL, 0, Period.MONTH) == everything


def test_days_and_months_begin_at_midnight_utc() -> None:
    at = datetime(2026, 12, 31, 23, 59, tzinfo=UTC).timestamp()
    assert Period.DAY.began(at) == datetime(2026, 12, 31, tzinfo=UTC).timestamp()
    assert Period.DAY.ends(at) == datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert Period.MONTH.began(at) == datetime(2026, 12, 1, tzinfo=UTC).timestamp()
    assert Period.MONTH.ends(at) == datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert Period.MONTH.ends(time.time()) > time.time()


def quota(scope: str, subject: str, amount: int) -> Quota:
    return Quota(Scope(scope), subject, Unit.MESSAGES, Period.DAY, amount)


def test_what_is_ones_own_counts_before_what_is_everybodys() -> None:
    there = [
        quota("person", "", 10),
        quota("person", "5", 99),
        quota("person", "operator", 1000),
        quota("chat", "", 50),
        quota("chat", "-7", 5),
        quota("all", "", 500),
    ]

    def amounts(person: int, chat: int, *, operator: bool = False) -> list[int]:
        return sorted(one.amount for one in counting(there, person, chat, operator=operator))

    assert amounts(1, 1) == [10, 50, 500]
    assert amounts(5, -7) == [5, 99, 500]
    assert amounts(1, -7, operator=True) == [5, 1000]
    assert amounts(5, 5, operator=True) == [99]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("person messages day 50", (quota("person", "", 50), False)),
        ("person 5 messages day 1,000", (quota("person", "5", 1000), False)),
        ("person operator messages day off", (quota("person", "operator", 0), True)),
        ("chat -7 messages day 1_0", (quota("chat", "-7", 10), False)),
        ("all messages day 0", (quota("all", "", 0), False)),
        ("all 5 messages day 1", (None, False)),
        ("chat operator messages day 1", (None, False)),
        ("person 5x messages day 1", (None, False)),
        ("person messages year 1", (None, False)),
        ("person words day 1", (None, False)),
        ("person messages day -1", (None, False)),
        ("person messages day 1e9", (None, False)),
        ("person messages day ٣", (None, False)),
        ("person messages day 99999999999999999999", (None, False)),
        ("somebody messages day 1", (None, False)),
        ("person", (None, False)),
    ],
)
def test_what_operators_write_is_read_strictly(
    words: str, found: tuple[Quota | None, bool]
) -> None:
    assert parsed(words.split()) == found


def test_the_flood_guard_lets_bursts_through_and_tells_once_a_minute() -> None:
    flood = UserRateLimit(3, 10)
    said = [
        flood.refuses(1, second) for second in (0, 0, 0, 1, 2, 10.5, 61, 61.1, 61.2, 61.3, 61.4)
    ]
    refused = [None if one is None else one.key for one in said]
    assert refused[:6] == [None, None, None, "message.too_fast", "", None]
    assert refused[6:9] == [None, None, None]
    assert refused[9:] == ["message.too_fast", ""]
    assert flood.refuses(2, 61.5) is None
