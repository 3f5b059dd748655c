"""Answers that are spoken: below the text, when the chat wants that."""

from made import picture, voice
from worlds import World, buttons, in_a_fast_world

from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.telegram import Person
from bridge.sandbox.telegram.content.file_types import opus_seconds
from bridge.telegram.files import tempfiles

ANSWER = (
    "**Hello there.** Here is code:\n\n```\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nBye."
)


def kinds(world: World, person: Person) -> list[str]:
    posts = world.posts(person)
    return [post.attachment.kind if post.attachment else "text" for post in posts]


@in_a_fast_world
async def test_answers_to_voice_messages_are_spoken_when_chosen(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying(ANSWER))
    async with world.bridge():
        world.telegram.send(ann, "/settings")
        post = await world.settled(ann, 1)
        world.telegram.press(ann, post.message_id, "Spoken answers: off")
        await world.telegram.until(
            lambda: "Spoken answers: to voice messages" in buttons(world.posts(ann)[0]), 100
        )
        world.telegram.send(ann, "hello")
        await world.settled(ann, 2)
        world.coze.pace = Pace(2, 0)  # typing and recording are not shown within a moment
        world.telegram.send_voice(ann, voice())
        await world.telegram.until(lambda: len(world.posts(ann)) == 4, 100)
        assert "record_voice" in [one.name for one in world.telegram.actions(ann)]
    assert kinds(world, ann) == ["text", "text", "text", "voice"]
    (spoken,) = world.coze.spoken
    assert spoken.text == "Hello there. Here is code:\nBye."
    assert spoken.format == "ogg_opus"
    assert opus_seconds(world.telegram.content_of(world.posts(ann)[-1]))
    assert tempfiles.left() == []


@in_a_fast_world
async def test_a_long_answer_is_one_recording_in_a_voice_of_its_language(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    sentence = "这是一个很长的句子，用来测试语音。"
    world.coze.use(saying(sentence * 60))
    async with world.bridge(BRIDGE_SPEECH="always"):
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: kinds(world, ann)[-1:] == ["voice"], 100)
        assert len(world.coze.spoken) == 3
        assert {one.voice_id for one in world.coze.spoken} <= chinese(world)
        world.coze.use(saying("Short."))
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: kinds(world, ann).count("voice") == 2, 100)
    assert "".join(one.text for one in world.coze.spoken[:3]) == sentence * 60
    assert world.coze.spoken[-1].voice_id not in chinese(world)
    assert len([one for one in world.coze.requests if one.path == "/v1/audio/voices"]) == 1


def chinese(world: World) -> set[str]:
    from bridge.sandbox.coze.resources.voices import VOICES

    return {voice.voice_id for voice in VOICES if voice.language_code.startswith("zh")}


@in_a_fast_world
async def test_where_speech_cannot_be_had_that_is_said(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Hello."))
    rights = ["chat", "getChat", "listMessage", "createConversation"]
    world.coze.add_token("pat_mute", rights)
    async with world.bridge(BRIDGE_SPEECH="always", COZE_API_TOKEN="pat_mute"):
        for number in (1, 2):
            world.telegram.send(ann, "hello")
            await world.telegram.until(
                lambda most=number: (
                    [post.text for post in world.posts(ann)]
                    == ["This answer could not be spoken.\n\nHello."] * most
                ),
                100,
            )
    asked = [one.path for one in world.coze.requests if "audio" in one.path]
    assert asked == ["/v1/audio/voices"]


@in_a_fast_world
async def test_a_trouble_that_passes_is_waited_for(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Hello."))
    async with world.bridge(BRIDGE_SPEECH="always"):
        world.coze.fail("/v1/audio/speech", 4013, times=2)
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: kinds(world, ann) == ["text", "voice"], 100)


@in_a_fast_world
async def test_who_lets_nobody_send_voice_gets_a_file(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Hello."))
    world.telegram.refuse_voice(ann)
    async with world.bridge(BRIDGE_SPEECH="always"):
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: len(world.posts(ann)) == 2, 100)
    assert kinds(world, ann)[0] == "text"
    assert kinds(world, ann)[1] != "voice"


@in_a_fast_world
async def test_pictures_come_before_speech(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.publish("a.png", picture(kind="PNG"), "image/png")
    base = world.settings.coze_api_base
    world.coze.use(saying(f"Look: ![a dog]({world.coze.link(base, 'a.png')})"))
    hosts = base.removeprefix("http://")
    async with world.bridge(BRIDGE_SPEECH="always", BRIDGE_PICTURE_HOSTS=hosts):
        world.telegram.send(ann, "hello")
        await world.telegram.until(lambda: len(world.posts(ann)) == 3, 100)
    assert kinds(world, ann) == ["text", "photo", "voice"]
    assert world.coze.spoken[0].text == "Look: a dog"
