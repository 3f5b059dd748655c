"""Groups come and go, mute the bot, become supergroups; topics close; operators let people in."""

import re
import time
from typing import Any

from structlog.testing import capture_logs
from worlds import World, buttons, in_a_fast_world

from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.telegram import Group, Person

ANSWER = "An answer of some words."
LONG = "One word after the other. " * 40


def person(world: World, name: str) -> Person:
    return world.telegram.add_person(name, name.lower(), "en")


async def met(world: World, ann: Person, **more: bool) -> Group:
    group = world.telegram.add_group("Group", [ann], **more)
    await world.telegram.until(lambda: len(world.posts(group)) == 1, 100)
    return group


def writes(world: World, group: Group) -> int:
    """How many calls came for the group that would show something there."""
    kinds = ("sendMessage", "editMessageText", "sendChatAction", "editMessageReplyMarkup")
    return sum(call.chat_id == group.id and call.method in kinds for call in world.telegram.calls)


async def quiet(world: World) -> None:
    """Every update is taken, and what follows from it is done."""
    await world.handled()


@in_a_fast_world
async def test_who_is_added_says_how_to_be_addressed(world: World) -> None:
    ann = person(world, "Ann")
    async with world.bridge():
        group = await met(world, ann)
        assert "Mention @sandbox_bot" in world.posts(group)[0].text
        assert "Privacy mode is on" in world.posts(group)[0].text
        world.telegram.kick_bot(group)
        world.telegram.privacy = False
        world.telegram.invite_bot(group)
        await world.telegram.until(lambda: len(world.posts(group)) == 2, 100)
        assert "I receive all messages" in world.posts(group)[1].text
        world.telegram.privacy = True
        led = world.telegram.add_group("Led", [ann], bot_is_admin=True)
        await world.telegram.until(lambda: len(world.posts(led)) == 1, 100)
        assert "I receive all messages" in world.posts(led)[0].text


@in_a_fast_world
async def test_nothing_is_written_where_the_bot_is_muted_or_gone(world: World) -> None:
    ann = person(world, "Ann")
    world.coze.use(saying(ANSWER))
    async with world.bridge():
        group = await met(world, ann)
        for shut in (world.telegram.mute_bot, world.telegram.kick_bot):
            shut(group)
            await quiet(world)
            before = writes(world, group)
            if shut == world.telegram.mute_bot:
                world.telegram.send(ann, "@sandbox_bot hello", chat=group)
                await quiet(world)
            assert writes(world, group) == before
            world.telegram.invite_bot(group, admin=True)
            await quiet(world)
        assert world.coze.asked == []
        world.telegram.send(ann, "@sandbox_bot back?", chat=group)
        await world.telegram.until(lambda: world.posts(group)[-1].text == ANSWER, 100)
    assert world.telegram.calls_to_closed_chats == 0


@in_a_fast_world
async def test_an_answer_waits_while_the_bot_is_muted(world: World) -> None:
    ann, bo = person(world, "Ann"), person(world, "Bo")
    world.coze.pace = Pace(0.5, 0.5)
    world.coze.use(saying(LONG))
    async with world.bridge():
        group = world.telegram.add_group("Group", [ann, bo])
        await world.telegram.until(lambda: len(world.posts(group)) == 1, 100)
        world.telegram.send(ann, "@sandbox_bot talk", chat=group)
        await world.telegram.until(lambda: len(world.posts(group)) == 2, 100)
        world.telegram.send(bo, "@sandbox_bot hello", chat=group)
        await quiet(world)
        world.telegram.mute_bot(group)
        await quiet(world)
        before = writes(world, group)
        world.coze.pace = Pace(0, 0)
        await world.coze.until(lambda: all(run.ended for run in world.coze.runs.values()), 300)
        await quiet(world)
        assert writes(world, group) == before
    async with world.bridge():  # also over a restart
        world.telegram.invite_bot(group)
        await world.settled(group, 3, timeout=300)
    assert [post.text for post in world.posts(group)[1:]] == [LONG.strip()] * 2
    assert [one.question for one in world.coze.asked] == ["Ann: talk", "Bo: hello"]


