"""What an agent is told of whom it serves: what its table names, harmless, and what /privacy says."""

from pathlib import Path

from fast import run_fast
from worlds import World, a_world

from bridge.sandbox.coze import DEFAULT_BOT_ID

TABLE = f"""
[agents.poet]
kind = "chat"
bot_id = "{DEFAULT_BOT_ID}"
default = true
[agents.poet.variables]
name = "first_name"
where = "chat_title"
came = "start_payload"
tier = "text:gold"
[agents.poet.parameters]
in_group = "is_group"
number = "telegram_id"
[agents.poet.user_variables]
lang = "language"
"""


def declare(world: World, folder: Path) -> None:
    (folder / "bridge.toml").write_text(TABLE, encoding="utf-8")
    world.variables["BRIDGE_CONFIG"] = str(folder / "bridge.toml")


async def test_every_named_fact_goes_out_and_user_variables_only_when_they_change(
    world: World, tmp_path: Path
) -> None:
    declare(world, tmp_path)
    world.coze.add_variable(DEFAULT_BOT_ID, "lang")
    ann = world.telegram.add_person("{{Ann}}\n%Roe", language_code="en")
    async with world.bridge():
        world.telegram.send(ann, "/start from_the_fair-1")
        await world.settled(ann, 1)
        for count, text in enumerate(("what do you see?", "and now again?"), 2):
            world.telegram.send(ann, text)
            await world.settled(ann, count)
        world.telegram.send_location(ann, 52.52, 13.405)
        await world.settled(ann, 4)
        world.telegram.send(ann, "/privacy")
        privacy = (await world.settled(ann, 5)).text
    asked, again, place = world.coze.asked
    assert asked.values.custom_variables == {
        "name": "Ann", "where": "", "came": "from_the_fair-1", "tier": "gold",
    }  # fmt: skip
    assert asked.values.parameters == {"in_group": False, "number": ann.id}
    assert again.values.custom_variables == asked.values.custom_variables
    assert place.values.extra_params == {"latitude": "52.52", "longitude": "13.405"}
    told = [one for one in world.coze.requests if one.path == "/v1/variables"]
    assert len(told) == 1
    assert "poet is told" in privacy
    assert "your first name" in privacy


async def test_nothing_goes_out_that_no_table_names(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "what do you know?")
        await world.settled(ann, 1)
        world.telegram.send(ann, "/privacy")
        assert "is told" not in (await world.settled(ann, 2)).text
    values = world.coze.asked[0].values
    assert (values.custom_variables, values.parameters, values.extra_params) == ({}, {}, {})
    assert "Ann" not in str(world.coze.requests)


def test_a_coze_without_user_variables_is_asked_all_the_same(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path, profile="studio") as world:
            declare(world, tmp_path)
            ann = world.telegram.add_person("Ann")
            async with world.bridge():
                world.telegram.send(ann, "are you there?")
                await world.settled(ann, 1)
            assert len(world.coze.asked) == 1

    run_fast(journey(), 60)
