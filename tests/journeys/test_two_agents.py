"""Two agents with two credentials at two regions: chats switch, and a trouble of one is its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from worlds import World, buttons

from bridge.errors import SettingsTrouble
from bridge.sandbox.coze import CozeEmulator, Pace, saying
from bridge.sandbox.telegram import Person
from bridge.serving import serving

OTHER = "7400000000000000009"
OTHER_TOKEN = "pat_elsewhere"


@pytest.fixture
async def china(world: World, tmp_path: Path) -> AsyncIterator[CozeEmulator]:
    """Another region with an agent of its own, beside the one of the environment."""
    coze = CozeEmulator(profile="cn")
    coze.add_agent(OTHER, "Poet")
    coze.add_token(OTHER_TOKEN)
    coze.pace = Pace(0, 0)
    world.coze.use(saying("From the west."))
    coze.use(saying("From the east."))
    async with serving(coze.app, only_local=True) as address:
        config = tmp_path / "bridge.toml"
        config.write_text(
            f'[agents.poet]\nkind = "chat"\nbot_id = "{OTHER}"\naddress = "{address}"\n'
            'token_env = "CN_TOKEN"\n',
            encoding="utf-8",
        )
        world.variables |= {"BRIDGE_CONFIG": str(config), "CN_TOKEN": OTHER_TOKEN}
        try:
            yield coze
        finally:
            await coze.close()


async def choose(world: World, person: Person, agent: str) -> None:
    count = len(world.posts(person))
    world.telegram.send(person, "/agent")
    menu = await world.settled(person, count + 1)
    world.telegram.press(person, menu.message_id, agent)
    shown = f"Agent: {agent}"
    await world.telegram.until(lambda: shown in str(buttons(world.posts(person)[-1])))


async def ask(world: World, person: Person, text: str) -> str:
    count = len(world.posts(person))
    world.telegram.send(person, text)
    return (await world.settled(person, count + 1)).text


async def test_a_chat_switches_and_each_question_goes_to_its_region(
    world: World, china: CozeEmulator
) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge():
        assert await ask(world, ann, "where are you?") == "From the west."
        await choose(world, ann, "poet")
        assert await ask(world, ann, "and where now?") == "From the east."
        assert await ask(world, bo, "where are you, for me?") == "From the west."
    assert [run.bot_id for run in china.runs.values()] == [OTHER]
    assert len(world.coze.asked) == 2


async def test_an_expired_credential_of_one_disturbs_no_chat_of_the_other(
    world: World, china: CozeEmulator
) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge(BRIDGE_OPERATORS=str(bo.id)):
        await ask(world, bo, "/start")
        await choose(world, ann, "poet")
        china.remove_token(OTHER_TOKEN)
        assert "no access" in await ask(world, ann, "where are you?")
        await world.telegram.until(lambda: any("🔴" in one.text for one in world.posts(bo)))
        alarm = next(one.text for one in world.posts(bo) if "🔴" in one.text)
        assert await ask(world, bo, "where are you, for me?") == "From the west."
        assert "no access" in await ask(world, ann, "and still?")
        told = [one.text for one in world.posts(bo) if "🔴" in one.text or "🟢" in one.text]
        assert told == [alarm]  # an answer of the other agent does not say that it is over
        china.add_token(OTHER_TOKEN)
        assert await ask(world, ann, "and now again?") == "From the east."
        await world.telegram.until(lambda: "over" in world.posts(bo)[-1].text.lower())
    assert "Agent poet" in alarm
    assert "CN_TOKEN" in alarm
    assert OTHER_TOKEN not in alarm


async def test_a_turn_is_finished_with_its_agent_though_the_chat_chose_another(
    world: World, china: CozeEmulator
) -> None:
    ann = world.telegram.add_person("Ann")
    china.pace = Pace(0.5, 0.5)
    china.use(saying("so many words " * 20))
    async with world.bridge(BRIDGE_GRACE_SECONDS="0.1"):
        await choose(world, ann, "poet")
        count = len(world.posts(ann))
        world.telegram.send(ann, "tell me a lot")
        await world.telegram.until(lambda: len(world.posts(ann)) > count)
    china.pace = Pace(0, 0)
    async with world.bridge():
        await world.telegram.until(
            lambda: world.posts(ann)[-1].text == ("so many words " * 20).strip(), timeout=60
        )
    assert (len(china.asked), len(world.coze.asked)) == (1, 0)


async def test_an_agent_that_was_taken_away_leaves_a_clear_sentence(
    world: World, china: CozeEmulator
) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        await choose(world, ann, "poet")
        assert await ask(world, ann, "where are you?") == "From the east."
    async with world.bridge(BRIDGE_CONFIG=""):
        said = await ask(world, ann, "and now?")
        assert "no longer offered" in said
        assert said.endswith("From the west.")
        assert await ask(world, ann, "and after that?") == "From the west."


async def test_a_reload_takes_a_new_agent_and_says_what_is_wrong_in_the_file(
    world: World, china: CozeEmulator
) -> None:
    """As `/reload` reads the settings: the same file, read again."""
    config = Path(world.variables["BRIDGE_CONFIG"])
    before = config.read_text(encoding="utf-8")
    world.coze.add_agent("4711", "More")
    ann = world.telegram.add_person("Ann")
    async with world.bridge() as app:
        assert app.context.declared.keys == ("poet", world.settings.coze_bot_id)
    config.write_text(before + '[agents.more]\nkind = "chat"\nbot_id = "4711"\n', encoding="utf-8")
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)) as app:
        assert app.context.declared.keys == ("poet", "more", world.settings.coze_bot_id)
        world.telegram.send(ann, "/status")
        said = (await world.settled(ann, 1)).text
        assert f"Agents: poet, more, {world.settings.coze_bot_id}." in said
        world.telegram.send(ann, "/agents")
        assert "poet (chat)" in (await world.settled(ann, 2)).text
    config.write_text(before + "[agents.more]\nkind = 1\n", encoding="utf-8")
    with pytest.raises(SettingsTrouble, match=r"\[agents\.more\] needs kind"):
        async with world.bridge():
            pass
