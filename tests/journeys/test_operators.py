"""What operators can do from Telegram, and that nobody else can."""

import asyncio
import io
import time

import pytest
from PIL import Image
from sqlalchemy import update
from structlog.testing import capture_logs
from worlds import World, buttons, eventually, in_a_fast_world, in_a_world_of_speed

from bridge import model
from bridge.model import ChatKey
from bridge.sandbox.coze import saying
from bridge.sandbox.telegram import Message, Person
from bridge.store.operators import access, audit
from bridge.store.operators.access import Access
from bridge.store.tables import operator_codes
from bridge.telegram.commands.context import ProcessControls as Controls
from bridge.telegram.commands.table import OPERATOR_COMMANDS

ANSWER = "An answer of some words."


async def said(world: World, person: Person, text: str, posts: int = 1) -> Message:
    """The bot's last message to a command."""
    count = len(world.posts(person))
    world.telegram.send(person, text)
    await world.telegram.until(lambda: len(world.posts(person)) >= count + posts, 200, text)
    return await world.settled(person, count + posts, timeout=200)


def operator(person: Person) -> dict[str, str]:
    return {"BRIDGE_OPERATORS": str(person.id)}


async def press(world: World, person: Person, post: Message, label: str) -> None:
    query = world.telegram.press(person, post.message_id, label)
    await world.telegram.until(lambda: query in world.telegram.answers, 200)


