"""The first trouble is what people and operators read; what was answered is no failure."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from worlds import World, buttons, in_a_fast_world, troubles

from bridge.coze.conversations import create_conversation
from bridge.coze.kinds.chat_run import follow
from bridge.coze.runs import RunRequest
from bridge.errors.coze import AgentUnavailable
from bridge.parts.clients import coze_client
from bridge.relay.progress import Progress
from bridge.sandbox.coze import fixed, saying
from bridge.sandbox.coze.scripts.steps import Completed, Delta, Fail, Silence, ending, say

pytestmark = pytest.mark.slow

WHOLE = "The whole answer, with **all** its words."
SHOWN = "The whole answer, with all its words."


@pytest.mark.parametrize("finish", [True, False])
@pytest.mark.parametrize("shape", ["event", "chat", "bare", "string"])
async def test_what_fails_after_a_whole_answer_takes_nothing_away(
    shape: str, finish: bool, world: World
) -> None:
    ann = world.telegram.add_person("Ann")
    remark = [step for step in ending() if isinstance(step, Completed)] if finish else []
    failure = Fail(5000, "internal server error", shape)  # type: ignore[arg-type]
    world.coze.use(fixed(*say("a", WHOLE), *remark, failure))
    async with world.bridge():
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1)
    assert post.text == SHOWN
    assert list(buttons(post)) == ["👍", "👎"]
    assert await troubles(world) == []
    assert not [one for one in world.coze.requests if one.path == "/v3/chat/cancel"]


@pytest.mark.parametrize(
    "steps",
    [
        [Delta("a", "Half of"), Fail(5000, "internal server error", "event")],
        [
            *say("a", WHOLE),
            Completed("call", '{"name":"x"}', type="function_call"),
            Fail(5000, "internal server error", "event"),
        ],
        [*say("a", WHOLE), Delta("b", "And"), Fail(5000, "internal server error", "chat")],
    ],
)
async def test_what_fails_before_all_is_said_is_a_failure(
    steps: list[object], world: World
) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(fixed(*steps))  # type: ignore[arg-type]
    async with world.bridge():
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1)
    assert list(buttons(post)) == ["Try again"]
    (trouble,) = await troubles(world)
    assert "internal server error" in trouble


@pytest.mark.parametrize("form", ["gateway", "json"])
def test_a_gateways_answer_is_what_the_operator_reads(form: str, tmp_path: Path) -> None:
    @in_a_fast_world
    async def journey(world: World) -> None:
        ann = world.telegram.add_person("Ann")
        if form == "gateway":
            world.coze.fail_gateway("/v3/chat", http=504, times=20)
        else:
            world.coze.fail("/v3/chat", 500, "internal server error", http=500, times=20)
        async with world.bridge():
            world.telegram.send(ann, "hello")
            await world.settled(ann, 1, timeout=60)
        (trouble,) = await troubles(world)
        assert ("HTTP 504" if form == "gateway" else "internal server error (code 500") in trouble
        assert "network" not in trouble
        paths = [one.path for one in world.coze.requests]
        assert paths.count("/v3/chat") == 2
        assert paths.count("/v1/conversation/message/list") <= 8

    journey(tmp_path)


@pytest.mark.parametrize("newlines", [0, 1, 2])
async def test_the_last_event_counts_however_its_stream_ends(newlines: int, world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.quirks.final_newlines = newlines
    world.coze.fail("/v3/chat", 4028, "used up", as_event="first")
    async with world.bridge():
        world.telegram.send(ann, "hello")
        await world.settled(ann, 1)
    (trouble,) = await troubles(world)
    assert "code 4028" in trouble
    assert not [one for one in world.coze.requests if one.path.endswith("message/list")]


@pytest.mark.parametrize("newlines", [0, 1, 2])
async def test_an_answer_counts_however_its_stream_ends(newlines: int, world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.quirks.final_newlines = newlines
    world.coze.use(saying(WHOLE))
    async with world.bridge():
        world.telegram.send(ann, "hello")
        assert (await world.settled(ann, 1)).text == SHOWN
    assert not [one for one in world.coze.requests if one.path.endswith("message/list")]


@pytest.mark.parametrize("code", [4002, 4200])
async def test_a_conversation_that_is_gone_is_replaced_once_and_said(
    code: int, world: World
) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.quirks.lost_conversation_code = code
    world.coze.use(saying(WHOLE))
    async with world.bridge():
        world.telegram.send(ann, "one")
        await world.settled(ann, 1)
        world.coze.forget_conversation(world.coze.asked[0].conversation_id)
        world.telegram.send(ann, "two")
        post = await world.settled(ann, 2)
    assert post.text.endswith(SHOWN)
    assert post.text != SHOWN  # that the conversation is new is said
    assert [one.question for one in world.coze.asked] == ["one", "two"]
    assert await troubles(world) == []


@in_a_fast_world
async def test_a_conversation_that_is_gone_counts_as_deleted(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.quirks.lost_conversation_code = 4200
    world.coze.use(saying(WHOLE))
    async with world.bridge():
        world.telegram.send(ann, "one")
        await world.settled(ann, 1)
        world.coze.forget_conversation(world.coze.asked[0].conversation_id)
        world.telegram.send(ann, "/forget")
        asked = await world.settled(ann, 2)
        await asyncio.sleep(10)
        world.telegram.press(ann, asked.message_id, next(iter(buttons(asked))))
        await world.telegram.until(lambda: not buttons(world.posts(ann)[-1]))
        told = world.posts(ann)[-1].text
    assert "not" not in told.split("Coze")[-1], told


async def test_an_agent_that_is_unknown_costs_no_conversation(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "one")
        await world.settled(ann, 1)
        message = "Requested resource bot_id=74 does not exist"
        world.coze.fail("/v3/chat", 4200, message, times=2)
        world.telegram.send(ann, "two")
        await world.settled(ann, 2)
        world.coze.mend()
        world.telegram.send(ann, "three")
        await world.settled(ann, 3)
    assert len({one.conversation_id for one in world.coze.asked}) == 1
    (trouble,) = await troubles(world)
    assert "COZE_BOT_ID" in trouble


async def test_what_stays_unknown_in_a_new_conversation_is_the_agent(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.fail("/v3/chat", 4200, "Requested resource does not exist", times=9)
    async with world.bridge():
        world.telegram.send(ann, "one")
        await world.settled(ann, 1)
    (trouble,) = await troubles(world)
    assert AgentUnavailable.cure.split()[1] in trouble
    assert [one.path for one in world.coze.requests].count("/v3/chat") == 2


@in_a_fast_world
async def test_a_run_that_cannot_be_cancelled_blocks_no_chat(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(fixed(Delta("a", "It begins"), Silence(100_000), Completed("a", "never")))
    world.coze.fail("/v3/chat/cancel", 5000, "internal server error", times=100)
    async with world.bridge():
        world.telegram.send(ann, "one")
        await world.telegram.until(lambda: bool(world.posts(ann)))
        world.telegram.send(ann, "/stop")
        await world.settled(ann, 1, timeout=60)
        world.coze.use(saying(WHOLE))
        world.telegram.send(ann, "two")
        await world.telegram.until(
            lambda: world.posts(ann)[-1].text.endswith(SHOWN), timeout=60 * 60
        )
    assert [one.question for one in world.coze.asked] == ["one", "two"]
    assert len({one.conversation_id for one in world.coze.asked}) == 2


async def test_json_that_is_called_a_stream_is_read_as_json(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.quirks.json_type = "text/event-stream"
    world.coze.quirks.message_key = "message"
    world.coze.fail("/v3/chat", 4101, "Unauthorized here", http=200, times=9)
    async with world.bridge():
        world.telegram.send(ann, "hello")
        await world.settled(ann, 1)
    (trouble,) = await troubles(world)
    assert "Unauthorized here (code 4101" in trouble
    assert [one.path for one in world.coze.requests].count("/v3/chat") == 1


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain; charset=utf-8"])
async def test_a_stream_that_is_called_otherwise_is_a_stream(
    content_type: str, world: World
) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.quirks.stream_type = content_type
    world.coze.use(saying(WHOLE))
    async with world.bridge():
        world.telegram.send(ann, "hello")
        assert (await world.settled(ann, 1)).text == SHOWN
    assert len(world.coze.asked) == 1
    assert not [one for one in world.coze.requests if one.path.endswith("message/list")]


async def test_a_personal_token_that_is_refused_is_not_tried_again(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.fail("/v3/chat", 4100, "authentication is invalid", http=401, times=9)
    async with world.bridge():
        world.telegram.send(ann, "hello")
        await world.settled(ann, 1)
    assert [one.path for one in world.coze.requests].count("/v3/chat") == 1


@pytest.mark.parametrize("path", ["/v3/chat", "/v1/conversation/create"])
async def test_an_address_without_the_api_is_told_as_that(path: str, world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.fail_gateway(path, http=404, reason="Not Found", times=9)
    async with world.bridge():
        world.telegram.send(ann, "hello")
        await world.settled(ann, 1)
    (trouble,) = await troubles(world)
    assert "HTTP 404" in trouble
    assert "Check COZE_API_BASE" in trouble


@pytest.mark.parametrize("always", [True, False])
async def test_a_run_without_a_stream_is_heard_whether_it_is_streamed_or_not(
    always: bool, world: World
) -> None:
    world.coze.quirks.streams_always = always
    world.coze.use(saying(WHOLE))
    async with coze_client(world.settings) as coze:
        made = await create_conversation(coze, world.settings.coze_bot_id)
        question = RunRequest(world.settings.coze_bot_id, "u", made, "hello", "mark")
        progress = Progress()
        async with aclosing(follow(coze, question, stream=False)) as events:
            async for event in events:
                progress = progress.after(event)
    assert progress.finished().text == WHOLE
    assert len(world.coze.asked) == 1


async def test_a_conversation_whose_every_run_fails_is_said_to_need_a_new_one(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "fail bare")
        first = await world.settled(ann, 1)
        world.telegram.send(ann, "fail bare")
        second = await world.settled(ann, 2)
    assert "/new" not in first.text
    assert "/new" in second.text
