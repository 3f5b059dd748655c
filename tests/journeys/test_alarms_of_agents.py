"""Operators hear at once that an agent cannot be asked: not only when people have failed."""

import asyncio

from structlog.testing import capture_logs
from worlds import World, eventually, in_a_fast_world

from bridge.sandbox.coze import saying
from bridge.sandbox.telegram import Person

ANSWER = "An answer of some words."


def alarms(world: World, operator: Person) -> list[str]:
    return [post.text for post in world.posts(operator) if post.text[0] in "🔴🟢"]


async def opened(world: World, name: str, language: str = "en") -> Person:
    """Somebody who has opened the bot: only they can be written to."""
    person = world.telegram.add_person(name, language_code=language)
    async with world.bridge():
        world.telegram.send(person, "/help")
        await world.settled(person, 1)
    return person


@in_a_fast_world
async def test_a_start_says_that_the_agent_is_there(world: World) -> None:
    with capture_logs() as logs:
        async with world.bridge():
            await eventually(lambda: "agent found" in [one["event"] for one in logs], 20)
    assert "ready" in [one["event"] for one in logs]
    assert world.coze.asked == []


@in_a_fast_world
async def test_a_start_with_a_wrong_token_says_so_before_anybody_asks(world: World) -> None:
    ann = await opened(world, "Ann")
    with capture_logs() as logs:
        async with world.bridge(BRIDGE_OPERATORS=str(ann.id), COZE_API_TOKEN="pat_wrong"):
            await world.telegram.until(lambda: len(alarms(world, ann)) == 1, 100)
            text = alarms(world, ann)[0]
            assert text.startswith("🔴 Coze refuses the credential.")
            assert "Replace COZE_API_TOKEN" in text
            assert "pat_wrong" not in text + str(logs)
    told = [one for one in logs if one["event"] == "agent cannot be asked"]
    assert len(told) == 1
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: len(alarms(world, ann)) == 2, 100)
        assert alarms(world, ann)[1].startswith("🟢 Over after")


@in_a_fast_world
async def test_a_wrong_agent_is_an_alarm_in_the_operators_language(world: World) -> None:
    yu = await opened(world, "小雨", "zh-hans")
    async with world.bridge(BRIDGE_OPERATORS=str(yu.id), COZE_BOT_ID="4711"):
        await world.telegram.until(lambda: len(alarms(world, yu)) == 1, 100)
        assert alarms(world, yu)[0].startswith("🔴 智能体无法使用。")
        assert "COZE_BOT_ID" in alarms(world, yu)[0]


@in_a_fast_world
async def test_coze_away_is_an_alarm_that_ends_without_anybodys_question(world: World) -> None:
    ann, bo = await opened(world, "Ann"), world.telegram.add_person("Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
        for path in (
            "/v3/chat",
            "/v1/conversation/create",
            f"/v1/bots/{world.settings.coze_bot_id}",
        ):
            world.coze.fail_gateway(path, 503, times=1000)
        for number in range(3):
            world.telegram.send(bo, "hello")
            await world.settled(bo, number + 1, timeout=100)
        await world.telegram.until(lambda: len(alarms(world, ann)) == 1, 300)
        assert alarms(world, ann)[0].startswith("🔴 Coze cannot be reached, or fails again and")
        await asyncio.sleep(130)  # it is looked up meanwhile, and still away
        assert len(alarms(world, ann)) == 1
        world.coze.mend()
        await world.telegram.until(lambda: len(alarms(world, ann)) == 2, 300)
        assert alarms(world, ann)[1].startswith("🟢 Over after")


@in_a_fast_world
async def test_one_failure_of_coze_alarms_nobody(world: World) -> None:
    ann, bo = await opened(world, "Ann"), world.telegram.add_person("Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
        for number in range(3):
            world.coze.fail("/v3/chat", 5000, times=2, as_event="failed")
            world.telegram.send(bo, "hello")
            await world.settled(bo, 2 * number + 1, timeout=100)
            world.coze.mend()
            world.telegram.send(bo, "hello")
            await world.settled(bo, 2 * number + 2, timeout=100)
        await asyncio.sleep(30)
        assert alarms(world, ann) == []


@in_a_fast_world
async def test_runs_that_fail_while_the_agent_can_be_looked_up_are_one_alarm(world: World) -> None:
    """A good look does not say that the model works: only an answer does."""
    ann, bo = await opened(world, "Ann"), world.telegram.add_person("Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
        world.coze.fail("/v3/chat", 5000, times=1000, as_event="failed")
        for number in range(5):
            world.telegram.send(bo, "hello")
            await world.settled(bo, number + 1, timeout=100)
            await asyncio.sleep(70)
        assert len(alarms(world, ann)) == 1
        world.coze.mend()
        world.telegram.send(bo, "hello")
        await world.telegram.until(lambda: len(alarms(world, ann)) == 2, 100)
