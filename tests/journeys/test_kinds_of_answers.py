"""What an agent answers that is no plain text: nobody reads JSON or base64."""

import json

import pytest
from worlds import World, buttons, in_a_fast_world

from bridge.sandbox.coze import fixed, saying
from bridge.sandbox.coze.scripts.contents import (
    CLOUD_FORM,
    CLOUD_MENU,
    FORM_FIELDS,
    MENU,
    MENU_OPTIONS,
    STUDIO_FORM,
    STUDIO_MENU,
)
from bridge.sandbox.coze.scripts.steps import Completed, Delta, Silence, ending, pieces


async def answered(world: World, *steps: object) -> tuple[str, dict[str, str]]:
    """The settled post of an answer of these steps."""
    ann = world.telegram.add_person("Ann")
    world.coze.use(fixed(*steps))  # type: ignore[arg-type]
    async with world.bridge():
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1)
    assert all("{" not in (frame.text or "") for frame in post.history), (
        "JSON was shown for a while"
    )
    return post.text, buttons(post)


@pytest.mark.parametrize("name", ["menu", "studio menu"])
async def test_a_question_node_is_its_question_with_its_options_as_buttons(
    name: str, world: World
) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, name)
        post = await world.settled(ann, 1)
        assert (
            post.text
            == f"{MENU}\n\nThe agent waits for your answer to this. /new begins something else."
        )
        assert tuple(buttons(post))[:2] == MENU_OPTIONS
        world.coze.use(saying("Noted."))
        world.telegram.press(ann, post.message_id, MENU_OPTIONS[1])
        assert (await world.settled(ann, 3)).text.endswith("Noted.")
    assert [one.question for one in world.coze.asked] == [name, MENU_OPTIONS[1]]


@pytest.mark.parametrize("name", ["form", "studio form"])
async def test_an_input_node_names_its_fields_and_says_how_to_answer(
    name: str, world: World
) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, name)
        post = await world.settled(ann, 1)
    for field in FORM_FIELDS:
        assert field in post.text
    assert post.text.endswith(
        "Please answer in one message, one line for each, such as: name: value"
    )
    assert "{" not in post.text


@in_a_fast_world
async def test_pieces_of_a_card_are_not_shown_while_they_come(world: World) -> None:
    deltas = [Delta("a", piece, content_type="card") for piece in pieces(STUDIO_MENU)]
    steps = [*deltas, Silence(5), Completed("a", STUDIO_MENU, content_type="card"), *ending()]
    text, found = await answered(world, *steps)
    assert text == MENU
    assert tuple(found)[:2] == MENU_OPTIONS


@pytest.mark.parametrize("content", [STUDIO_MENU, STUDIO_FORM, CLOUD_MENU, CLOUD_FORM])
async def test_a_card_is_read_from_what_coze_keeps_when_its_stream_broke(
    content: str, world: World
) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.drop_stream(after_events=2)
    world.coze.use(fixed(Completed("a", content, content_type="card"), *ending()))
    async with world.bridge():
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1)
    assert "{" not in post.text
    assert MENU in post.text or FORM_FIELDS[0] in post.text


async def test_objects_are_words_pictures_and_files(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(BRIDGE_PICTURE_HOSTS=world.variables["COZE_API_BASE"][7:]):
        world.telegram.send(ann, "objects")
        await world.settled(ann, 3)
        first, *more = world.posts(ann)
    assert first.text.startswith("Here is the lighthouse.")
    assert len(more) == 2
    assert "{" not in first.text


@pytest.mark.parametrize(
    "content",
    [
        '[{"type":"text","text":"Here."},{"type":"text","text":"And there."}]',
        [{"type": "text", "text": "Here."}, {"type": "text", "text": "And there."}],
    ],
)
async def test_objects_come_as_a_string_or_as_they_are(content: object, world: World) -> None:
    said = content if isinstance(content, str) else json.dumps(content)
    text, _ = await answered(world, Completed("a", said, content_type="object_string"), *ending())
    assert text == "Here.\n\nAnd there."


@pytest.mark.parametrize(
    ("content_type", "content", "sentence"),
    [
        ("audio", "KgAxAC8AMAAuAC0A" * 40, "a sound, which cannot be played here"),
        ("hologram", '{"shape":"cube"}', "something that cannot be shown here"),
        ("object_string", '[{"type":"hologram"}]', "something that cannot be shown here"),
        ("object_string", '[{"type":', "something that cannot be shown here"),
        ("card", '{"card_type":3,"response_type":"card"}', "a card, which cannot be shown here"),
    ],
)
async def test_what_cannot_be_shown_is_said(
    content_type: str, content: str, sentence: str, world: World
) -> None:
    text, _ = await answered(world, Completed("a", content, content_type=content_type), *ending())
    assert text == f"The agent answered with {sentence}."


async def test_words_beside_what_cannot_be_shown_stay(world: World) -> None:
    text, _ = await answered(
        world,
        Completed("a", "Read this."),
        Completed("b", '{"shape":"cube"}', content_type="hologram"),
        *ending(),
    )
    assert text.startswith("Read this.")
    assert text.endswith("A part of the answer cannot be shown here.")
