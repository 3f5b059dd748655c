"""Notices that another process takes over: nothing is forgotten, whenever it is broken off."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from worlds import World, a_world, buttons, eventually

from bridge.model import ChatKey
from bridge.telegram.post import Cause, PostContent, Rendered


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Both emulators."""
    async with a_world(tmp_path) as there:
        yield there


@pytest.mark.parametrize("turns_of_the_loop", [0, 1, 5, 50])
async def test_what_is_broken_off_is_recalled(world: World, turns_of_the_loop: int) -> None:
    """Also when the task that sends it had not even begun."""
    ann = world.telegram.add_person("Ann")
    key = ChatKey(ann.id)
    world.telegram.send(ann, "/start")
    async with world.bridge() as app:
        await world.settled(ann, 1)
        notices = app.context.notices
        await notices.send(key, PostContent(Rendered("One.")), Cause("one", 0))
        for _ in range(turns_of_the_loop):
            await asyncio.sleep(0)
        await notices.drop_chats(lambda chat_id: chat_id == ann.id)
        assert notices.chats() == set()
        await notices.recall()
        await notices.recall()
        await notices.send(key, PostContent(Rendered("Two.")), Cause("two", 0))
        await eventually(lambda: [one.text for one in world.posts(ann)][1:] == ["One.", "Two."], 30)
        await eventually(lambda: not notices.chats(), 30)
        await notices.recall()
        assert notices.chats() == set()


async def test_a_receipt_comes_to_be_read_though_telegram_was_busy(world: World) -> None:
    """The edit that says what was done, and the one that takes the buttons away."""
    ann = world.telegram.add_person("Ann")
    async with world.bridge() as app:
        world.telegram.send(ann, "/forget")
        post = await world.settled(ann, 1)
        key, notices = ChatKey(ann.id), app.context.notices
        world.telegram.flood(ann, seconds=1)
        notices.edit_buttons(key, post.message_id, (), ann.id)
        await eventually(lambda: not buttons(world.posts(ann)[0]), 30)
        world.telegram.flood(ann, seconds=1)
        notices.edit(key, post.message_id, PostContent(Rendered("Deleted.")), ann.id)
        await eventually(lambda: world.posts(ann)[0].text == "Deleted.", 30)
    assert world.telegram.calls_during_ban == 0
