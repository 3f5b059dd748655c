"""Several agents: operators list them, and each chat picks one."""

from worlds import World, buttons, in_a_fast_world

from bridge.sandbox.telegram import Person

SECOND = "7379462189365190777"


def named(world: World) -> list[str]:
    """Which agents were asked, in order."""
    return [run.bot_id for run in world.coze.runs.values()]


async def command(world: World, person: Person, text: str) -> str:
    """What the bot says to a command."""
    count = len(world.posts(person))
    world.telegram.send(person, text)
    return (await world.settled(person, count + 1)).text


async def test_an_operator_adds_an_agent_and_a_chat_picks_it(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    world.coze.add_agent(SECOND, "Poet")
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
        assert "do not know this command" in await command(world, bo, f"/agents add {SECOND}")
        assert "Poet can be chosen" in await command(world, ann, f"/agents add {SECOND}")
        assert f"Poet ({SECOND})" in await command(world, ann, "/agents")
        await command(world, bo, "/settings")
        post = world.posts(bo)[-1]
        shown = next(label for label in buttons(post) if label.startswith("Agent"))
        world.telegram.press(bo, post.message_id, shown)
        await world.telegram.until(lambda: "Agent: Poet" in buttons(world.posts(bo)[-1]))
        await command(world, bo, "hello")
        await command(world, ann, "hello")
        assert named(world) == [SECOND, world.settings.coze_bot_id]
        first = world.coze.asked[0].conversation_id
        await command(world, bo, "and again")
        assert world.coze.asked[-1].conversation_id == first
        assert await command(world, ann, f"/agents remove {SECOND}") == "Done."
        assert "no longer offered" in await command(world, bo, "who are you now?")
        assert "no longer offered" not in await command(world, bo, "and now?")
    assert named(world)[-1] == world.settings.coze_bot_id
    assert world.coze.asked[-1].conversation_id != first


@in_a_fast_world
async def test_the_default_is_the_operators_until_the_settings_change(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.add_agent(SECOND, "Poet")
    world.coze.add_agent("4711", "Other")
    own = world.settings.coze_bot_id
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
        assert "no agent with this id" in await command(world, ann, f"/agents default {SECOND}")
        await command(world, ann, f"/agents add {SECOND} My  poet")
        await command(world, ann, f"/agents default {SECOND}")
        assert f"My poet ({SECOND}), the default" in await command(world, ann, "/agents")
        await command(world, ann, "hello")
        assert "stays" in await command(world, ann, f"/agents remove {own}")
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id), COZE_BOT_ID="4711"):
        await command(world, ann, "hello")
    assert named(world) == [SECOND, "4711"]


async def test_an_agent_that_coze_does_not_know_is_not_offered(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
        said = await command(world, ann, "/agents add 123456")
        assert "does not offer this agent" in said
        assert "123456" not in await command(world, ann, "/agents")
