"""Leases on a real PostgreSQL: one owner each, an epoch that fences, and what losing them does."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import postgres
import pytest
from pooler import pooler
from worlds import eventually

from bridge.errors import LeaseLost, StoreTrouble
from bridge.sharing import postgresql
from bridge.sharing.coordinator import Bell
from bridge.sharing.postgresql import PostgresqlCoordinator
from bridge.sharing.shards import ALL_SHARDS, Duty, shard_of
from bridge.store import chats, inbox
from bridge.store.engine import Store


class Worker:
    """Notes what it is told, and is busy where a test says so."""

    def __init__(self) -> None:
        self.shards: set[int] = set()
        self.doing: set[int] = set()
        self.broken_off: list[Collection[int]] = []
        self.fails: list[Exception] = []
        """What it breaks by, each once."""
        self.noted = 0
        """How often it was told that updates wait."""

    async def take_up(self, shards: Collection[int]) -> None:
        self.shards |= {*shards}

    def busy(self) -> Collection[int]:
        if self.fails:
            raise self.fails.pop()
        return self.doing

    async def break_off(self, shards: Collection[int]) -> None:
        self.broken_off.append(shards)
        self.doing -= {*shards}
        self.shards -= {*shards}

    def note_updates(self) -> None:
        self.noted += 1


class Process:
    """A coordinator with its store and its worker, as a process has them."""

    def __init__(self, address: str) -> None:
        self.store = Store(address)
        self.sharing = PostgresqlCoordinator(self.store)
        self.worker = Worker()

    @property
    def held(self) -> frozenset[int]:
        """Its shards."""
        return self.sharing.leases.held & ALL_SHARDS


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """The address of an empty database with the newest schema."""
    async with postgres.server().database() as address:
        yield address


@asynccontextmanager
async def process(address: str) -> AsyncIterator[Process]:
    """One process that shares the work until the context ends."""
    one = Process(address)
    try:
        async with one.sharing.working(one.worker):
            yield one
    finally:
        await one.store.close()


async def shared(*processes: Process) -> None:
    """Wait until every shard is held, by nobody more than a fair share."""

    def even() -> bool:
        held = [one.held for one in processes]
        most = -(-len(ALL_SHARDS) // len(processes))
        return frozenset().union(*held) == ALL_SHARDS and all(len(one) <= most for one in held)

    await eventually(even, 20)


async def test_one_process_takes_everything_up(address: str) -> None:
    async with process(address) as one:
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        async with one.store.writing(of=5) as tx:
            await chats.remember(tx, "a", "b")


@pytest.mark.parametrize(
    "error", [asyncpg.InternalClientError("odd"), RuntimeError("odd"), TypeError("odd")]
)
async def test_whatever_ends_a_session_another_one_is_opened(
    address: str, error: Exception
) -> None:
    async with process(address) as one:
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        one.worker.fails.append(error)
        await eventually(lambda: one.worker.broken_off, 10)
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        async with one.store.writing(of=5) as tx:
            await chats.remember(tx, "a", "b")


async def test_several_share_evenly_and_no_shard_has_two_owners(address: str) -> None:
    async with AsyncExitStack() as stack:
        processes = []
        for _ in range(3):
            one = await stack.enter_async_context(process(address))
            processes.append(one)
            await shared(*processes)
            assert sum(len(one.held) for one in processes) == len(ALL_SHARDS)
        await stack.aclose()


async def test_who_ends_leaves_its_shards_to_the_others(address: str) -> None:
    async with process(address) as one:
        async with process(address) as two:
            await shared(one, two)
        await shared(one)
        assert one.worker.shards == ALL_SHARDS


async def test_a_busy_shard_is_not_handed_over_until_it_is_idle(address: str) -> None:
    async with process(address) as one:
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        one.worker.doing = {*ALL_SHARDS}
        async with process(address) as two:
            await asyncio.wait_for(asyncio.sleep(1.0), 5)
            assert one.held == ALL_SHARDS
            one.worker.doing = {1, 2, 3}
            await shared(one, two)
            assert {1, 2, 3} <= one.held
            assert one.worker.broken_off == []


async def test_a_shard_that_stays_busy_is_broken_off_in_the_end(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "SURPLUS_SECONDS", 0.5)
    async with process(address) as one:
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        one.worker.doing = {*ALL_SHARDS}
        async with process(address) as two:
            await shared(one, two)
            assert one.worker.broken_off
            await eventually(lambda: two.worker.shards == two.held, 10)


async def test_a_leaving_process_breaks_nothing_off(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its running answers have their grace, however long that is."""
    monkeypatch.setattr(postgresql, "SURPLUS_SECONDS", 0.2)
    async with process(address) as one:
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        one.worker.doing = {1, 2}
        await one.sharing.leave()
        async with process(address) as two:
            await eventually(lambda: len(two.held) == 62, 10)
            await asyncio.wait_for(asyncio.sleep(1.0), 5)
            assert one.worker.broken_off == []
            one.worker.doing = set()
            await eventually(lambda: len(two.held) == 64, 10)