@in_a_fast_world
async def test_for_others_there_are_no_such_commands(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    group = world.telegram.add_group("Group", [ann, bo])
    async with world.bridge(**operator(ann)):
        await world.telegram.until(lambda: bool(world.posts(group)), 100)
        unknown = (await said(world, bo, "/nonsense")).text
        for name in OPERATOR_COMMANDS:
            assert (await said(world, bo, f"/{name} 1 2 3")).text == unknown, name
            world.telegram.send(ann, f"/{name}", chat=group)  # not before others, either
        assert "/broadcast" not in (await said(world, bo, "/help")).text
        assert "/broadcast" in (await said(world, ann, "/help")).text
        await world.handled()
        assert len(world.posts(group)) == 1
        shown = await said(world, bo, "/settings")
        for data in ("op:broadcast:send:1", "op:leave:-1", "op:reload:", "op:users:1:", "op:no:"):
            query = world.telegram.press(bo, shown.message_id, data=data)
            await world.telegram.until(lambda one=query: one in world.telegram.answers, 100)
            assert "no longer in use" in world.telegram.answers[query]
        listed = world.telegram.commands
        assert {one["command"] for one in listed["default", ""]}.isdisjoint(OPERATOR_COMMANDS)


@in_a_fast_world
async def test_access_by_id_by_username_and_in_reply_to_a_forward(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    bo = world.telegram.add_person("Bo", "bo_k")
    cleo = world.telegram.add_person("Cleo", "cleo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(**operator(ann), BRIDGE_ACCESS="approval"):
        await said(world, ann, "/help")
        for person in (bo, cleo):  # however many ask, it is one card
            await said(world, person, "hello?")
            await world.telegram.until(
                lambda one=person: str(one.id) in world.posts(ann)[-1].text, 100
            )
        assert len(world.posts(ann)) == 2
        assert "may use the bot" in (await said(world, ann, "/allow @BO_K")).text
        await world.telegram.until(lambda: world.posts(bo)[-1].text == ANSWER, 100)
        assert (await said(world, bo, "hello")).text == ANSWER
        theirs = world.telegram.messages(cleo)[0].message_id
        forwarded = world.telegram.forward(ann, theirs, ann, chat=cleo.id)
        # A forwarded message is a question, too: its answer must not come between what follows.
        await world.telegram.until(lambda: ANSWER in [one.text for one in world.posts(ann)], 100)
        world.telegram.send(ann, "/allow", reply_to=forwarded)
        await world.telegram.until(lambda: "Cleo may" in world.posts(ann)[-1].text, 100)
        await world.telegram.until(lambda: world.posts(cleo)[-1].text == ANSWER, 100)
        assert "is blocked" in (await said(world, ann, f"/block {bo.id}")).text
        world.telegram.send(bo, "hello again")
        await world.handled()
        assert len(world.posts(bo)) == 4  # nothing more, not even that they are blocked
        assert "do not know who that is" in (await said(world, ann, "/allow @nobody")).text
        assert "/allow ID" in (await said(world, ann, "/allow")).text
        assert "That is an operator" in (await said(world, ann, f"/block {ann.id}")).text
        listed = (await said(world, ann, "/users")).text
        assert "People: 3" in listed
        assert f"Bo @bo_k, {bo.id}: blocked" in listed
        assert "Ann" in listed
        assert "operator" in listed
        found = (await said(world, ann, "/users cle")).text
        assert "People: 1" in found
        assert "Cleo" in found
        acts = (await said(world, ann, "/audit")).text
        assert f"{ann.id}: blocked {bo.id} Bo" in acts
        assert f"allowed {cleo.id} Cleo" in acts
    async with world.bridge(**operator(ann)):  # a block counts where everybody is let in, too
        world.telegram.send(bo, "hello?")
        await world.handled()
        assert len(world.posts(bo)) == 4


@pytest.mark.slow
@in_a_fast_world
async def test_many_people_are_shown_page_by_page(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying(ANSWER))
    async with world.bridge(**operator(ann)):
        for number in range(12):
            person = world.telegram.add_person(f"Person {number:02d}")
            await said(world, person, "/help")
        post = await said(world, ann, "/users person")
        assert "People: 12" in post.text
        assert post.text.count("•") == 10
        await press(world, ann, post, "›")
        assert world.posts(ann)[-1].text.count("•") == 2
        await press(world, ann, post, "‹")
        assert world.posts(ann)[-1].text.count("•") == 10


@in_a_fast_world
async def test_groups_are_listed_and_left(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    group = world.telegram.add_group("Bees", [ann])
    async with world.bridge(**operator(ann)):
        await world.telegram.until(lambda: bool(world.posts(group)), 100)
        assert f"Bees ({group.id})" in (await said(world, ann, "/chats")).text
        post = await said(world, ann, f"/leave {group.id}")
        await press(world, ann, post, "No")
        assert world.posts(ann)[-1].text == "Nothing was changed."
        post = await said(world, ann, f"/leave {group.id}")
        await press(world, ann, post, "Yes")
        assert f"left {group.id}" in world.posts(ann)[-1].text
    assert world.telegram.world.chats[group.id].standing in ("left", "kicked")


@in_a_fast_world
async def test_quotas_refuse_politely_and_charge_no_failures(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge(**operator(ann)):
        assert "none" in (await said(world, ann, "/quota")).text
        assert "To set one" in (await said(world, ann, "/quota person what")).text
        assert (
            "person messages day: 2"
            in (await said(world, ann, "/quota person messages day 2")).text
        )
        world.coze.fail("/v3/chat", 4028)
        await said(world, bo, "refused before it began")
        await said(world, bo, "fail")  # once a run has begun, it counts
        world.coze.use(saying(ANSWER))
        assert (await said(world, bo, "hello")).text == ANSWER
        await world.telegram.until(  # what is told of 4028 comes between no later answers then
            lambda: any(post.text.startswith("🟢") for post in world.posts(ann)), 100
        )
        assert "It renews in" in (await said(world, bo, "hello")).text
        assert "It renews in" in (await said(world, bo, "/retry")).text
        for _ in range(3):  # operators are bound only by what was set for them
            assert (await said(world, ann, "hello")).text == ANSWER
        await said(world, ann, f"/quota person {bo.id} messages day 3")
        assert (await said(world, bo, "hello")).text == ANSWER
        assert "It renews in" in (await said(world, bo, "hello")).text
        shown = (await said(world, ann, "/quota all tokens month 1")).text
        assert "all tokens month: 1" in shown
        assert "Today: 6 messages" in shown
        assert "This bot has reached its limit" in (await said(world, bo, "hello")).text
        assert (await said(world, ann, "hello")).text == ANSWER
        await said(world, ann, "/quota all tokens month off")
        await said(world, ann, f"/quota person {bo.id} messages day off")
        assert "none" not in (await said(world, ann, "/quota person messages day 100")).text
        assert (await said(world, bo, "hello")).text == ANSWER


@in_a_fast_world
async def test_who_is_too_fast_is_told_once_and_costs_nothing(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_FLOOD="3,1000", BRIDGE_QUIET_SECONDS="2"):
        for number in range(10):
            world.telegram.send(ann, f"message {number}")
        await world.settled(ann, 2, timeout=200)
        await world.handled()
    assert len(world.coze.asked) == 1
    assert world.coze.asked[0].question == "message 0\n\nmessage 1\n\nmessage 2"
    assert [post.text for post in world.posts(ann)].count(
        "That is a lot at once. Please wait a moment before you write on."
    ) == 1


@in_a_fast_world
async def test_a_pause_is_polite_and_survives_a_restart(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(**operator(ann)):
        await said(world, ann, "/pause")
        assert "taking a break" in (await said(world, bo, "hello")).text
        assert (await said(world, ann, "hello")).text == ANSWER
    async with world.bridge(**operator(ann)):
        assert "taking a break" in (await said(world, bo, "hello")).text
        assert "Paused" in (await said(world, ann, "/status")).text
        await said(world, ann, "/resume")
        assert (await said(world, bo, "hello")).text == ANSWER
        assert "Nothing was paused" in (await said(world, ann, "/resume")).text


@in_a_fast_world
async def test_status_errors_and_numbers(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**operator(ann)):
        assert (await said(world, ann, "/errors")).text == "No turn has failed."
        await said(world, ann, "fail")
        world.coze.use(saying(ANSWER))
        await said(world, ann, "hello")
        status = (await said(world, ann, "/status")).text
        assert "Version" in status
        assert "Telegram answered" in status
        assert "0 questions" not in status  # what is not so is not said
        assert "⚠️" in status
        errors = (await said(world, ann, "/errors")).text
        assert "log id" in errors
        for span in ("", " week", " month"):
            text = (await said(world, ann, f"/stats{span}", posts=2)).text
            assert "2 messages by 1 person in 1 chat" in text
            picture = world.posts(ann)[-2]
            assert picture.attachment is not None
            assert picture.attachment.kind == "photo"
            image = Image.open(io.BytesIO(world.telegram.content_of(picture)))
            assert image.size > (600, 400)
        assert "/stats day" in (await said(world, ann, "/stats year")).text


@in_a_fast_world
async def test_the_log_level_and_a_reload(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    levels: list[str] = []
    faults: list[str] = ["COZE_BOT_ID is missing."]
    wished: list[bool] = []

    def reload() -> list[str]:
        wished.append(not faults)
        return faults

    controls = Controls(levels.append, reload)
    async with world.bridge(controls=controls, **operator(ann)):
        assert "WARNING or ERROR" in (await said(world, ann, "/loglevel loud")).text
        await said(world, ann, "/loglevel debug")
        assert levels == ["DEBUG"]
        post = await said(world, ann, "/reload")
        await press(world, ann, post, "Yes")
        assert "COZE_BOT_ID is missing" in world.posts(ann)[-1].text
        faults.clear()
        post = await said(world, ann, "/reload")
        await press(world, ann, post, "Yes")
        assert wished == [False, True]
    async with world.bridge(**operator(ann)):
        await world.telegram.until(lambda: "Restarted" in world.posts(ann)[-1].text, 100)


@in_a_fast_world
async def test_red_events_are_told_once_and_when_they_are_over(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(**operator(ann)) as app:
        await said(world, ann, "/help")
        world.coze.fail("/v3/chat", 4028, times=2)
        for _ in range(2):
            await said(world, bo, "hello")
        await world.telegram.until(lambda: len(world.posts(ann)) == 2, 100)
        assert world.posts(ann)[1].text.startswith("🔴")
        assert "4028" in world.posts(ann)[1].text
        assert "🔴" in (await said(world, ann, "/status")).text
        await said(world, bo, "hello")
        await world.telegram.until(lambda: len(world.posts(ann)) == 4, 100)
        assert world.posts(ann)[3].text.startswith("🟢")
        assert app.alarms is not None
        await said(world, bo, "hello")
        world.telegram.fail("getUpdates", status=502, times=1000)
        await world.telegram.until(lambda: world.posts(ann)[-1].text.startswith("🔴"), 1000)
        assert "Nothing was heard from Telegram" in world.posts(ann)[-1].text
        world.telegram.mend()
        await world.telegram.until(lambda: world.posts(ann)[-1].text.startswith("🟢"), 1000)


@in_a_fast_world
async def test_people_read_what_is_kept_and_have_it_deleted(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge(**operator(ann)) as app:
        assert "Coze (127.0.0.1" in (await said(world, bo, "/privacy")).text
        await said(world, ann, "/quota person messages day 3")
        await said(world, bo, "remember the number 4711")
        world.coze.use(saying(ANSWER))
        await said(world, bo, "hello")
        (conversation,) = {one.conversation_id for one in world.coze.asked}
        post = await said(world, bo, "/forget")
        await press(world, bo, post, "No")
        post = await said(world, bo, "/forget")
        await press(world, bo, post, "Delete all of it")
        assert "Deleted: 2 questions" in world.posts(bo)[-1].text
        assert "1 conversation at Coze" in world.posts(bo)[-1].text
        assert conversation not in world.coze.conversations
        async with app.store.reading() as tx:
            for table in ("turns", "chats", "people"):
                rows = (await tx.exec_driver_sql(f"SELECT * FROM {table}")).all()
                assert "Bo" not in str(rows)
                assert "4711" not in str(rows)
        assert (await said(world, bo, "hello")).text == ANSWER
        assert "It renews in" in (await said(world, bo, "hello")).text  # no quota begins anew
        assert len({one.user_id for one in world.coze.asked}) == 2


@in_a_fast_world
async def test_nobody_can_press_the_deletion_of_another(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    group = world.telegram.add_group("Group", [ann, bo])
    world.coze.use(saying(ANSWER))
    async with world.bridge():
        await world.telegram.until(lambda: bool(world.posts(group)), 100)
        world.telegram.send(ann, "/ask hello", chat=group)
        await world.settled(group, 2, timeout=100)
        world.telegram.send(ann, "/forget@sandbox_bot", chat=group)
        await world.settled(group, 3, timeout=100)
        post = world.posts(group)[-1]
        query = world.telegram.press(bo, post.message_id, "Delete all of it", chat=group)
        await world.telegram.until(lambda: query in world.telegram.answers, 100)
        assert "somebody else" in world.telegram.answers[query]
        query = world.telegram.press(ann, post.message_id, "Delete all of it", chat=group)
        await world.telegram.until(lambda: query in world.telegram.answers, 100)
        assert "Deleted: 1 question and" in world.posts(group)[-1].text


@in_a_fast_world
async def test_the_code_is_good_once_and_for_an_hour(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    with capture_logs() as logs:
        async with world.bridge(BRIDGE_ACCESS="approval"):
            code = next(entry["code"] for entry in logs if "code" in entry)
            await said(world, bo, "000000-000000")
            assert "operator of this bot now" in (await said(world, ann, code.upper())).text
            world.telegram.send(bo, code)  # who waits is not told again within the hour
            await world.handled()
            assert len(world.posts(bo)) == 1
            await world.telegram.until(
                lambda: any(str(ann.id) in str(key) for key in world.telegram.commands), 100
            )
    async with world.bridge(BRIDGE_ACCESS="approval"):
        world.telegram.send(ann, "/status")
        await world.telegram.until(lambda: any("Version" in p.text for p in world.posts(ann)), 100)


@in_a_world_of_speed(20_000.0)
async def test_the_code_is_worth_nothing_after_an_hour(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    with capture_logs() as logs:
        async with world.bridge() as app:
            code = next(entry["code"] for entry in logs if "code" in entry)
            async with app.store.writing() as tx:  # as an hour later
                await tx.execute(update(operator_codes).values(until=operator_codes.c.until - 3601))
            assert "operator of this bot now" not in (await said(world, ann, code)).text


@in_a_fast_world
async def test_every_act_is_in_the_audit(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**operator(ann)) as app:
        for command in ("/pause", "/resume", "/loglevel INFO", "/quota all messages day 9",
                        "/block 4711", "/allow 4711"):  # fmt: skip
            await said(world, ann, command)
        async with app.store.reading() as tx:
            acts = [one.act for one in await audit.newest(tx, 50)]
    assert acts == ["allowed", "blocked", "quota", "loglevel", "resume", "pause"]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
async def test_operators_are_spoken_to_in_their_language(world: World, language: str) -> None:
    ann = world.telegram.add_person("Ann", "", language)
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
        began = time.monotonic()
        text = (await said(world, ann, "/status")).text
        assert ("版本" in text) == (language == "zh-hans")
        assert time.monotonic() - began < 60
        await eventually(lambda: bool(world.telegram.commands), 20)


@in_a_fast_world
async def test_who_asked_before_the_operator_opened_the_bot_is_shown_then(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge(**operator(ann), BRIDGE_ACCESS="approval"):
        assert "has to approve you" in (await said(world, bo, "hello?")).text
        world.telegram.send(ann, "/help")
        await world.telegram.until(lambda: len(world.posts(ann)) == 2, 100)
        assert any("Allow" in buttons(post) for post in world.posts(ann))
        await world.telegram.until(
            lambda: any(
                "broadcast" in [one["command"] for one in menu]
                for menu in world.telegram.commands.values()
            ),
            100,
        )
        assert "What is stored" in (await said(world, bo, "/privacy")).text
        post = await said(world, bo, "/forget")
        await press(world, bo, post, "Delete all of it")
        assert "Deleted" in world.posts(bo)[-1].text


@in_a_fast_world
async def test_who_is_denied_is_out_where_everybody_else_is_in(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(**operator(ann)) as app:
        await said(world, bo, "hello")
        await app.context.approval.rule(ChatKey(bo.id), Access.DENIED, ann.id, "en")
        await world.telegram.until(lambda: "not to let you in" in world.posts(bo)[-1].text, 100)
        world.telegram.send(bo, "am I in?")
        await world.handled()
    assert len(world.coze.asked) == 1


@in_a_fast_world
async def test_an_agent_that_cannot_be_reached_is_given_up_after_a_minute(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(COZE_API_BASE="http://127.0.0.1:9"):
        began = asyncio.get_running_loop().time()
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1, timeout=110)
        assert post.text == "I cannot reach the agent at the moment. Please try again."
        assert 50 < asyncio.get_running_loop().time() - began < 100


@in_a_fast_world
async def test_who_waited_is_answered_when_they_are_let_in(world: World) -> None:
    """Also after a restart in between: what they wrote waits in the database, and only so long."""
    ann = world.telegram.add_person("Ann")
    bo, cleo = world.telegram.add_person("Bo"), world.telegram.add_person("Cleo")
    world.coze.use(saying(ANSWER))
    wanted = {**operator(ann), "BRIDGE_ACCESS": "approval"}
    async with world.bridge(**wanted):
        await said(world, bo, "/start")
        assert "They read your request as soon as they open me" in world.posts(bo)[-1].text
        assert "They read" in (await said(world, cleo, "May I ask why the sky is blue?")).text
    async with world.bridge(**wanted):
        await said(world, ann, "/help")
        await world.telegram.until(
            lambda: any("1 Allow" in buttons(post) for post in world.posts(ann)), 100
        )
        card = next(post for post in world.posts(ann) if "1 Allow" in buttons(post))
        assert "why the sky is blue" in card.text
        for label in ("1 Allow", "Allow"):
            await world.telegram.until(lambda one=label: one in buttons(card), 100)
            await press(world, ann, card, label)
        await world.telegram.until(lambda: len(world.posts(cleo)) == 3, 100)
        await world.settled(cleo, 3)
        await world.telegram.until(lambda: len(world.posts(bo)) == 2, 100)
    said_to_cleo = [post.text for post in world.posts(cleo)]
    assert said_to_cleo[1:] == [
        "You may use me now. This is the answer to what you wrote:",
        ANSWER,
    ]
    assert world.posts(bo)[-1].text == "You may use me now. Ask away!"
    assert [one.question for one in world.coze.asked] == ["May I ask why the sky is blue?"]


@in_a_fast_world
async def test_the_code_can_come_by_a_link(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    with capture_logs() as logs:
        async with world.bridge(BRIDGE_ACCESS="approval"):
            (told,) = [one for one in logs if "no operator yet" in one["event"]]
            assert told["link"] == f"https://t.me/sandbox_bot?start={told['code']}"
            post = await said(world, ann, f"/start {told['code']}")
    assert post.text.startswith("You are an operator")


@in_a_fast_world
async def test_the_first_operator_waits_for_nobody(world: World) -> None:
    """Telegram has everybody press Start first: that asked to be let in."""
    ann = world.telegram.add_person("Ann")
    async with world.bridge(BRIDGE_ACCESS="approval") as app:
        await said(world, ann, "/start")
        await said(world, ann, app.context.approval.code.code)
        assert world.posts(ann)[-1].text.startswith("You are an operator")
        async with app.store.reading() as tx:
            assert await access.who_ask(tx) == {}


async def asking(world: World, person: Person, *texts: str) -> None:
    for text in texts:
        world.telegram.send(person, text)
    await world.handled()


@in_a_fast_world
async def test_all_that_somebody_wrote_while_they_waited_is_answered(world: World) -> None:
    """Telegram has everybody press Start first; then they write, in pieces, and mend what they wrote."""
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(**operator(ann), BRIDGE_ACCESS="approval"):
        await said(world, ann, "/help")
        await asking(world, bo, "/start", "Why is the sky gren?", "And the sea?")
        theirs = [one for one in world.telegram.messages(bo) if not one.by_bot]
        world.telegram.edit(bo, theirs[1].message_id, "Why is the sky blue?")
        wanted = "Why is the sky blue? And the sea?"  # on Ann's card when all of it is kept
        await world.telegram.until(lambda: any(wanted in one.text for one in world.posts(ann)), 100)
        await said(world, ann, f"/allow {bo.id}")
        await world.telegram.until(lambda: world.posts(bo)[-1].text == ANSWER, 100)
    (asked,) = world.coze.asked
    assert "sky blue?" in asked.question
    assert "And the sea?" in asked.question
    assert "gren" not in asked.question


@in_a_fast_world
async def test_what_is_written_in_the_moment_of_the_decision_is_answered(world: World) -> None:
    """The sender was a stranger when the update was admitted, and is none when it is kept."""
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(**operator(ann), BRIDGE_ACCESS="approval") as app:
        approval = app.context.approval
        greet = approval.greet

        async def decided_first(sender: model.Sender) -> None:
            await approval.rule(ChatKey(bo.id), Access.ALLOWED, ann.id, "en")
            await greet(sender)

        await said(world, bo, "/start")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(approval, "greet", decided_first)
            await asking(world, bo, "Why is the sky blue?")
            await world.telegram.until(lambda: ANSWER in texts_of(world, bo), 100)
    assert [one.question for one in world.coze.asked] == ["Why is the sky blue?"]
    assert "You may use me now. Ask away!" in texts_of(world, bo)
    assert len(world.posts(bo)) == 3


@in_a_fast_world
async def test_what_is_edited_in_the_moment_of_the_decision_is_answered_as_it_is(
    world: World,
) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(**operator(ann), BRIDGE_ACCESS="approval") as app:
        approval = app.context.approval
        rewrite = approval.rewrite

        async def decided_first(message: model.Message) -> bool:
            await approval.rule(ChatKey(bo.id), Access.ALLOWED, ann.id, "en")
            return await rewrite(message)

        question = world.telegram.send(bo, "Why is the sky gren?")
        await world.telegram.until(lambda: len(world.posts(bo)) == 1, 100)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(approval, "rewrite", decided_first)
            world.telegram.edit(bo, question, "Why is the sky blue?")
            await world.telegram.until(
                lambda: any("blue" in one.question for one in world.coze.asked), 100
            )


def texts_of(world: World, person: Person) -> list[str]:
    return [post.text for post in world.posts(person)]


@in_a_fast_world
async def test_who_is_let_in_during_a_pause_is_told_so(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge(**operator(ann), BRIDGE_ACCESS="approval"):
        await said(world, ann, "/pause")
        await asking(world, bo, "Why is the sky blue?")
        await said(world, ann, f"/allow {bo.id}")
        await world.telegram.until(lambda: "You may use me now" in world.posts(bo)[-1].text, 100)
        assert "taking a break" in world.posts(bo)[-1].text
    assert world.coze.asked == []


@in_a_fast_world
async def test_deny_and_allow_at_once_are_both_told(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge(**operator(ann), BRIDGE_ACCESS="approval") as app:
        await said(world, bo, "/start")
        for state in (Access.DENIED, Access.ALLOWED):
            await app.context.approval.rule(ChatKey(bo.id), state, ann.id, "en")
        await world.telegram.until(lambda: len(world.posts(bo)) == 3, 100)
    texts = {post.text[:20] for post in world.posts(bo)}
    assert {"The operators of thi", "You may use me now. "} < texts
