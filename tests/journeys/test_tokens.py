"""The OAuth JWT way in, under load."""

import asyncio
from pathlib import Path

import pytest
from worlds import a_world

from bridge.sandbox.coze import Pace, saying

pytestmark = pytest.mark.slow


async def test_tokens_of_three_seconds_under_fifty_chats_never_show(tmp_path: Path) -> None:
    async with a_world(tmp_path, jwt=True) as world, world.bridge():
        world.coze.token_seconds = 3
        world.coze.pace = Pace(first_delta=1.5, delta=0.05)
        world.coze.use(saying("An answer."))
        people = [world.telegram.add_person(f"Person {number}") for number in range(50)]
        loop = asyncio.get_running_loop()
        begun = loop.time()

        async def talk(number: int) -> None:
            person = people[number]
            for asked in range(2 if number < 20 else 1):
                world.telegram.send(person, f"question {asked}")
                post = await world.settled(person, asked + 1, timeout=30)
                assert post.text == "An answer."

        await asyncio.gather(*(talk(number) for number in range(50)))
        seconds = loop.time() - begun
    exchanges = [one for one in world.coze.exchanges if one.outcome == "ok"]
    assert exchanges == world.coze.exchanges
    # A token of three seconds is renewed when half of it is left, or replaced when refused.
    assert 2 <= len(exchanges) <= seconds / 1.5 + 2
    assert len({one.jti for one in exchanges}) == len(exchanges)
    assert len(world.coze.asked) == 70


async def test_revoked_tokens_are_replaced_without_a_word(tmp_path: Path) -> None:
    async with a_world(tmp_path, jwt=True) as world, world.bridge():
        ann = world.telegram.add_person("Ann")
        world.coze.use(saying("An answer."))
        for number, code in enumerate((4100, 700012006)):
            world.coze.expired_code = code
            world.telegram.send(ann, "hello")
            assert (await world.settled(ann, number + 1)).text == "An answer."
            world.coze.revoke_tokens()
        world.telegram.send(ann, "hello")
        assert (await world.settled(ann, 3, timeout=10)).text == "An answer."
        assert len(world.coze.exchanges) == 3