async def answering(world: World, ann: Person) -> Group:
    """A basic group in which a long answer grows."""
    world.coze.pace = Pace(0.5, 0.2)
    world.coze.use(saying(LONG))
    group = await met(world, ann, basic=True)
    world.telegram.send(ann, "@sandbox_bot talk", chat=group)
    await world.telegram.until(lambda: len(world.posts(group)) == 2, 100)
    return group


@in_a_fast_world
async def test_a_group_becomes_a_supergroup_while_it_is_answered(world: World) -> None:
    ann = person(world, "Ann")
    async with world.bridge():
        group = await answering(world, ann)
        moved = world.telegram.migrate(group)
        await world.telegram.until(
            lambda: any(post.text == LONG.strip() for post in world.posts(moved)), 1000
        )
        await world.settled(moved, 1, timeout=100)
        assert len(world.posts(moved)) == 1
        world.telegram.send(ann, "@sandbox_bot more", chat=moved)
        await world.settled(moved, 2, timeout=200)
    first, second = world.coze.asked
    assert first.conversation_id == second.conversation_id
    assert first.user_id == second.user_id


@in_a_fast_world
async def test_a_move_that_only_a_call_finds_out(world: World) -> None:
    ann = person(world, "Ann")
    async with world.bridge():
        group = await answering(world, ann)
        await quiet(world)
        moved = world.telegram.migrate(group)
        world.telegram.updates.clear()  # nobody tells
        await world.telegram.until(
            lambda: any(post.text == LONG.strip() for post in world.posts(moved)), 1000
        )
    assert len(world.coze.asked) == 1


@in_a_fast_world
async def test_what_is_still_heard_of_the_old_group_belongs_to_the_new_one(world: World) -> None:
    ann = person(world, "Ann")
    async with world.bridge():
        group = await answering(world, ann)
        moved = world.telegram.migrate(group)
        await world.settled(moved, 1, timeout=1000)
        late = group_message(group, ann, "/ask what was that?")
        world.telegram.inject({"message": late})
        await world.settled(moved, 2, timeout=1000)
    assert len({asked.conversation_id for asked in world.coze.asked}) == 1
    assert len(world.coze.asked) == 2


@in_a_fast_world
async def test_leaving_the_old_group_ends_no_answer(world: World) -> None:
    """Telegram may tell that the bot left the group that is no more, before it tells of the move."""
    ann = person(world, "Ann")
    async with world.bridge():
        group = await answering(world, ann)
        await quiet(world)
        moved = world.telegram.migrate(group)
        world.telegram.updates.clear()
        world.telegram.inject({"my_chat_member": our_leaving(group, ann)})
        await world.settled(moved, 1, timeout=1000)
        assert world.posts(moved)[-1].text == LONG.strip()


def group_message(group: Group, sender: Person, text: str) -> dict[str, Any]:
    """A message in a group as an update carries it."""
    return {
        "message_id": 9000,
        "date": int(time.time()),
        "chat": {"id": group.id, "type": "group", "title": group.title},
        "from": {"id": sender.id, "is_bot": False, "first_name": sender.first_name},
        "text": text,
        "entities": [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}],
    }


def our_leaving(group: Group, by: Person) -> dict[str, Any]:
    """That our bot is not in a group any more, as an update says it."""
    bot = {"id": 42, "is_bot": True, "first_name": "Sandbox"}
    return {
        "date": int(time.time()),
        "chat": {"id": group.id, "type": "group", "title": group.title},
        "from": {"id": by.id, "is_bot": False, "first_name": by.first_name},
        "old_chat_member": {"status": "member", "user": bot},
        "new_chat_member": {"status": "left", "user": bot},
    }


