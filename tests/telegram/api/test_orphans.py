"""Which messages may be a copy of a post, and what is never touched on the way."""

from itertools import pairwise
from pathlib import Path

from fast import run_fast
from hypothesis import given
from hypothesis import strategies as st
from worlds import World, a_world, eventually, in_a_fast_world

from bridge.model import ChatKey
from bridge.sandbox.coze import Pace, saying
from bridge.store.orphans import Orphan
from bridge.store.outbox import Sent
from bridge.telegram.api.orphans import nearby

ids = st.integers(1, 60)


def orphan(after: int, before: int | None) -> Orphan:
    return Orphan("turn 1 post 0", ChatKey(5), "en", after, 0.0, before)


def test_a_post_right_below_the_question_leaves_no_room_for_a_copy_above_it() -> None:
    assert nearby(orphan(4, 5), []) == [6, 7]
    assert nearby(orphan(4, 6), []) == [5, 7, 8]


def test_the_likeliest_come_first() -> None:
    assert nearby(orphan(10, 16), [])[:4] == [15, 11, 14, 12]


@given(ids, ids, st.lists(ids, max_size=9))
def test_a_message_that_is_known_is_never_looked_at(after: int, gap: int, ours: list[int]) -> None:
    before = after + gap
    known = [Sent(one, 0.0, "x") for one in (*ours, before)]
    found = nearby(orphan(after, before), known)
    assert not {*ours, before} & set(found)
    assert all(one > after for one in found)
    assert len(found) == len(set(found))


@in_a_fast_world
async def test_the_first_words_do_not_wait_for_a_lost_sending(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.1, 0.1)
    world.coze.use(saying("so many words " * 40))
    async with world.bridge():
        world.telegram.fail("sendMessage", after_executing=True)
        world.telegram.send(ann, "talk")
        await world.telegram.until(lambda: len(world.posts(ann)) == 2, timeout=100)
        copy, post = world.posts(ann)
        assert post.history[0].at_loop_time - copy.history[0].at_loop_time < 1.0
        await eventually(lambda: len(world.posts(ann)) == 1, 100)
        assert (await world.settled(ann, 1, 100)).text == ("so many words " * 40).strip()


@in_a_fast_world
async def test_what_people_and_the_bot_wrote_meanwhile_stays(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.1, 0.5)
    world.coze.use(saying("so many words " * 10))
    async with world.bridge(BRIDGE_QUIET_SECONDS="0"):
        world.telegram.fail("sendMessage", after_executing=True)
        world.telegram.send(ann, "talk")
        await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
        world.telegram.send(ann, "/help")
        world.telegram.send(ann, "more")
        await world.settled(ann, 3, 400)
        await eventually(lambda: len(world.posts(ann)) == 3, 400)
        mine = [one.text for one in world.telegram.messages(ann) if not one.by_bot]
        assert mine == ["talk", "/help", "more"]
        texts = sorted(post.text[:7] for post in world.posts(ann))
        assert texts[1:] == ["so many", "so many"]


def test_the_next_process_goes_on_looking(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world:
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying("An answer."))
            async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
                world.telegram.fail("sendMessage", after_executing=True)
                world.telegram.send(ann, "talk")
                await world.telegram.until(lambda: len(world.posts(ann)) == 2, timeout=100)
            assert len(world.posts(ann)) == 2
            async with world.bridge():
                await eventually(lambda: len(world.posts(ann)) == 1, 200)
                assert world.posts(ann)[0].text == "An answer."

    run_fast(journey())


@in_a_fast_world
async def test_a_send_that_telegram_holds_for_longer_than_we_wait_leaves_one_post(
    world: World,
) -> None:
    """As when a message over quota is delivered minutes after the client has given up."""
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("An answer."))
    async with world.bridge():
        world.telegram.delay("sendMessage", 25)
        world.telegram.send(ann, "talk")
        await world.telegram.until(lambda: len(world.posts(ann)) == 2, timeout=300)
        await eventually(lambda: len(world.posts(ann)) == 1, 300)
        assert world.posts(ann)[0].text == "An answer."


@in_a_fast_world
async def test_a_look_that_takes_long_keeps_no_other_chat_waiting(world: World) -> None:
    people = [world.telegram.add_person(name) for name in ("Ann", "Bo", "Cem")]
    world.coze.use(saying("An answer."))
    async with world.bridge():
        for one in people:
            world.telegram.fail("sendMessage", after_executing=True)
            world.telegram.send(one, "talk")
            await world.telegram.until(lambda it=one: len(world.posts(it)) == 2, timeout=100)
        world.telegram.delay("editMessageReplyMarkup", 8, times=3)
        await eventually(lambda: sum(len(world.posts(one)) for one in people) == 3, 25)


@in_a_fast_world
async def test_a_flood_and_then_a_gateway_that_fails_freeze_no_reply(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.1, 0.2)
    world.coze.use(saying("so many words " * 60))
    async with world.bridge():
        world.telegram.send(ann, "talk")
        await world.telegram.until(lambda: bool(world.posts(ann)), timeout=100)
        world.telegram.flood(ann, seconds=5)
        world.telegram.fail("editMessageText", 502, times=4)
        post = await world.settled(ann, 1, 300)
        assert post.text == ("so many words " * 60).strip()
        assert world.telegram.calls_during_ban == 0
        shown = [frame.at_loop_time for frame in post.history]
        assert max(b - a for a, b in pairwise(shown)) < 15
