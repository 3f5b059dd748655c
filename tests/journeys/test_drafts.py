"""Replies that grow as drafts, and go on by edits where there are none."""

from itertools import pairwise
from pathlib import Path

from fast import run_fast
from worlds import World, a_world, buttons, in_a_fast_world

from bridge.sandbox.coze import Pace, saying

WORDS = "One word after the other. " * 40


@in_a_fast_world
async def test_a_reply_grows_as_a_draft_and_ends_as_one_message(world: World) -> None:
    async with world.bridge(BRIDGE_STREAMING="drafts"):
        ann = world.telegram.add_person("Ann")
        world.coze.pace = Pace(3, 0.1)
        world.coze.use(saying(WORDS, follow_ups=["More?"]))
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: len(world.telegram.drafts(ann)) >= 3, timeout=300)
        assert world.posts(ann) == []
        post = await world.settled(ann, 1, timeout=60)
    drafts = world.telegram.drafts(ann)
    assert drafts[0].text == ""  # which Telegram shows as thinking
    assert drafts[-1].can_stop
    assert len({one.draft_id for one in drafts}) == 1
    assert all(WORDS.startswith(one.text) for one in drafts)
    assert (post.text, len(post.history)) == (WORDS.strip(), 1)
    assert "More?" in buttons(post)
    assert [call for call in world.telegram.calls if call.method == "editMessageText"] == []


@in_a_fast_world
async def test_a_silent_agent_keeps_its_draft(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.variables["BRIDGE_STREAMING"] = "drafts"
    world.coze.pace = Pace(70, 0)
    async with world.bridge():
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: len(world.telegram.drafts(ann)) == 5, timeout=5000)
        times = [one.at_loop_time for one in world.telegram.drafts(ann)]
        shown = [one.text for one in world.telegram.drafts(ann)]
    assert all(5 < later - sooner < 27 for sooner, later in pairwise(times))
    assert "still at it" in shown[-1]


@in_a_fast_world
async def test_stop_under_a_draft_ends_the_answer(world: World) -> None:
    async with world.bridge(BRIDGE_STREAMING="drafts"):
        ann = world.telegram.add_person("Ann")
        world.coze.pace = Pace(0.5, 0.5)
        world.coze.use(saying(WORDS))
        world.telegram.send(ann, "hello")
        await world.telegram.until(
            lambda: bool(getattr(world.telegram.draft(ann), "text", "")), timeout=300
        )
        world.telegram.press_stop(ann)
        post = await world.settled(ann, 1)
    (run,) = world.coze.runs.values()
    assert run.status == "canceled"
    assert post.text.endswith("Stopped.")


@in_a_fast_world
async def test_a_server_without_drafts_is_asked_once(world: World) -> None:
    async with world.bridge(BRIDGE_STREAMING="drafts"):
        world.telegram.without("sendMessageDraft")
        ann = world.telegram.add_person("Ann")
        world.coze.pace = Pace(3, 0.1)  # so long that a draft is worth its call
        for number in range(2):
            world.telegram.send(ann, f"hello {number}")
            await world.settled(ann, number + 1)
    asked = [call for call in world.telegram.calls if call.method.lower() == "sendmessagedraft"]
    assert len(asked) == 1


def test_a_long_answer_sends_its_full_posts_and_drafts_the_rest(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world:
            ann = world.telegram.add_person("Ann")
            world.coze.pace = Pace(0.1, 0.05)
            long = "\n\n".join(f"Paragraph {number}. " + "word " * 60 for number in range(20))
            world.coze.use(saying(long))
            async with world.bridge(BRIDGE_STREAMING="drafts"):
                world.telegram.send(ann, "hello")
                await world.settled(ann, 2, timeout=3000)
            drafts = world.telegram.drafts(ann)
            assert len({one.draft_id for one in drafts if one.text}) >= 2
            joined = "".join("".join(post.text.split()) for post in world.posts(ann))
            assert joined == "".join(long.split())
            assert len(world.posts(ann)[0].history) == 1

    run_fast(journey())


@in_a_fast_world
async def test_a_flood_limit_on_drafts_makes_no_edits(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.variables["BRIDGE_STREAMING"] = "drafts"
    world.coze.pace = Pace(0.5, 0.2)
    world.coze.use(saying(WORDS))
    async with world.bridge():
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: len(world.telegram.drafts(ann)) >= 2, timeout=300)
        world.telegram.flood(ann, seconds=10)
        await world.settled(ann, 1, timeout=3000)
    assert [call for call in world.telegram.calls if call.method == "editMessageText"] == []
    assert world.telegram.calls_during_ban == 0
    assert world.posts(ann)[0].text == WORDS.strip()