@in_a_fast_world
async def test_nothing_is_written_into_a_topic_that_is_closed(world: World) -> None:
    ann = person(world, "Ann")
    world.coze.use(saying(ANSWER))
    async with world.bridge():
        group = await met(world, ann, forum=True)
        topic = world.telegram.add_topic(group, "Ideas")
        world.telegram.send(ann, "@sandbox_bot hello", chat=group, thread_id=topic)
        await world.settled(group, 2, timeout=100)
        world.telegram.close_topic(group, topic)
        world.telegram.send(ann, "@sandbox_bot hello?", chat=group, thread_id=topic)
        await quiet(world)
        assert len(world.coze.asked) == 1
        world.telegram.send(ann, "@sandbox_bot hello", chat=group)
        await world.settled(group, 3, timeout=100)
        world.telegram.close_topic(group, topic, closed=False)
        world.telegram.send(ann, "@sandbox_bot hello!", chat=group, thread_id=topic)
        await world.settled(group, 4, timeout=100)
    refused = [call for call in world.telegram.calls if "TOPIC_CLOSED" in call.description]
    assert refused == []


@in_a_fast_world
async def test_an_answer_for_a_topic_that_was_deleted_disturbs_nobody(world: World) -> None:
    ann = person(world, "Ann")
    world.coze.pace = Pace(0.5, 0.5)
    world.coze.use(saying(LONG))
    async with world.bridge() as app:
        group = await met(world, ann, forum=True)
        topic = world.telegram.add_topic(group, "Ideas")
        world.telegram.send(ann, "@sandbox_bot talk", chat=group, thread_id=topic)
        await world.telegram.until(lambda: len(world.posts(group)) == 2, 100)
        world.telegram.delete_topic(group, topic)
        world.coze.pace = Pace(0, 0)
        world.coze.use(saying(ANSWER))
        world.telegram.send(ann, "@sandbox_bot hello", chat=group)
        await world.telegram.until(lambda: world.posts(group)[-1].text == ANSWER, 400)
        await world.coze.until(lambda: all(run.ended for run in world.coze.runs.values()), 400)
        assert not app.health.faults()
    assert (
        len([call for call in world.telegram.calls if "thread not found" in call.description]) < 3
    )


