"""A question that may have reached Coze is never asked again by itself."""

from pathlib import Path

import pytest
from fast import run_fast
from worlds import World, a_world, buttons, in_a_fast_world

from bridge.coze.agents import account_id
from bridge.errors.coze import Interrupted
from bridge.parts.clients import coze_client
from bridge.sandbox.coze import saying

ANSWER = "An answer of some words."


@pytest.mark.parametrize(
    ("cut", "path", "code", "times", "http"),
    [
        (4, "/v3/chat/message/list", 4013, 4, 200),
        (4, "/v3/chat/message/list", 5000, 4, 500),
        (4, "/v3/chat/retrieve", 4100, 1, 200),
        (4, "/v3/chat/retrieve", 4002, 1, 200),
        (0, "/v1/conversation/message/list", 4100, 1, 200),
        (0, "/v1/conversation/message/list", 4002, 1, 200),
    ],
)
def test_trouble_after_a_broken_stream_is_told_and_not_cured_by_asking_again(
    cut: int, path: str, code: int, times: int, http: int, tmp_path: Path
) -> None:
    @in_a_fast_world
    async def journey(world: World) -> None:
        async with world.bridge():
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying(ANSWER))
            world.coze.drop_stream(after_events=cut)
            world.coze.fail(path, code, times=times, http=http)
            world.telegram.send(ann, "hello")
            post = await world.settled(ann, 1, timeout=60)
            assert list(buttons(post)) == ["Try again"]
            assert len(world.coze.asked) == 1

    journey(tmp_path)


@in_a_fast_world
async def test_a_question_that_coze_never_kept_is_asked_after_a_look_for_its_run(
    world: World,
) -> None:
    async with world.bridge():
        ann = world.telegram.add_person("Ann")
        world.coze.use(saying(ANSWER))
        world.telegram.send(ann, "one")
        await world.settled(ann, 1)
        world.coze.fail_gateway("POST /v3/chat", http=502)
        world.telegram.send(ann, "two")
        assert (await world.settled(ann, 2, timeout=60)).text == ANSWER
        looked = [one.path for one in world.coze.requests if one.path.endswith("message/list")]
        assert len(looked) == 4
        assert [one.question for one in world.coze.asked] == ["one", "two"]


async def test_a_failing_sign_in_is_tried_again_since_nothing_was_asked(tmp_path: Path) -> None:
    async with a_world(tmp_path, jwt=True) as world, world.bridge():
        ann = world.telegram.add_person("Ann")
        world.coze.use(saying(ANSWER))
        world.coze.fail("/api/permission/oauth2/token", "internal_error", http=500)
        world.telegram.send(ann, "hello")
        assert (await world.settled(ann, 1, timeout=20)).text == ANSWER


async def test_a_stop_at_the_moment_of_asking_loses_nothing(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
        world.coze.delay("/v3/chat", 0.5)
        world.telegram.send(ann, "hello")
        await world.coze.until(lambda: bool(world.coze.conversations))
    async with world.bridge():
        await world.telegram.until(
            lambda: [post.text for post in world.posts(ann)] == [ANSWER], timeout=20
        )
    assert len(world.coze.asked) == 1


async def test_stopping_while_the_conversation_is_busy_asks_no_more(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.fail("/v3/chat", 4016, times=50)
    async with world.bridge():
        world.telegram.send(ann, "hello")
        await world.coze.until(lambda: any(one.code == 4016 for one in world.coze.requests))
        world.telegram.send(ann, "/stop")
        assert (await world.settled(ann, 1)).text == "Stopped."
        refused = len(world.coze.requests)
        world.coze.state.faults.failures.clear()
        world.telegram.send(ann, "next")
        await world.settled(ann, 2)
    assert [one.question for one in world.coze.asked] == ["next"]
    assert refused <= 4


def test_a_silent_sign_in_does_not_hold_everybody_for_ever(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path, jwt=True) as world, coze_client(world.settings) as coze:
            world.coze.delay("/api/permission/oauth2/token", 1000)
            with pytest.raises(Interrupted):
                await account_id(coze)

    run_fast(journey(), speed=60)
