"""Pastes that a client has cut, places that move, mentions added later, clocks that are off."""

import time
from asyncio import sleep as asyncio_sleep
from pathlib import Path

import pytest
from worlds import World, a_world, formats, in_a_fast_world, in_a_world_of_speed

from bridge.sandbox.coze import saying

LETTERS = "abcdefgh " * 500
FIRST, REST = LETTERS[:4096], "and this is the rest of it. " * 140


def asked(world: World) -> list[str]:
    return [one.question for one in world.coze.asked]


@pytest.mark.parametrize("gap", [0.06, 0.3, 0.7, 1.2])
def test_a_cut_paste_is_one_question(gap: float, tmp_path: Path) -> None:
    @in_a_world_of_speed(3.0)
    async def journey(world: World) -> None:
        ann = world.telegram.add_person("Ann")
        world.coze.use(saying("Yes."))
        async with world.bridge(BRIDGE_QUIET_SECONDS="0.25"):
            world.telegram.send(ann, FIRST)
            await asyncio_sleep(gap)
            world.telegram.send(ann, REST)
            await world.settled(ann, 1, timeout=60)
        (question,) = asked(world)
        assert question == FIRST + REST.strip()

    journey(tmp_path)


@in_a_world_of_speed(3.0)
async def test_the_rest_of_a_paste_needs_no_mention_in_a_group(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    group = world.telegram.add_group("Group", [ann])
    world.telegram.privacy = False
    world.coze.use(saying("Yes."))
    async with world.bridge(BRIDGE_QUIET_SECONDS="0.25"):
        await world.settled(group, 1)
        world.telegram.kick_bot(group)
        world.telegram.invite_bot(group)
        await world.settled(group, 2)
        world.telegram.send(ann, ("@sandbox_bot " + LETTERS)[:4096], chat=group)
        await asyncio_sleep(0.7)
        world.telegram.send(ann, REST, chat=group)
        await world.settled(group, 3, timeout=60)
    (question,) = asked(world)
    assert question.endswith(REST.strip())


@in_a_world_of_speed(3.0)
async def test_short_messages_wait_no_longer(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Yes."))
    async with world.bridge(BRIDGE_QUIET_SECONDS="0.25"):
        world.telegram.send(ann, "one")
        await asyncio_sleep(1.0)
        world.telegram.send(ann, "two")
        await world.settled(ann, 2, timeout=60)
    assert asked(world) == ["one", "two"]


@in_a_fast_world
async def test_a_place_that_moves_is_asked_about_once(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("There."))
    async with world.bridge():
        sent = world.telegram.send_location(ann, 52.5, 13.4)
        await world.settled(ann, 1)
        for step in range(1, 5):
            await asyncio_sleep(2.5)
            place = {"latitude": 52.5 + step / 100, "longitude": 13.4, "live_period": 900}
            world.telegram.inject(
                {
                    "edited_message": {
                        "message_id": sent,
                        "date": int(time.time()),
                        "edit_date": int(time.time()) + step,
                        "chat": {"id": ann.id, "type": "private", "first_name": "Ann"},
                        "from": {"id": ann.id, "is_bot": False, "first_name": "Ann"},
                        "location": place,
                    }
                }
            )
        await asyncio_sleep(5.0)
    assert len(asked(world)) == 1


async def test_a_mention_that_is_added_by_an_edit_is_answered(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    group = world.telegram.add_group("Group", [ann])
    world.telegram.privacy = False
    world.coze.use(saying("Yes."))
    async with world.bridge():
        await world.settled(group, 1)
        world.telegram.kick_bot(group)
        world.telegram.invite_bot(group)
        await world.settled(group, 2)
        sent = world.telegram.send(ann, "are you here?", chat=group)
        world.telegram.edit(ann, sent, "@sandbox_bot are you here?", chat=group)
        await world.settled(group, 3)
        world.telegram.edit(ann, sent, "@sandbox_bot are you there?", chat=group)
        await world.telegram.until(lambda: len(asked(world)) == 2)
        await world.settled(group, 3)
    assert asked(world) == ["Ann: are you here?", "Ann: are you there?"]


@pytest.mark.parametrize("minutes", [11, -11])
async def test_a_clock_that_is_off_makes_no_message_old(minutes: int, tmp_path: Path) -> None:
    """Telegram's clock is the one that counts: its dates and those of its answers agree."""

    def clock() -> float:
        return time.time() - 60 * minutes

    async with a_world(tmp_path, clock=clock, server_clock=clock) as world:
        ann = world.telegram.add_person("Ann")
        group = world.telegram.add_group("Group", [ann])
        world.coze.use(saying("Yes."))
        async with world.bridge():
            await world.settled(group, 1)
            world.telegram.send(ann, "@sandbox_bot hello", chat=group)
            post = await world.settled(group, 2)
    assert post.text == "Yes."  # and nothing about how old the question is


async def test_a_paste_of_formatted_text_is_read_and_can_name_us(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    group = world.telegram.add_group("Group", [ann])
    world.coze.use(saying("Yes."))
    table = {
        "type": "table",
        "cells": [
            [{"text": word, "align": "left", "valign": "top"} for word in row]
            for row in (("tea", "price"), ("green", "3"))
        ],
    }
    async with world.bridge():
        sent = world.telegram.send_rich(
            ann, [{"type": "heading", "text": "Teas", "size": 2}, table]
        )
        await world.settled(ann, 1)
        world.telegram.send(ann, "what does row 2 mean?", reply_to=sent)
        await world.settled(ann, 2)
        await world.settled(group, 1)
        world.telegram.send_rich(
            ann, [{"type": "paragraph", "text": "hello @sandbox_bot"}], chat=group
        )
        world.telegram.send_rich(ann, [{"type": "paragraph", "text": "not for you"}], chat=group)
        await world.settled(group, 2)
    first, second, third = asked(world)
    assert first == "## Teas\n\n| tea | price |\n| --- | --- |\n| green | 3 |"
    assert "> | green | 3 |" in second
    assert third == "Ann: hello @sandbox_bot"


async def test_names_of_files_in_answers_become_no_links_at_the_server(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("Edit README.md, run deploy.sh and open example.com."))
    async with world.bridge():
        world.telegram.send(ann, "hello")
        post = await world.settled(ann, 1)
    assert formats(post) == [("code", "README.md"), ("code", "deploy.sh"), ("url", "example.com")]