async def test_whoever_begins_may_write_at_once(address: str) -> None:
    one = Process(address)
    async with one.sharing.working(one.worker):
        async with one.store.writing() as tx:
            await chats.remember(tx, "a", "b")
        one.store.check_lease()
    await one.store.close()


async def test_a_lost_session_loses_everything_and_comes_back(address: str) -> None:
    async with process(address) as one:
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        await postgres.server().end_sessions(address)
        await eventually(lambda: bool(one.worker.broken_off), 10)
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        async with one.store.writing(of=5) as tx:
            await chats.remember(tx, "a", "b")


async def test_an_earlier_owner_writes_no_more(address: str) -> None:
    """Even one that does not know yet that it is not the owner."""
    chat = 5
    async with process(address) as one:
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        epochs = one.sharing.leases.epochs([chat])
    two = Process(address)
    async with two.sharing.working(two.worker):
        await eventually(lambda: two.worker.shards == ALL_SHARDS, 10)
        late = Store(address)
        late.fence = one.sharing.leases
        one.sharing.leases.confirm(one.sharing.leases.clock())
        one.sharing.leases.take(epochs)
        with pytest.raises(LeaseLost, match="taken the chat over"):
            async with late.writing(of=chat) as tx:
                await chats.remember(tx, "a", "late")
        assert late.fault is None
        async with late.reading() as tx:
            assert await chats.fact(tx, "a") is None
        await late.close()
    await one.store.close()
    await two.store.close()


async def test_a_new_owner_waits_for_what_an_earlier_one_writes(address: str) -> None:
    """A transaction that passed the fence is finished before the epoch rises."""
    chat = 5
    async with process(address) as one:
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        async with one.store.writing(of=chat) as tx:
            await chats.remember(tx, "a", "b")
            one.sharing.leases.give_up({shard_of(chat)})
            one.sharing._to_release.add(shard_of(chat))
            async with process(address) as two:
                await eventually(lambda: len(two.held) >= 31, 10)
                await asyncio.wait_for(asyncio.sleep(1.0), 5)
                assert shard_of(chat) not in one.held | two.held
        await eventually(lambda: one.sharing.owns(chat), 10)


async def test_a_process_that_is_cut_off_gives_up_before_the_server_does(address: str) -> None:
    """Its session says nothing any more: its own timer ends its work a second before others begin."""
    async with process(address) as one, process(address) as two:
        await shared(one, two)
        session = one.sharing._session
        assert session is not None
        held = one.held
        cut = asyncio.Event()

        async def nothing() -> None:
            cut.set()
            await asyncio.Event().wait()

        session.look = nothing  # type: ignore[method-assign,assignment]  # a link that is dead
        await cut.wait()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await eventually(lambda: not one.held, 10)
        lost = loop.time() - begun
        await eventually(lambda: two.held >= held - one.held and len(two.held) > 32, 10)
        assert 2.0 < lost < 3.5
        await shared(one, two)


async def test_an_error_within_the_session_ends_it_with_all_its_locks(address: str) -> None:
    """As where somebody holds the table for longer than is waited for."""
    blocking = await asyncpg.connect(address)
    async with process(address) as one:
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        async with blocking.transaction():
            await blocking.execute("LOCK TABLE leases IN ACCESS EXCLUSIVE MODE")
            one.sharing.leases.give_up({5})
            one.sharing._to_release.add(5)  # it is taken again with the next beat
            await eventually(lambda: bool(one.worker.broken_off), 10)
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        found = await one.sharing._session.look()  # type: ignore[union-attr]
        assert found.processes == 1
    await blocking.close()


