"""Whatever a person causes passes one gate, and nobody waits for what others cause."""

import asyncio
import re
from pathlib import Path

import pytest
from sqlalchemy import select
from worlds import World, a_world, buttons, in_a_fast_world, in_a_world_of_speed

from bridge.app import App
from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.telegram import Group, Person
from bridge.store.operators import quotas
from bridge.store.operators.quotas import Period, Scope
from bridge.store.operators.tables import access, audit, operators
from bridge.store.tables import turns

pytestmark = pytest.mark.slow

ANSWER = "An answer of some words."
LONG = "Some words that take their time. " * 60


def person(world: World, name: str) -> Person:
    return world.telegram.add_person(name, name.lower(), "en")


async def idle(world: World) -> None:
    """Every update was taken."""
    await world.telegram.until(lambda: world.telegram.pending == 0, 300)


async def spent(app: App, who: Person) -> quotas.Used:
    async with app.store.reading() as tx:
        return await quotas.used(tx, Scope.PERSON, who.id, Period.DAY)


async def say(world: World, who: Person, text: str) -> str:
    """What a private command is answered with."""
    before = len(world.posts(who))
    world.telegram.send(who, text)
    await world.settled(who, before + 1, timeout=300)
    return world.posts(who)[-1].text


@in_a_fast_world
async def test_edits_of_a_running_question_pass_the_gate_and_count(world: World) -> None:
    ann, bo = person(world, "Ann"), person(world, "Bo")
    world.coze.use(saying(LONG))
    world.coze.pace = Pace(0.5, 0.5)
    async with world.bridge(BRIDGE_OPERATORS=str(bo.id)) as app:
        await say(world, bo, "/quota person messages day 2")
        asked = world.telegram.send(ann, "question 0")
        await world.telegram.until(lambda: len(world.coze.asked) == 1, 300)
        for number in range(1, 26):
            world.telegram.edit(ann, asked, f"question {number}")
            await idle(world)
        world.coze.pace = Pace(0, 0)
        await world.telegram.until(
            lambda: any("renews in" in post.text for post in world.posts(ann)), 300
        )
        await world.telegram.until(
            lambda: any(LONG.strip() in post.text for post in world.posts(ann)), 600
        )
        assert len(world.coze.asked) == 2  # the refused edits left the running answer alone
        assert (await spent(app, ann)).messages == 2


@in_a_fast_world
async def test_the_flood_guard_counts_edits_of_a_running_question(world: World) -> None:
    ann = person(world, "Ann")
    world.coze.use(saying(LONG))
    world.coze.pace = Pace(0.5, 0.5)
    async with world.bridge(BRIDGE_FLOOD="3,36000"):
        asked = world.telegram.send(ann, "question 0")
        await world.telegram.until(lambda: len(world.coze.asked) == 1, 300)
        for number in range(1, 26):
            world.telegram.edit(ann, asked, f"question {number}")
            await world.handled(300)
            await asyncio.sleep(3)  # time enough for each edit to begin a run of its own
        world.coze.pace = Pace(0, 0)
        await world.telegram.until(
            lambda: any(LONG.strip() in post.text for post in world.posts(ann)), 600
        )
    assert len(world.coze.asked) <= 3


@pytest.mark.parametrize("how", ["stop", "block", "edit"])
async def test_what_was_broken_off_costs_what_it_cost(world: World, how: str) -> None:
    ann = person(world, "Ann")
    world.coze.use(saying(LONG))
    world.coze.pace = Pace(0.5, 0.5)
    async with world.bridge() as app:
        asked = world.telegram.send(ann, "question")
        await world.telegram.until(lambda: len(world.posts(ann)) == 1, 60)
        if how == "stop":
            world.telegram.send(ann, "/stop")
        elif how == "block":
            world.telegram.block(ann)
        else:
            world.coze.pace = Pace(0, 0)
            world.telegram.edit(ann, asked, "another question")
        await _all_settled(world, app)
        async with app.store.reading() as tx:
            row = (await tx.execute(select(turns))).one()
        used = await spent(app, ann)
    assert row.tokens_out > 0
    assert row.estimated or how == "edit"  # no stream ended, so nothing was said of its cost
    assert used.messages == (2 if how == "edit" else 1)
    assert used.tokens == row.tokens_in + row.tokens_out


