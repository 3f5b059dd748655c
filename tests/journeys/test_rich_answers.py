"""Finished answers that become rich messages, where that is wanted and possible."""

from pathlib import Path

from worlds import World, a_world, buttons

from bridge.sandbox.coze import saying
from bridge.sandbox.telegram import Message, Person

TABLE = "Prices:\n\n| fruit | price |\n|---|---:|\n| apple | 2 |\n"


async def answer(world: World, person: Person, text: str) -> Message:
    world.coze.use(saying(text))
    world.telegram.send(person, "hello")
    return await world.settled(person, len(world.posts(person)) + 1)


async def test_a_table_becomes_rich_in_the_same_message(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world, world.bridge(BRIDGE_RICH="true"):
        ann = world.telegram.add_person("Ann")
        post = await answer(world, ann, TABLE)
        await world.telegram.until(lambda: world.posts(ann)[0].rich is not None)
        plain = await answer(world, ann, "No table here.")
    assert "apple" in str(world.posts(ann)[0].rich)
    assert "👍" in buttons(world.posts(ann)[0])
    assert len(world.posts(ann)) == 2
    assert post.history[-2].text.startswith("Prices:")
    assert plain.rich is None


async def test_rich_messages_are_off_unless_wanted(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        assert (await answer(world, ann, TABLE)).rich is None


async def test_a_server_without_rich_messages_is_asked_once(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world, world.bridge(BRIDGE_RICH="true"):
        world.telegram.without("rich messages")
        ann = world.telegram.add_person("Ann")
        for _ in range(2):
            await answer(world, ann, TABLE)
        refused = [call for call in world.telegram.calls if call.status == 400]
    assert len(refused) <= 1
    assert all("apple" in post.text for post in world.posts(ann))


async def test_scripts_that_clients_garble_stay_text(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world, world.bridge(BRIDGE_RICH="true"):
        ann = world.telegram.add_person("Ann")
        post = await answer(world, ann, TABLE.replace("apple", "苹果"))
    assert post.rich is None
