"""What is said about data is so: searched for in the tables, the files and the log."""

import re
import sqlite3
from pathlib import Path

import planted
import pytest
from structlog.testing import capture_logs
from worlds import BOT_TOKEN, COZE_TOKEN, World, a_world, eventually, in_a_fast_world

from bridge.app import App
from bridge.sandbox.coze import saying
from bridge.sandbox.telegram import Person
from bridge.store import inbox

ANSWER = "An answer of some words."
DAY = 86400.0
PLANTED = "violet elephants number {}"


def database(folder: Path) -> Path:
    return folder / "bridge.db"


def age(folder: Path, seconds: float) -> None:
    """Let so much time pass for all that is kept."""
    with sqlite3.connect(database(folder)) as base:
        for (table,) in base.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            for row in base.execute(f'PRAGMA table_info("{table}")').fetchall():
                if row[2] == "FLOAT" and table != "learned_limits":  # all others are times
                    base.execute(f'UPDATE "{table}" SET "{row[1]}" = "{row[1]}" - ?', (seconds,))
    base.close()


def kept(folder: Path, words: list[str]) -> list[str]:
    """Which words stand anywhere in the files of the database."""
    return [one for one in words if planted.bytes_with(folder, [one])]


async def asked(world: World, person: Person, text: str) -> None:
    count = len(world.posts(person))
    world.telegram.send(person, text)
    await world.settled(person, count + 1, timeout=60)


@pytest.mark.slow
async def test_a_week_leaves_what_privacy_says(tmp_path: Path) -> None:
    words = {day: [PLANTED.format(f"{day}{number}") for number in "abc"] for day in range(7)}
    async with a_world(tmp_path) as world:
        ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
        world.coze.use(saying(ANSWER, follow_ups=["And the orange giraffe?"]))
        with capture_logs() as logs:
            for day in words:
                async with world.bridge():
                    for text in words[day]:
                        await asked(world, ann, text)
                    await asked(world, bo, f"something else of day {day}")
                # The last question of the chat, and what is younger than ten minutes.
                assert kept(tmp_path, words[day]) == words[day]
                age(tmp_path, DAY)
            async with world.bridge():
                world.telegram.send(ann, "/privacy")
                await eventually(lambda: "violet" not in world.posts(ann)[-1].text, 10)
                await world.settled(ann, 22, timeout=60)
            every = [text for texts in words.values() for text in texts]
            # "the words of your last question", and "the first words of a conversation, as its name"
            assert kept(tmp_path, every) == [words[0][0], words[6][-1]]
            assert kept(tmp_path, ["orange giraffe"]) == ["orange giraffe"]  # for thirty days
            age(tmp_path, 30 * DAY)
            async with world.bridge():
                pass
            assert kept(tmp_path, ["orange giraffe", ANSWER]) == []
            age(tmp_path, 90 * DAY)
            async with world.bridge():
                pass
            assert kept(tmp_path, every) == []
    assert not [entry for entry in logs if any(text in str(entry) for text in every)]


