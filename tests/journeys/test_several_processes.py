"""Several bridges on one PostgreSQL: people see one bot, whichever process answers them."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import postgres
import pytest
from processes import Bridge
from sqlalchemy import update
from structlog.testing import capture_logs
from worlds import World, a_world, buttons, eventually, is_running

from bridge import process_report
from bridge.app import App
from bridge.errors import StoreTrouble
from bridge.ops.http import gauged
from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.telegram import Group, Person
from bridge.sharing import processes
from bridge.sharing.postgresql import PostgresqlCoordinator
from bridge.sharing.processes import Process
from bridge.sharing.shards import ALL_SHARDS, Duty
from bridge.store.dialects.postgresql import ALONE_LOCK
from bridge.store.engine import Store
from bridge.store.tables import processes as table
from bridge.store.turns import lifecycle
from bridge.telegram.commands.context import ProcessControls

pytestmark = pytest.mark.slow

ANSWER = "So many words. " * 20


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Both emulators, and a database on a server."""
    async with postgres.server().database() as address, a_world(tmp_path) as there:
        there.variables["DATABASE_URL"] = address
        yield there


def sharing(app: App) -> PostgresqlCoordinator:
    """What divides the work for one of them."""
    found = app.context.calls.sharing
    assert isinstance(found, PostgresqlCoordinator)
    return found


def shards(app: App) -> frozenset[int]:
    """Its shards."""
    return sharing(app).leases.held & ALL_SHARDS