@in_a_fast_world
async def test_slow_mode_is_waited_for(world: World) -> None:
    ann, bo = person(world, "Ann"), person(world, "Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge():
        group = world.telegram.add_group("Group", [ann, bo])
        await world.telegram.until(lambda: len(world.posts(group)) == 1, 100)
        world.telegram.slow_mode(group, 30)
        for one in (ann, bo):
            world.telegram.send(one, "@sandbox_bot hello", chat=group)
        await world.settled(group, 3, timeout=400)
    assert [post.text for post in world.posts(group)[1:]] == [ANSWER, ANSWER]


# --- who may use the bridge -----------------------------------------------------------------------


@in_a_fast_world
async def test_the_code_of_the_start_makes_one_operator(world: World) -> None:
    ann, bo = person(world, "Ann"), person(world, "Bo")
    world.coze.use(saying(ANSWER))
    with capture_logs() as logs:
        async with world.bridge(BRIDGE_ACCESS="approval"):
            code = next(str(line["code"]) for line in logs if "code" in line)
            assert re.fullmatch(r"[0-9a-f]{6}-[0-9a-f]{6}", code)
            for guess in ("000000-000000", code[:-1], f"{code} or so"):
                world.telegram.send(bo, guess)
                await quiet(world)
            world.telegram.send(ann, code)
            await world.telegram.until(
                lambda: any("operator" in one.text for one in world.posts(ann)), 100
            )
            await world.telegram.until(lambda: "Bo" in world.posts(ann)[-1].text, 100)
            assert list(buttons(world.posts(ann)[-1])) == [
                "Allow",
                "Deny",
                "Block",
            ]  # Bo had asked before
            world.telegram.send(bo, code)
            await quiet(world)
            assert not [post for post in world.posts(bo) if "You are an operator" in post.text]
            world.telegram.send(ann, "hello")
            await world.settled(ann, 3, timeout=100)
        async with world.bridge(BRIDGE_ACCESS="approval"):
            world.telegram.send(ann, "still?")
            await world.telegram.until(lambda: len(world.coze.asked) == 2, 100)
    assert [one.question for one in world.coze.asked] == ["hello", "still?"]


@in_a_fast_world
async def test_a_stranger_waits_until_an_operator_says_yes(world: World) -> None:
    ann, bo, cleo = person(world, "Ann"), person(world, "Bo"), person(world, "Cleo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_ACCESS="approval", BRIDGE_OPERATORS=str(ann.id)):
        world.telegram.send(ann, "/help")
        await world.telegram.until(lambda: bool(world.posts(ann)), 100)
        for one in (bo, cleo):
            world.telegram.send(one, "let me in, please")
            await world.telegram.until(lambda one=one: bool(world.posts(one)), 100)
            assert "has to approve you" in world.posts(one)[0].text
        await world.telegram.until(lambda: "Cleo" in world.posts(ann)[-1].text, 100)
        (card,) = world.posts(ann)[1:]
        assert "2 people are waiting for approval" in card.text
        assert "Bo (" in card.text and "let me in, please" in card.text  # noqa: PT018
        forged = world.telegram.press(
            bo, world.posts(bo)[0].message_id, data=f"access:allow:{bo.id}"
        )
        await world.telegram.until(lambda: forged in world.telegram.answers, 100)
        assert world.telegram.answers[forged] == "This button is no longer in use."
        world.telegram.press(ann, card.message_id, "1 Allow")
        await world.telegram.until(lambda: "Cleo (id" in world.posts(ann)[1].text, 100)
        world.telegram.press(ann, card.message_id, "Deny")
        await world.telegram.until(lambda: world.posts(bo)[-1].text == ANSWER, 100)
        await world.telegram.until(
            lambda: list(buttons(world.posts(ann)[1])) == ["Allow", "Block"], 100
        )
        await world.telegram.until(lambda: len(world.posts(cleo)) == 2, 100)
        assert "not to let you in" in world.posts(cleo)[1].text
        for one in (bo, cleo):
            world.telegram.send(one, "now?")
        await world.telegram.until(lambda: len(world.posts(bo)) == 4, 100)
        await quiet(world)
    assert [one.question for one in world.coze.asked] == ["let me in, please", "now?"]
    assert len(world.posts(cleo)) == 2


@in_a_fast_world
async def test_a_group_works_when_an_operator_added_or_allowed_it(world: World) -> None:
    ann, bo = person(world, "Ann"), person(world, "Bo")
    world.telegram.privacy = False
    world.coze.use(saying(ANSWER))
    async with world.bridge(
        BRIDGE_ACCESS="approval", BRIDGE_OPERATORS=str(ann.id), BRIDGE_GROUP_ANSWERS="everything"
    ):
        world.telegram.send(ann, "/help")
        await world.telegram.until(lambda: bool(world.posts(ann)), 100)
        ours = await met(world, ann)
        world.telegram.send(ann, "@sandbox_bot hello", chat=ours)
        await world.telegram.until(lambda: world.posts(ours)[-1].text == ANSWER, 100)
        theirs = world.telegram.add_group("Theirs", [bo, ann])
        await world.telegram.until(lambda: bool(world.posts(theirs)), 100)
        assert "has to approve you" in world.posts(theirs)[0].text
        world.telegram.send(bo, "a remark", chat=theirs)
        world.telegram.send(bo, "@sandbox_bot hello", chat=theirs)
        await quiet(world)
        assert len(world.posts(theirs)) == 1
        await world.telegram.until(lambda: "Theirs" in world.posts(ann)[-1].text, 100)
        card = world.posts(ann)[-1]
        world.telegram.press(ann, card.message_id, "Allow")
        await world.telegram.until(lambda: len(world.posts(theirs)) == 2, 100)
        world.telegram.send(bo, "@sandbox_bot now?", chat=theirs)
        await world.telegram.until(lambda: world.posts(theirs)[-1].text == ANSWER, 100)
    assert len(world.coze.asked) == 2
