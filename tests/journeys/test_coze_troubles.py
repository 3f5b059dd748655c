"""Whatever Coze does, a person reads a sentence and a question is asked once."""

from pathlib import Path

import pytest
from catalogues import sentences
from fast import run_fast
from worlds import World, a_world, buttons

from bridge.sandbox.coze import saying

pytestmark = pytest.mark.slow

ANSWER = "One **bold** answer with `code`, 中文 and 😀, long enough for several deltas."
SHOWN = "One bold answer with code, 中文 and 😀, long enough for several deltas."
CODES = (
    *range(4000, 4017), 4019, 4020, 4021, 4022, 4027, 4028, 4033, 4100, 4101, 4102, 4104, 4105,
    4200, 4300, 4301, 4302, 4303, 4304, 4314, 4315, 5000, 6003, 6006, 6023, 6031, 6039,
    700012006, 702093018, 702093204, 702242003, 708232001, 708232003, 708230702, 710005002,
    720701013, 720702002, 720702004, 720702011, 720702085, 720702089, "720702204", 720702250,
    720712033, 701231, 788788103, 777777775, 999999,
)  # fmt: skip
SENTENCES = {
    forms[0]
    for key, forms in sentences("en").items()
    if key.startswith("trouble.") or key == "file.refused"
}


@pytest.mark.parametrize("form", [False, "first", "mid", "failed"])
def test_every_error_code_gives_a_sentence(form: str | bool, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge():
            ann = world.telegram.add_person("Ann")
            codes = CODES if form in (False, "first") else CODES[::6]
            for number, code in enumerate(codes):
                world.coze.fail("/v3/chat", code, times=20, as_event=form)
                world.telegram.send(ann, "hello")
                post = await world.settled(ann, number + 1, timeout=20)
                last = post.text.split("\n\n")[-1]
                assert last in SENTENCES, (code, post.text)
                assert list(buttons(post)) == ["Try again"]
                world.coze.state.faults.failures.clear()

    run_fast(journey(), speed=200)


@pytest.mark.parametrize("shape", ["failed_bare", "failed_string_code", "empty"])
async def test_odd_shapes_of_failure_give_a_sentence(shape: str, world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.fail("/v3/chat", 701231, as_event=shape)
    async with world.bridge():
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1)
    assert post.text.split("\n\n")[-1] in SENTENCES


@pytest.mark.parametrize("clean_eof", [True, False])
def test_a_stream_cut_at_every_event_still_ends_in_the_whole_answer(
    clean_eof: bool, tmp_path: Path
) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge():
            world.coze.use(saying(ANSWER, follow_ups=["More?"]))
            ann = world.telegram.add_person("Ann")
            world.telegram.send(ann, "uncut")
            whole = await world.settled(ann, 1)
            (run,) = world.coze.runs.values()
            cuts = range(0, len(run.events), 4 if clean_eof else 1)
            for events in cuts:
                person = world.telegram.add_person(f"Cut {events}")
                world.coze.drop_stream(after_events=events, clean_eof=clean_eof)
                world.telegram.send(person, f"cut after {events}")
                post = await world.settled(person, 1, timeout=60)
                assert (post.text, post.entities) == (whole.text, whole.entities), events
                assert list(buttons(post)) == ["More?", "👍", "👎"]
            assert len(run.events) > 10
            assert whole.text == SHOWN
            assert len(world.coze.asked) == len(cuts) + 1

    run_fast(journey())


def test_a_stream_cut_inside_a_character_is_recovered_too(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge():
            world.coze.use(saying(ANSWER))
            for size in range(0, 4000, 347):
                person = world.telegram.add_person(f"Cut {size}")
                world.coze.drop_stream(after_bytes=size)
                world.telegram.send(person, "cut")
                assert (await world.settled(person, 1, timeout=60)).text == SHOWN
                world.coze.state.faults.streams.clear()
            assert len(world.coze.asked) == 12

    run_fast(journey())


@pytest.mark.parametrize("form", [False, "first"])
def test_a_busy_conversation_is_waited_out(form: str | bool, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge():
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying(ANSWER))
            world.coze.fail("/v3/chat", 4016, times=4, as_event=form)
            world.telegram.send(ann, "hello")
            assert (await world.settled(ann, 1, timeout=60)).text == SHOWN
            assert len(world.coze.asked) == 1

    run_fast(journey())


async def test_a_lost_conversation_is_renewed_and_the_person_is_told(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.coze.use(saying(ANSWER))
        world.telegram.send(ann, "hello")
        await world.settled(ann, 1)
        world.coze.forget_conversation(world.coze.asked[0].conversation_id)
        world.telegram.send(ann, "still there?")
        post = await world.settled(ann, 2)
        world.telegram.send(ann, "and now?")
        after = await world.settled(ann, 3, timeout=10)
    assert "memory starts afresh" in post.text
    assert post.text.endswith(SHOWN)
    assert after.text == SHOWN
    assert len({asked.conversation_id for asked in world.coze.asked}) == 2


async def test_self_hosted_coze_that_silently_makes_a_new_conversation(tmp_path: Path) -> None:
    async with a_world(tmp_path, profile="studio") as world, world.bridge():
        ann = world.telegram.add_person("Ann")
        world.coze.use(saying(ANSWER))
        world.telegram.send(ann, "hello")
        assert (await world.settled(ann, 1)).text == SHOWN
        world.coze.forget_conversation(world.coze.asked[0].conversation_id)
        world.telegram.send(ann, "still there?")
        assert "memory starts afresh" in (await world.settled(ann, 2)).text


def test_coze_down_for_a_while_is_waited_out(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge():
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying(ANSWER))
            world.coze.fail_gateway("POST /v1/conversation/create", times=2)
            world.telegram.send(ann, "hello")
            assert (await world.settled(ann, 1, timeout=60)).text == SHOWN
            assert len(world.coze.asked) == 1

    run_fast(journey())