async def shared(*apps: App) -> None:
    """Wait until each has its fair share, and all is taken."""
    most = -(-len(ALL_SHARDS) // len(apps))
    await eventually(
        lambda: (
            sum(len(shards(app)) for app in apps) == 64
            and all(len(shards(app)) <= most for app in apps)
        ),
        20,
    )


@asynccontextmanager
async def bridges(world: World, count: int = 2, **variables: str) -> AsyncIterator[list[App]]:
    """So many of them, which share the work."""
    async with AsyncExitStack() as stack:
        apps = [await stack.enter_async_context(world.bridge(**variables)) for _ in range(count)]
        await shared(*apps)
        yield apps


def somebody_of(world: World, app: App, name: str) -> Person:
    """Somebody whose private chat is that one's."""
    for _ in range(100):
        person = world.telegram.add_person(name)
        if sharing(app).owns(person.id):
            return person
    raise LookupError


def group_of(world: World, app: App, people: list[Person]) -> Group:
    """A group that is that one's."""
    for _ in range(100):
        group = world.telegram.add_group("Group", people)
        if sharing(app).owns(group.id):
            return group
    raise LookupError


def holder(apps: list[App], duty: Duty) -> App | None:
    """Who has a duty now."""
    found = [app for app in apps if duty in sharing(app).leases]
    assert len(found) < 2
    return found[0] if found else None


async def test_many_people_are_answered_once_by_either(world: World) -> None:
    people = [world.telegram.add_person(f"P{number}") for number in range(12)]
    world.coze.use(saying("An answer."))
    async with bridges(world) as apps:
        for number in range(2):
            for one in people:
                world.telegram.send(one, f"question {number}")
            for one in people:
                await world.settled(one, number + 1, timeout=30)
        owners = {sharing(apps[0]).owns(one.id) for one in people}
        assert owners == {True, False}
        assert holder(apps, Duty.POLLING) is not None
        assert [len(app.health.unready()) for app in apps] == [0, 0]
        assert [app.health.faults() for app in apps] == [[], []]
    assert (
        sorted(one.question for one in world.coze.asked)
        == ["question 0"] * 12 + ["question 1"] * 12
    )
    assert [len(world.posts(one)) for one in people] == [2] * 12


async def test_a_question_that_nobody_rang_for_is_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.coze.use(saying("An answer."))
    async with bridges(world) as apps:
        await eventually(lambda: holder(apps, Duty.POLLING) is not None, 10)
        poller, other = sorted(apps, key=lambda app: app is not holder(apps, Duty.POLLING))
        monkeypatch.setattr(sharing(poller), "ringing", lambda *_: ())
        somebody = somebody_of(world, other, "Ann")
        world.telegram.send(somebody, "hello")
        await world.settled(somebody, 1, timeout=10)


async def test_what_one_leaves_the_other_finishes(world: World) -> None:
    """Also the polling, and what comes meanwhile."""
    world.coze.pace = Pace(0.05, 0.05)
    world.coze.use(saying(ANSWER))
    async with world.bridge() as stays:
        async with world.bridge(BRIDGE_GRACE_SECONDS="0") as goes:
            await shared(stays, goes)
            people = [somebody_of(world, app, "Ann") for app in (stays, goes)]
            for one in people:
                world.telegram.send(one, "hello")
            for one in people:
                await world.telegram.until(lambda it=one: bool(world.posts(it)))
        for one in people:
            world.telegram.send(one, "more")
        for one in people:
            await eventually(
                lambda it=one: [post.text for post in world.posts(it)] == [ANSWER.strip()] * 2, 40
            )
    assert sorted(one.question for one in world.coze.asked) == ["hello"] * 2 + ["more"] * 2


POINTS = [
    "after getupdates 1",
    "before /v3/chat 1",
    "after /v3/chat 1",
    "after sendmessage 1",
]
"""Where a process dies while another one is there."""


async def test_a_process_that_dies_is_replaced_wherever_it_dies(tmp_path: Path) -> None:
    async def one(number: int, point: str, address: str) -> str | None:
        folder = tmp_path / str(number)
        folder.mkdir()
        async with a_world(folder) as world:
            world.variables["DATABASE_URL"] = address
            world.coze.pace = Pace(0.05, 0.02)
            world.coze.use(saying(ANSWER))
            dies = Bridge(world.variables, folder, point)
            try:
                await dies.ready()
                await world.telegram.until(lambda: world.telegram.polling)  # it has that duty
                async with world.bridge() as stays:
                    await eventually(lambda: len(shards(stays)) == 32, 30)
                    ann = somebody_of_another(world, stays)
                    world.telegram.send(ann, "hello")
                    assert await dies.ended() == -9, f"it did not die {point}"
                    whole = [ANSWER.strip()]
                    await eventually(lambda: [one.text for one in world.posts(ann)] == whole, 60)
            except TimeoutError:
                print(traceback.format_exc(), dies.output.read_text("utf-8"))
                return f"{point}: {[one.text[-40:] for one in world.telegram.everything()]}"
            finally:
                dies.kill()
            return None if len(world.coze.asked) == 1 else f"{point}: {world.coze.asked}"

    async with AsyncExitStack() as stack:
        places = [await stack.enter_async_context(postgres.server().database()) for _ in POINTS]
        found = await asyncio.gather(*map(one, range(len(POINTS)), POINTS, places))
    assert [wrong for wrong in found if wrong] == []


def somebody_of_another(world: World, app: App) -> Person:
    """Somebody whose private chat is not that one's."""
    for _ in range(100):
        person = world.telegram.add_person("Ann")
        if not sharing(app).owns(person.id):
            return person
    raise LookupError


async def test_a_session_that_is_lost_costs_nothing(world: World) -> None:
    """Every lease is lost at once, and each turn goes on with whoever has its chat then."""
    world.coze.pace = Pace(0.05, 0.05)
    world.coze.use(saying(ANSWER))
    async with bridges(world) as apps:
        people = [somebody_of(world, app, "Ann") for app in apps for _ in range(2)]
        for one in people:
            world.telegram.send(one, "hello")
        for one in people:
            await world.telegram.until(lambda it=one: bool(world.posts(it)))
        await postgres.server().end_sessions(world.variables["DATABASE_URL"])
        for one in people:
            await eventually(
                lambda it=one: [post.text for post in world.posts(it)] == [ANSWER.strip()], 60
            )
    assert len(world.coze.asked) == len(people)


async def test_the_code_of_one_is_taken_by_the_other(world: World) -> None:
    with capture_logs() as logs:
        async with bridges(world) as apps:
            codes = [entry["code"] for entry in logs if "code" in entry]
            assert len(codes) == 2
            ann = somebody_of(world, apps[0], "Ann")
            world.telegram.send(ann, codes[1])
            assert "operator of this bot" in (await world.settled(ann, 1)).text
            await eventually(lambda: apps[1].context.rights.operators == {ann.id}, 10)
            bo = somebody_of(world, apps[1], "Bo")
            world.telegram.send(bo, codes[0])  # it counts for nobody any more
            await world.settled(bo, 1)
            assert apps[1].context.rights.operators == {ann.id}


async def test_an_operator_who_is_added_is_one_everywhere(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with bridges(world, BRIDGE_OPERATORS=str(ann.id)) as apps:
        other = apps[1] if sharing(apps[0]).owns(ann.id) else apps[0]
        bo = somebody_of(world, other, "Bo")
        world.telegram.send(bo, "hello")
        await world.settled(bo, 1)
        world.telegram.send(ann, f"/operators add {bo.id}")
        await eventually(lambda: all(bo.id in app.context.rights.operators for app in apps), 10)


async def test_a_broadcast_reaches_everybody_once(world: World) -> None:
    """Whoever has the duty sends it, also when it is confirmed elsewhere."""
    ann = world.telegram.add_person("Ann")
    async with bridges(world, BRIDGE_OPERATORS=str(ann.id)) as apps:
        await eventually(lambda: holder(apps, Duty.BROADCASTS), 10)
        people = [somebody_of(world, app, "Bo") for app in apps for _ in range(3)]
        for one in (ann, *people):
            world.telegram.send(one, "hello")
            await world.settled(one, 1)
        world.telegram.send(ann, "/broadcast News for all.")
        await eventually(lambda: _button(world, ann, "op:broadcast:send"), 10)
        _press(world, ann, "op:broadcast:send")
        for one in people:
            await eventually(lambda it=one: _count(world, it, "News for all.") == 1, 20)
        await eventually(lambda: _count(world, ann, "News for all.") == 2, 20)  # with the preview


async def test_somebody_is_forgotten_while_another_process_answers_them(world: World) -> None:
    world.coze.pace = Pace(0.05, 0.2)
    world.coze.use(saying(ANSWER))
    async with bridges(world) as apps:
        ann = somebody_of(world, apps[0], "Ann")
        group = group_of(world, apps[1], [ann])
        world.telegram.send(ann, "@sandbox_bot hello", chat=group)
        await world.telegram.until(lambda: any(map(is_running, world.posts(group))))
        world.telegram.send(ann, "/forget")
        await world.settled(ann, 1)
        _press(world, ann, "forget:")
        await eventually(lambda: "eleted" in world.posts(ann)[-1].text, 20)
        assert "stopped" in world.posts(group)[-1].text.casefold()
        async with apps[0].store.reading() as tx:
            assert await lifecycle.open_chats(tx, ann.id) == []


async def test_a_group_that_becomes_a_supergroup_of_the_other(world: World) -> None:
    world.coze.use(saying("An answer."))
    async with bridges(world) as apps:
        ann = world.telegram.add_person("Ann")
        moved = 0
        for number in range(8):
            group = world.telegram.add_group("Group", [ann], basic=True)
            old = group.id
            world.telegram.send(ann, f"@sandbox_bot before {number}", chat=group)
            await answered(world, apps, 2 * number + 1, group)
            group = world.telegram.migrate(group)
            moved += sharing(apps[0]).owns(old) != sharing(apps[0]).owns(group.id)
            world.telegram.send(ann, f"@sandbox_bot after {number}", chat=group)
            await answered(world, apps, 2 * number + 2, group)
            assert _count(world, group, "An answer.") == 1
        assert moved
    places = {one.question.rpartition(": ")[2]: one.conversation_id for one in world.coze.asked}
    assert len(world.coze.asked) == 16
    for number in range(8):  # its memory goes along
        assert places[f"before {number}"] == places[f"after {number}"]


async def test_an_alarm_of_one_is_ended_by_an_answer_of_the_other(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("An answer."))
    async with bridges(world, BRIDGE_OPERATORS=str(ann.id)) as apps:
        people = [somebody_of(world, app, "Bo") for app in apps]
        for one in (ann, *people):
            world.telegram.send(one, "hello")
            await world.settled(one, 1)
        world.coze.fail("/v3/chat", 4011)  # the quota is used up
        world.telegram.send(people[0], "hello")
        await eventually(lambda: len(world.posts(ann)) == 2, 20)
        world.telegram.send(people[1], "hello")
        await eventually(lambda: len(world.posts(ann)) == 3, 20)
        assert "over" in world.posts(ann)[2].text.casefold()


async def test_only_one_polls_and_the_next_takes_over(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("An answer."))
    async with AsyncExitStack() as stack:
        stays = await stack.enter_async_context(world.bridge())
        async with world.bridge() as goes:
            await shared(stays, goes)
            sharing(stays)._duties.pop(Duty.POLLING)  # it would not poll
            await eventually(lambda: holder([stays, goes], Duty.POLLING) is goes, 10)
            world.telegram.send(ann, "hello")
            await world.settled(ann, 1)
            sharing(stays)._duties[Duty.POLLING] = asyncio.Event()
        assert not stays.polling_task.done()
    conflicts = [one for one in world.telegram.calls if "onflict" in (one.description or "")]
    assert conflicts == []


async def answered(world: World, apps: list[App], questions: int, group: Group) -> None:
    """Wait until so many questions were asked, an answer stands, and nothing is being answered.

    Where a lease was lost in this moment, nobody answers what is asked already, until it is taken up.
    """
    await eventually(
        lambda: (
            len(world.coze.asked) == questions
            and _count(world, group, "An answer.")
            and not any(app.lanes.chats() | app.context.notices.chats() for app in apps)
        ),
        40,
    )


NEWER = (
    "ALTER TABLE turns ADD COLUMN of_a_newer_release TEXT NOT NULL DEFAULT 'so'",
    "ALTER TABLE chats ADD COLUMN of_a_newer_release INTEGER",
    "CREATE TABLE of_a_newer_release (id INTEGER PRIMARY KEY)",
    "UPDATE alembic_version SET version_num = '9999'",
)
"""What a newer release may do to the schema, as CONTRIBUTING.md says."""


async def test_a_newer_release_beside_this_one(world: World) -> None:
    """It is started on the running database, and this one goes on, also when it starts again."""
    world.variables["DATABASE_URL"] = await postgres.server().new_database()
    world.coze.use(saying("An answer."))
    people = [world.telegram.add_person(f"P{number}") for number in range(4)]

    async def ask_all(count: int) -> None:
        for one in people:
            world.telegram.send(one, f"question {count}")
        for one in people:
            await world.settled(one, count, timeout=30)

    async with world.bridge() as before:
        await shared(before)
        await ask_all(1)
        async with before.store.writing() as tx:  # as its first process does
            for statement in NEWER:
                await tx.exec_driver_sql(statement)
        await ask_all(2)
        async with world.bridge() as again:  # one of this release that died meanwhile
            await shared(before, again)
            await ask_all(3)
    assert len(world.coze.asked) == 12


async def test_a_release_that_shares_with_nobody_keeps_others_away(world: World) -> None:
    session = await asyncpg.connect(world.variables["DATABASE_URL"])
    await session.execute("SELECT pg_advisory_lock($1, $2)", *ALONE_LOCK)
    with pytest.raises(StoreTrouble, match="too old to share"):
        async with world.bridge():
            pass
    await session.close()
    async with world.bridge() as app:
        await shared(app)
        other = await asyncpg.connect(world.variables["DATABASE_URL"])
        took = await other.fetchval("SELECT pg_try_advisory_lock($1, $2)", *ALONE_LOCK)
        await other.close()
    assert took is False


async def reported(app: App) -> None:
    """Wait until each has written down that it holds its share."""
    async with asyncio.timeout(20):
        while True:
            async with app.store.reading() as tx:
                if sorted(one.load.shards for one in await processes.all_of(tx)) == [32, 32]:
                    return
            await asyncio.sleep(0.1)


async def test_status_shows_all_of_them_and_those_that_were_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_report, "REPORT_SECONDS", 0.2)
    ann = world.telegram.add_person("Ann")
    async with bridges(world, BRIDGE_OPERATORS=str(ann.id)) as apps:
        await reported(apps[0])
        world.telegram.send(ann, "/status")
        await eventually(lambda: _count(world, ann, "holds 32 of 64 shards") == 1, 10)
        assert world.posts(ann)[-1].text.count("holds 32 of 64 shards") == 2
        async with apps[0].store.writing() as tx:
            gone = Process("gone", "elsewhere", 7, "0.1.0", 100.0)
            await processes.write(tx, gone)
            await tx.execute(
                update(table).where(table.c.id == "gone").values(seen_at=table.c.seen_at - 60)
            )
        world.telegram.send(ann, "/status")
        await eventually(lambda: len(world.posts(ann)) == 2, 10)
        assert "elsewhere (7): lost" in world.posts(ann)[-1].text
        told = (await gauged(apps[1])).processes
        assert told == {"working": 2, "lost": 1}
    store = Store(world.variables["DATABASE_URL"])
    async with store.reading() as tx:  # who ends by itself is no more
        assert [one.id for one in await processes.all_of(tx)] == ["gone"]
    await store.close()


async def test_a_log_level_counts_for_all_and_a_restart_goes_one_by_one(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    levels: list[tuple[int, str]] = []
    restarts: list[int] = []

    def controls(number: int) -> ProcessControls:
        def reload() -> Sequence[str]:
            restarts.append(number)
            return ()

        return ProcessControls(lambda level: levels.append((number, level)), reload)

    async with AsyncExitStack() as stack:
        apps = [
            await stack.enter_async_context(
                world.bridge(controls=controls(number), BRIDGE_OPERATORS=str(ann.id))
            )
            for number in range(2)
        ]
        await shared(*apps)
        world.telegram.send(ann, "/loglevel debug")
        await eventually(lambda: sorted(levels) == [(0, "DEBUG"), (1, "DEBUG")], 10)
        world.telegram.send(ann, "/reload")
        await eventually(lambda: _button(world, ann, "op:reload"), 10)
        _press(world, ann, "op:reload")
        await eventually(lambda: len(restarts) == 1, 10)
        first = apps[restarts[0]]
        assert sharing(first).owns(ann.id)
        await asyncio.wait_for(asyncio.sleep(2.0), 5)  # it has not restarted yet
        assert len(restarts) == 1
        async with first.store.writing() as tx:  # as when it ends and comes back
            await processes.forget(tx, sharing(first).name)
            sharing(first).name = "zz another start"
        await eventually(lambda: len(restarts) == 2, 20)
        assert sorted(restarts) == [0, 1]


def _count(world: World, place: Person | Group, text: str) -> int:
    return sum(text in post.text for post in world.posts(place))


def _button(world: World, person: Person, lead: str) -> tuple[int, str] | None:
    for post in reversed(world.posts(person)):
        for data in buttons(post).values():
            if data.startswith(lead):
                return post.message_id, data
    return None


def _press(world: World, person: Person, lead: str) -> None:
    found = _button(world, person, lead)
    assert found is not None
    world.telegram.press(person, found[0], data=found[1])