async def _all_settled(world: World, app: App) -> None:
    await idle(world)
    await world.telegram.until(lambda: len(app.lanes) == 0, 120)


@in_a_world_of_speed(20.0)
async def test_one_member_of_a_group_delays_nobody_else(world: World) -> None:
    ann, bo = person(world, "Ann"), person(world, "Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_FLOOD="20,3", BRIDGE_GROUP_ANSWERS="mention"):
        group = world.telegram.add_group("Group", [ann, bo])
        await world.settled(group, 1, timeout=100)
        for _ in range(60):
            world.telegram.send(ann, "/help@sandbox_bot", chat=group)
        await idle(world)
        world.telegram.send(bo, "@sandbox_bot hello", chat=group)
        await world.telegram.until(lambda: len(world.coze.asked) == 1, 5)
        await _answered(world, group, 20)


async def _answered(world: World, group: Group, seconds: float) -> None:
    await world.telegram.until(
        lambda: any(ANSWER in post.text for post in world.posts(group)), seconds
    )


@in_a_world_of_speed(20.0)
async def test_presses_of_one_are_silently_limited_and_delay_nobody(world: World) -> None:
    ann, bo = person(world, "Ann"), person(world, "Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_FLOOD="20,3", BRIDGE_GROUP_ANSWERS="mention"):
        group = world.telegram.add_group("Group", [ann, bo])
        await world.settled(group, 1, timeout=100)
        world.telegram.send(ann, "@sandbox_bot first", chat=group)
        await _answered(world, group, 100)
        await world.telegram.until(lambda: "👍" in buttons(world.posts(group)[-1]), 100)
        answer = world.posts(group)[-1].message_id
        for number in range(200):
            data = ("like:1", "dislike:1")[number % 2]
            world.telegram.press(ann, answer, data=data, chat=group)
        world.telegram.send(bo, "@sandbox_bot second", chat=group)
        await world.telegram.until(lambda: len(world.coze.asked) == 2, 10)
        await world.telegram.until(lambda: len(world.posts(group)) >= 3, 60)
        judged = [one for one in world.coze.requests if "feedback" in one.path]
        assert 0 < len(judged) <= 20


@in_a_fast_world
async def test_strangers_are_one_card_and_the_operator_is_heard(world: World) -> None:
    ann = person(world, "Ann")
    strangers = [person(world, f"S{number:02}") for number in range(60)]
    async with world.bridge(BRIDGE_ACCESS="approval", BRIDGE_OPERATORS=str(ann.id)):
        await say(world, ann, "/help")
        for one in strangers:
            world.telegram.send(one, "let me in")
        await idle(world)
        assert "Version" in await say(world, ann, "/status")
        await world.telegram.until(
            lambda: any(
                "60 people are waiting for approval" in post.text for post in world.posts(ann)
            ),
            300,
        )
        assert len(world.posts(ann)) == 3  # help, one card, the status
        card = next(post for post in world.posts(ann) if "waiting for approval" in post.text)
        world.telegram.press(ann, card.message_id, "›")
        await world.telegram.until(lambda: "6. S" in _now(world, ann, card.message_id), 100)
        sixth = re.search(r"6\. S(\d\d)", _now(world, ann, card.message_id))
        assert sixth is not None
        world.telegram.press(ann, card.message_id, "6 Allow")
        theirs = strangers[int(sixth[1])]
        await world.telegram.until(lambda: "You may use me" in world.posts(theirs)[-1].text, 100)
        await world.telegram.until(lambda: "59 people" in _now(world, ann, card.message_id), 100)


def _now(world: World, who: Person, post: int) -> str:
    return next(one.text for one in world.posts(who) if one.message_id == post)


@in_a_fast_world
async def test_blocked_people_hear_nothing_and_strangers_little(world: World) -> None:
    ann, bo, cleo = person(world, "Ann"), person(world, "Bo"), person(world, "Cleo")
    async with world.bridge(
        BRIDGE_ACCESS="approval", BRIDGE_OPERATORS=str(ann.id), BRIDGE_FLOOD="5,3600"
    ):
        await say(world, ann, f"/block {bo.id}")
        for _ in range(50):
            world.telegram.send(bo, "/privacy")
            world.telegram.send(bo, "hello")
            world.telegram.send(cleo, "hello")
        for _ in range(50):
            world.telegram.send(cleo, "/privacy")
        await idle(world)
        await world.telegram.until(lambda: len(world.posts(cleo)) == 6, 100)
        assert world.posts(bo) == []
    texts = [post.text for post in world.posts(cleo)]
    assert sum("An operator has to approve you" in text for text in texts) == 1
    assert len(texts) == 6  # and five times what is kept of them


@in_a_fast_world
async def test_channels_share_what_one_person_may_and_can_be_blocked(world: World) -> None:
    ann, bo = person(world, "Ann"), person(world, "Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_OPERATORS=str(bo.id)) as app:
        group = world.telegram.add_group("Group", [ann, bo])
        await world.settled(group, 1, timeout=100)
        await say(world, bo, f"/block {ann.id}")
        await say(world, bo, "/quota person messages day 3")
        world.telegram.send_as_channel(ann, "@sandbox_bot hello", chat=group, title="Alpha")
        await idle(world)
        assert world.coze.asked == []
        await say(world, bo, f"/allow {group.id}")
        assert "Posts under" in await say(world, bo, f"/allow {group.id} channels")
        for number in range(8):
            title = f"Channel {number % 4}"
            world.telegram.send_as_channel(ann, "@sandbox_bot hello", chat=group, title=title)
            await world.handled(300)
            await world.telegram.until(lambda: len(app.lanes) == 0, 300)
        assert len(world.coze.asked) == 3
        listed = re.search(r"Channel 0, (-\d+):", await say(world, bo, "/users Channel"))
        assert listed is not None
        assert "is blocked" in await say(world, bo, f"/block {listed[1]}")
        await say(world, bo, "/quota person messages day off")
        world.telegram.send_as_channel(ann, "@sandbox_bot again", chat=group, title="Channel 0")
        world.telegram.send_as_channel(ann, "@sandbox_bot again", chat=group, title="Channel 1")
        await world.telegram.until(lambda: len(world.coze.asked) == 4, 100)
        await idle(world)
        assert len(world.coze.asked) == 4
        await say(world, bo, f"/block {group.id} channels")
        world.telegram.send_as_channel(ann, "@sandbox_bot more", chat=group, title="Channel 1")
        await idle(world)
        async with app.store.reading() as tx:
            row = (await tx.execute(select(access).where(access.c.chat_id == group.id))).one()
        assert not row.channels
    assert [one.question for one in world.coze.asked][3:] == ["Channel 1: again"]


@in_a_fast_world
async def test_an_operator_can_be_removed_and_stays_so(world: World) -> None:
    ann, bo, cleo = person(world, "Ann"), person(world, "Bo"), person(world, "Cleo")
    both = {"BRIDGE_OPERATORS": f"{ann.id},{bo.id}"}
    async with world.bridge(**both):
        for one in (ann, bo, cleo):
            await say(world, one, "/help")
        assert "Ann" in await say(world, ann, "/operators")
        await say(world, ann, f"/operators add {cleo.id}")
        await world.telegram.until(
            lambda: all("Cleo is an operator now" in world.posts(p)[-1].text for p in (bo, cleo)),
            100,
        )
        await say(world, ann, "/operators remove @bo")
        await world.telegram.until(
            lambda: all(
                "Bo is no longer an operator" in world.posts(p)[-1].text for p in (bo, cleo)
            ),
            100,
        )
        assert "no operator" in await say(world, ann, "/operators remove @bo")
        await say(world, cleo, f"/operators remove {ann.id}")
        assert "last operator" in await say(world, cleo, "/operators remove @cleo")
        acts = await say(world, cleo, "/audit")
        assert f"{ann.id}: operator removed {bo.id} Bo" in acts
    async with world.bridge(**both) as app:  # whatever the settings say
        assert not {ann.id, bo.id} & app.context.rights.operators
        async with app.store.reading() as tx:
            found = {row.person_id: row.removed for row in await tx.execute(select(operators))}
            assert found == {ann.id: True, bo.id: True, cleo.id: False}
            assert (await tx.execute(select(audit))).first() is not None


async def test_what_waits_to_be_said_is_said_by_the_next_process(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        ann = person(world, "Ann")
        async with world.bridge():
            world.telegram.flood(ann, seconds=30)
            world.telegram.send(ann, "/help")
            world.telegram.send(ann, "/privacy")
            await world.handled(30)
            assert world.posts(ann) == []
        async with world.bridge():
            await world.telegram.until(lambda: len(world.posts(ann)) == 2, 600)
        first, second = (post.text for post in world.posts(ann))
        assert "I pass your messages" in first
        assert "/forget" in second
        assert not buttons(world.posts(ann)[0])


@in_a_fast_world
async def test_wishes_at_one_moment_see_each_other(world: World) -> None:
    ann, bo = person(world, "Ann"), person(world, "Bo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_OPERATORS=str(bo.id)) as app:
        groups = [world.telegram.add_group(f"Group {n}", [ann, bo]) for n in range(10)]
        for group in groups:
            await world.settled(group, 1, timeout=100)
        await say(world, bo, "/quota person messages day 1")
        for group in groups:
            world.telegram.send(ann, "@sandbox_bot hello", chat=group)
        await world.handled(300)
        await world.telegram.until(lambda: len(app.lanes) == 0, 300)
    assert len(world.coze.asked) == 1


@in_a_fast_world
async def test_who_tries_anothers_question_again_passes_no_quota(world: World) -> None:
    ann, bo, cleo = person(world, "Ann"), person(world, "Bo"), person(world, "Cleo")
    world.coze.use(saying(ANSWER))
    async with world.bridge(BRIDGE_OPERATORS=str(cleo.id)) as app:
        group = world.telegram.add_group("Group", [ann, bo, cleo], admins=[ann])
        await world.settled(group, 1, timeout=100)
        await say(world, cleo, "/quota person messages day 2")
        world.telegram.send(bo, "@sandbox_bot hello", chat=group)
        await world.settled(group, 2, timeout=100)
        post = world.posts(group)[-1].message_id
        for turn in range(1, 6):
            query = world.telegram.press(ann, post, data=f"retry:{turn}", chat=group)
            await world.telegram.until(lambda one=query: one in world.telegram.answers, 100)
            await world.handled(300)
            await world.telegram.until(lambda: len(app.lanes) == 0, 300)
    assert len(world.coze.asked) <= 2


@in_a_fast_world
async def test_a_card_is_up_to_date_after_a_restart(world: World) -> None:
    ann, bo, cleo = person(world, "Ann"), person(world, "Bo"), person(world, "Cleo")
    more = {"BRIDGE_ACCESS": "approval", "BRIDGE_OPERATORS": f"{ann.id},{bo.id}"}
    async with world.bridge(**more):
        for one in (ann, bo):
            await say(world, one, "/help")
        world.telegram.send(cleo, "let me in")
        for one in (ann, bo):
            await world.telegram.until(lambda p=one: "Cleo" in world.posts(p)[-1].text, 100)
    async with world.bridge(**more) as app, app.store.writing() as tx:  # as by the dashboard
        await tx.execute(access.update().values(state="allowed"))
    async with world.bridge(**more):
        await world.telegram.until(
            lambda: all("Nobody is waiting" in world.posts(p)[-1].text for p in (ann, bo)), 200
        )
        assert not buttons(world.posts(bo)[-1])


@in_a_fast_world
async def test_nobody_unknown_becomes_the_last_operator(world: World) -> None:
    ann = person(world, "Ann")
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)) as app:
        assert "do not know who" in await say(world, ann, "/operators add 999999999999999")
        assert "last operator" in await say(world, ann, f"/operators remove {ann.id}")
        assert app.context.rights.operators == {ann.id}