async def test_a_duty_is_done_by_one_at_a_time(address: str) -> None:
    doing: list[int] = []
    most = 0

    def work(number: int) -> postgresql.Work:
        async def do() -> None:
            nonlocal most
            doing.append(number)
            most = max(most, len(doing))
            try:
                await asyncio.Event().wait()
            finally:
                doing.remove(number)

        return do

    async with process(address) as one, process(address) as two:
        tasks = [
            asyncio.create_task(each.sharing.perform(Duty.POLLING, work(number)))
            for number, each in enumerate((one, two))
        ]
        await eventually(lambda: len(doing) == 1, 10)
        first = doing[0]
        tasks[first].cancel()
        await eventually(lambda: doing == [1 - first], 10)
        await postgres.server().end_sessions(address)
        await eventually(lambda: not doing, 10)
        await eventually(lambda: doing == [1 - first], 10)
        assert most == 1
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_duty_whose_work_ends_in_a_trouble_raises_it(address: str) -> None:
    async def fail() -> None:
        raise LookupError

    async with process(address) as one:
        with pytest.raises(LookupError):
            await one.sharing.perform(Duty.POLLING, fail)


async def test_bells_are_heard_by_the_others_when_the_transaction_commits(address: str) -> None:
    heard: list[str] = []
    own: list[str] = []
    async with process(address) as one, process(address) as two:
        two.sharing.on(Bell.SILENCE, heard.append)
        one.sharing.on(Bell.SILENCE, own.append)
        with pytest.raises(LookupError):
            async with one.store.writing(of=()) as tx:
                await one.sharing.ring(tx, Bell.SILENCE, 1)
                raise LookupError
        async with one.store.writing(of=()) as tx:
            await one.sharing.ring(tx, Bell.SILENCE, 2)
            await one.sharing.ring(tx, Bell.NOTICE, 3)
        async with one.store.writing(of=()) as tx:
            await one.sharing.ring(tx, Bell.SILENCE, "of words and numbers")
        await eventually(lambda: heard == ["2", "of words and numbers"], 10)
        two.sharing.on(Bell.STOP, lambda about: heard.append(str(int(about))))
        session = await asyncpg.connect(address)
        for said in ("", "x", "x STOP", "x STOP no number", "x NEWER 1", "x STOP 7"):
            await session.execute("SELECT pg_notify('bridge', $1)", said)
        await session.close()
        await eventually(lambda: heard[-1] == "7", 10)
    assert own == []


async def test_a_pooler_that_keeps_no_sessions_is_refused(address: str) -> None:
    socket = str(postgres.server().folder / ".s.PGSQL.5432")
    name = address.partition("@/")[2].partition("?")[0]
    async with pooler(socket) as port:
        one = Process(f"postgresql://postgres@127.0.0.1:{port}/{name}")
        with pytest.raises(StoreTrouble, match="a pooler stands in between"):
            async with one.sharing.working(one.worker):
                pass
        await one.store.close()


async def test_who_works_is_told_of_updates_while_any_wait(address: str) -> None:
    async with process(address) as one:
        await eventually(lambda: one.worker.shards == ALL_SHARDS, 10)
        assert one.worker.noted == 0
        async with one.store.writing(of=()) as tx:
            await inbox.put(tx, 42, {7: {"update_id": 7}})
        await eventually(lambda: one.worker.noted >= 2, 10)


async def test_updates_that_are_new_ring_for_their_chats(address: str) -> None:
    heard: list[str] = []
    async with process(address) as one, process(address) as two:
        two.sharing.on(Bell.UPDATES, heard.append)
        two.sharing.on(Bell.CHAT, lambda about: heard.append(f"end {about}"))
        updates = {7: {"update_id": 7}, 8: {"update_id": 8}}
        for _ in range(2):  # the second time they are known
            async with one.store.writing(single=True) as tx:
                rings = one.sharing.ringing(Bell.UPDATES, inbox.CHAT_OF_NEW)
                await inbox.put(tx, 42, updates, {8}, {7: 5, 8: 6}, rings)
        async with one.store.writing(of=()) as tx:
            await one.sharing.ring(tx, Bell.CHAT, 9)
        await eventually(lambda: "end 9" in heard, 10)
    assert heard == ["5", "end 9"]