async def test_words_go_ten_minutes_after_their_answer_while_it_runs(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        ann = world.telegram.add_person("Ann")
        world.coze.use(saying(ANSWER))
        async with world.bridge(BRIDGE_TITLES="off"):
            for number in range(3):
                await asked(world, ann, PLANTED.format(number))
            age(tmp_path, 700)
            gone = [PLANTED.format(number) for number in range(2)]
            await eventually(lambda: not planted.bytes_with(tmp_path, gone), 200)
            assert kept(tmp_path, [PLANTED.format(2)])


async def test_forgetting_takes_everything_along(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        ann = world.telegram.add_person("Annabella Quux", "quuxana")
        bo = world.telegram.add_person("Bo")
        world.coze.use(saying(ANSWER, follow_ups=["And the orange giraffe?"]))
        async with world.bridge(BRIDGE_OPERATORS=str(bo.id)) as app:
            group = world.telegram.add_group("Group", [ann, bo])
            await world.settled(group, 1, timeout=60)
            await asked(world, ann, PLANTED.format("private"))
            world.telegram.send(ann, f"@sandbox_bot {PLANTED.format('group')}", chat=group)
            await world.settled(group, 2, timeout=60)
            await asked(world, bo, f"/block {ann.id}")
            await asked(world, bo, f"/allow {ann.id}")
            await asked(world, bo, f"/operators add {ann.id}")
            await _set_aside(world, app, ann, PLANTED.format("aside"))
            words = [PLANTED.format(one) for one in ("private", "group", "aside")]
            names = ["Annabella", "quuxana", "orange giraffe"]
            assert kept(tmp_path, [*words, *names]) == [*words, *names]
            await world.telegram.until(lambda: "operator" in world.posts(ann)[-1].text, 60)
            await asked(world, ann, "/forget")
            sure = next(post for post in world.posts(ann) if "Delete all" in post.text)
            world.telegram.press(ann, sure.message_id, data=f"forget:{ann.id}")
            await world.telegram.until(
                lambda: any("Deleted" in post.text for post in world.posts(ann)), 60
            )
            assert kept(tmp_path, [*words, "Annabella", "orange giraffe"]) == []
        assert kept(tmp_path, [*words, *names[:1]]) == []


async def _set_aside(world: World, app: App, person: Person, text: str) -> None:
    """An update that cannot be settled, with words in it."""
    broken = {"message_id": 99, "date": 1, "chat": {"id": person.id, "type": "private"}}
    who = {"id": person.id, "is_bot": False, "first_name": "Annabella"}
    world.telegram.inject(
        {"message": {**broken, "from": who, "text": text, "photo": 7, "entities": 9}}
    )

    async def aside() -> bool:
        async with app.store.reading() as tx:
            return bool(await inbox.count(tx, "aside"))

    for _ in range(200):
        if await aside():
            return
        await world.telegram.until(lambda: True, 1)
    raise AssertionError("it was not set aside")


@in_a_fast_world
async def test_what_coze_repeats_goes_nowhere(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    question = PLANTED.format("quoted")
    with capture_logs() as logs:
        async with world.bridge(BRIDGE_OPERATORS=str(bo.id)):
            for code in (4014, 4010, 4028, 4100, 4101, 4999, 5000, 712345678):
                world.coze.fail(
                    "/v3/chat",
                    code,
                    f"refused: {question} for Bearer {COZE_TOKEN} of 7 {BOT_TOKEN}",
                    times=3,
                )
                await asked(world, ann, f"{question} {code}")
                world.coze.state.faults.failures.clear()
            for command in ("/errors", "/status", "/audit"):
                await asked(world, bo, command)
    told = [post.text for person in (ann, bo) for post in world.posts(person)] + [str(logs)]
    for secret in (question, COZE_TOKEN, BOT_TOKEN):
        assert not [text for text in told if secret in text], secret
    folder = Path(re.sub(r".*:///", "", world.variables["DATABASE_URL"])).parent
    assert planted.columns_with(folder, [question]) == []
    assert planted.bytes_with(folder, (COZE_TOKEN, BOT_TOKEN)) == []
    assert any("no access" in text or "4101" in text for text in told)


async def test_what_is_deleted_is_overwritten_however_sqlite_was_built(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world, world.bridge() as app, app.store.reading() as tx:
        found = (await tx.exec_driver_sql("PRAGMA secure_delete")).scalar_one()
    assert int(found) == 1


async def test_forgetting_takes_what_was_overheard_along(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
        world.telegram.privacy = False
        world.coze.use(saying(ANSWER))
        async with world.bridge(BRIDGE_GROUP_CONTEXT="10"):
            group = world.telegram.add_group("Group", [ann, bo])
            await world.settled(group, 1, timeout=60)
            world.telegram.send(ann, PLANTED.format("overheard"), chat=group)
            world.telegram.send(bo, "@sandbox_bot what does she say?", chat=group)
            await world.settled(group, 2, timeout=60)
            assert PLANTED.format("overheard") in world.coze.asked[0].question
            world.telegram.send(ann, PLANTED.format("again"), chat=group)
            await asked(world, ann, "/forget")
            sure = world.posts(ann)[-1].message_id
            world.telegram.press(ann, sure, data=f"forget:{ann.id}")
            await world.telegram.until(lambda: "Deleted" in world.posts(ann)[-1].text, 60)
            await eventually(lambda: not kept(tmp_path, [PLANTED.format("overheard")]), 60)
            world.telegram.send(bo, "@sandbox_bot and now?", chat=group)
            await world.settled(group, 3, timeout=60)
            assert "violet" not in world.coze.asked[1].question


@in_a_fast_world
async def test_a_server_that_quotes_the_address_of_a_call_tells_no_token(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying(ANSWER))
    quoting = f"error at https://api.telegram.org/bot{BOT_TOKEN}/sendMessage"
    with capture_logs() as logs:
        async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
            refusal = {"ok": False, "error_code": 400, "description": quoting}
            world.telegram.fail("sendMessage", 400, 2, refusal)
            world.telegram.fail("editMessageText", 400, 2, refusal)
            world.telegram.send(ann, "hello there, friend")
            await world.handled()
            await asked(world, ann, "/errors")
    assert BOT_TOKEN not in str(logs) + str([post.text for post in world.posts(ann)])
