"""Links that let people and groups in: made, used, used up, withdrawn, typed, lost on the way."""

import re
from pathlib import Path

import pytest
from worlds import World, buttons, troubles

from bridge.sandbox.coze import DEFAULT_BOT_ID, saying
from bridge.sandbox.telegram import Message, Person

ANSWER = "An answer."
HELLO = "Hi Ann!"
WAIT = "An operator has to approve you first. I have asked; please wait."


class Team:
    """An operator, and a deployment that lets nobody in by itself."""

    def __init__(self, world: World, language: str = "") -> None:
        self.world = world
        self.operator = world.telegram.add_person("Olga", language_code=language)
        world.coze.use(saying(ANSWER))
        self.variables = {
            "BRIDGE_ACCESS": "approval",
            "BRIDGE_OPERATORS": str(self.operator.id),
        }

    async def says(self, who: Person, text: str) -> Message:
        count = len(self.world.posts(who))
        self.world.telegram.send(who, text)
        return await self.world.settled(who, count + 1)

    async def opens(self, who: Person, address: str) -> Message:
        count = len(self.world.posts(who))
        self.world.telegram.open_link(who, address)
        return await self.world.settled(who, count + 1)

    async def link(self, command: str = "/invite uses=1") -> str:
        """A new link."""
        before = len(self.links())
        self.world.telegram.send(self.operator, command)
        await self.world.telegram.until(lambda: len(self.links()) > before)
        return self.links()[-1]

    def links(self) -> list[str]:
        """Those that stand in the operator's chat."""
        texts = [one.text for one in self.world.posts(self.operator)]
        return re.findall(r"https://t\.me/\S+", "\n".join(texts))


def code_of(address: str) -> str:
    return address.rpartition("=")[2]


@pytest.fixture
def team(world: World) -> Team:
    return Team(world)


async def test_a_link_lets_in_without_waiting_once(world: World, team: Team) -> None:
    ann, bob = world.telegram.add_person("Ann"), world.telegram.add_person("Bob")
    async with world.bridge(**team.variables):
        address = await team.link()
        assert re.fullmatch(r"https://t\.me/sandbox_bot\?start=[A-Za-z0-9_-]{32}", address)
        assert (await team.opens(ann, address)).text.startswith(HELLO)
        assert (await team.says(ann, "why?")).text == ANSWER
        assert (await team.opens(ann, address)).text.startswith(HELLO)  # it may come again
        over = await team.opens(bob, address)
        await world.settled(bob, 2)
        assert {post.text for post in world.posts(bob)} == {
            "This link does not count any more, or not here. Please ask for a new one.",
            WAIT,
        }
        assert over
        audit = await team.says(team.operator, "/audit")
        assert "invited" in audit.text
    assert len(world.coze.asked) == 1


async def test_what_a_link_brings_along(world: World, team: Team, tmp_path: Path) -> None:
    ann = world.telegram.add_person("Ann")
    config = tmp_path / "bridge.toml"
    config.write_text(
        f"""
        [agents.home]
        kind = "chat"
        bot_id = "{DEFAULT_BOT_ID}"
        default = true

        [agents.fair]
        kind = "chat"
        bot_id = "7379462189365198999"

        [agents.fair.variables]
        came_by = "start_payload"
        """,
        encoding="utf-8",
    )
    world.coze.add_agent("7379462189365198999", name="Fair")
    async with world.bridge(**team.variables, BRIDGE_CONFIG=str(config)):
        address = await team.link("/invite uses=2 days=3 agent=fair start=spring note=the fair")
        shown = await team.says(team.operator, "/invite")
        assert "0 of 2 used" in shown.text
        assert "agent=fair · start=spring · the fair" in shown.text
        await team.opens(ann, address)
        await team.says(ann, "hello there")
    (asked,) = world.coze.asked
    assert asked.values.custom_variables == {"came_by": "spring"}


async def test_withdrawn_and_unknown_links_are_a_plain_start(world: World, team: Team) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**team.variables):
        address = await team.link()
        shown = await team.says(team.operator, "/invite")
        world.telegram.press(team.operator, shown.message_id, "✕ #1")
        await world.telegram.until(
            lambda: "There is none now." in world.posts(team.operator)[-1].text
        )
        post = await team.opens(ann, address)
        await world.settled(ann, 2)
        assert any(one.text.startswith("This link does not count") for one in world.posts(ann))
        assert post
    assert world.coze.asked == []
    bob = world.telegram.add_person("Bob")
    async with world.bridge(**team.variables):
        assert (await team.opens(bob, "https://t.me/sandbox_bot?start=spring-sale")).text == WAIT


async def test_a_code_can_be_typed_where_the_link_lost_it(world: World, team: Team) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**team.variables):
        address = await team.link()
        world.telegram.open_link(ann, address, keeps_payload=False)
        told = await world.settled(ann, 1)
        assert told.text == WAIT + " If you have a code, send it to me now."
        assert (await team.says(ann, code_of(address))).text.startswith(HELLO)
        assert (await team.says(ann, "why?")).text == ANSWER
    assert [one.question for one in world.coze.asked] == ["why?"]  # the code is nobody's question


async def test_a_group_comes_by_a_link_or_by_its_code(world: World, team: Team) -> None:
    ann = world.telegram.add_person("Ann")
    first = world.telegram.add_group("First", [ann])
    second = world.telegram.add_group("Second", [ann])
    for group in (first, second):
        world.telegram.kick_bot(group)
    world.telegram.updates.clear()
    async with world.bridge(**team.variables):
        address = await team.link("/invite group uses=2")
        assert "?startgroup=" in address
        world.telegram.open_link(ann, address, first)
        hello = await world.settled(first, 1)
        assert "@sandbox_bot" in hello.text
        world.telegram.send(ann, "@sandbox_bot why?", chat=first)
        assert (await world.settled(first, 2)).text == ANSWER
        world.telegram.open_link(ann, address, second, keeps_payload=False)
        told = await world.settled(second, 1)
        assert told.text.endswith("If you have a code, send it as /start@sandbox_bot CODE.")
        world.telegram.send(ann, f"/start@sandbox_bot {code_of(address)}", chat=second)
        await world.settled(second, 2)
        world.telegram.send(ann, "@sandbox_bot why?", chat=second)
        assert (await world.settled(second, 3)).text == ANSWER
        nobody = world.telegram.add_person("Nobody")
        await team.opens(nobody, address.replace("startgroup", "start"))
        await world.settled(nobody, 2)
        assert any("does not count" in one.text for one in world.posts(nobody))


async def test_an_operators_no_is_not_undone_by_a_link(world: World, team: Team) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**team.variables):
        address = await team.link()
        await team.says(team.operator, f"/block {ann.id}")
        world.telegram.open_link(ann, address)
        await world.handled()
        await team.says(team.operator, "/invite")
        assert "0 of 1 used" in world.posts(team.operator)[-1].text
    assert world.posts(ann) == []


@pytest.mark.parametrize(
    "word", ["uses=0", "uses=many", "days=400", "agent=nobody", "fair", "start=a b"]
)
async def test_what_cannot_be_read_says_which_word(world: World, team: Team, word: str) -> None:
    async with world.bridge(**team.variables):
        post = await team.says(team.operator, f"/invite {word}")
        wrong = word.split()[-1] if " " in word else word
        assert f"“{wrong}”" in post.text
        assert "There is none now." in (await team.says(team.operator, "/invite")).text


async def test_people_who_are_no_operators_make_no_links(world: World, team: Team) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**team.variables | {"BRIDGE_ACCESS": "open"}):
        post = await team.says(ann, "/invite")
        assert post.text.startswith("I do not know this command.")
        pressed = await team.says(ann, "/start")
        world.telegram.press(ann, pressed.message_id, data="op:invite:person")
        await world.handled()
    assert not [one for one in world.posts(ann) if "t.me" in one.text]


async def test_in_chinese(world: World) -> None:
    team = Team(world, "zh-hans")
    ann = world.telegram.add_person("Ann", language_code="zh-hans")
    async with world.bridge(**team.variables):
        shown = await team.says(team.operator, "/invite")
        assert list(buttons(shown)) == ["新链接", "新的群组链接"]
        world.telegram.press(team.operator, shown.message_id, "新链接")
        made = await world.settled(team.operator, 2)
        (address,) = re.findall(r"https://t\.me/\S+", made.text)
        assert made.text.startswith("打开此链接的人可立即使用我。人数：1。")
        assert (await team.opens(ann, address)).text
        assert (await team.says(ann, "为什么？")).text == ANSWER
    assert await troubles(world) == []


async def test_a_code_typed_by_somebody_who_is_in_already_counts_too(
    world: World, team: Team
) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**team.variables | {"BRIDGE_ACCESS": "open"}):
        await team.says(ann, "why?")
        address = await team.link()
        world.telegram.open_link(ann, address, keeps_payload=False)  # as for a bot that was started
        await world.settled(ann, 2)
        assert (await team.says(ann, f"  {code_of(address)}\n")).text.startswith(HELLO)
        assert "There is none now." in (await team.says(team.operator, "/invite")).text
    assert [one.question for one in world.coze.asked] == ["why?"]


async def test_a_code_survives_a_restart_and_counts_for_one_of_two_at_once(
    world: World, team: Team
) -> None:
    people = [world.telegram.add_person(name) for name in ("Ann", "Bob", "Cy")]
    async with world.bridge(**team.variables):
        address = await team.link()
    async with world.bridge(**team.variables):
        for one in people:
            world.telegram.open_link(one, address)
        await world.telegram.until(lambda: all(world.posts(one) for one in people), 60)
        await world.handled()
        let_in = [one for one in people if world.posts(one)[0].text.startswith("Hi ")]
        assert len(let_in) == 1


async def test_hostile_payloads_are_a_plain_start(world: World, team: Team) -> None:
    ann = world.telegram.add_person("Ann")
    hostile = [
        "' OR 1=1 --",
        "x" * 3000,
        "a\nb",
        "../../etc",
        "%00",
        "_tgr_abc",
        "😀" * 32,
        "A" * 32,
    ]
    async with world.bridge(**team.variables | {"BRIDGE_ACCESS": "open"}):
        await team.link()
        for payload in hostile:
            assert (await team.says(ann, f"/start {payload}")).text.startswith(HELLO)
    assert world.coze.asked == []


async def test_what_was_used_stays_used_after_forget(world: World, team: Team) -> None:
    ann, bob = world.telegram.add_person("Ann"), world.telegram.add_person("Bob")
    async with world.bridge(**team.variables):
        address = await team.link()
        await team.opens(ann, address)
        sure = await team.says(ann, "/forget")
        world.telegram.press(ann, sure.message_id, next(iter(buttons(sure))))
        await world.telegram.until(lambda: "Deleted" in world.posts(ann)[-1].text, 100)
        await team.opens(bob, address)
        await world.settled(bob, 2)
    assert WAIT in [one.text for one in world.posts(bob)]


async def test_a_denied_person_does_not_come_in_by_a_groups_link(world: World, team: Team) -> None:
    bob = world.telegram.add_person("Bob")
    group = world.telegram.add_group("Bob's", [bob])
    world.telegram.kick_bot(group)
    async with world.bridge(**team.variables):
        await team.says(bob, "may I?")
        await team.says(team.operator, f"/block {bob.id}")
        address = await team.link("/invite group uses=9")
        world.telegram.open_link(bob, address, group)
        world.telegram.send(bob, "@sandbox_bot why?", chat=group)
        await world.handled()
        assert "0 of 9 used" in (await team.says(team.operator, "/invite")).text
    assert world.coze.asked == []


@pytest.mark.parametrize("form", ["https://t.me/sandbox_bot?start={}", "my code is {}", "`{}`"])
@pytest.mark.parametrize("by_approval", [True, False])
async def test_a_code_counts_however_it_is_pasted_and_is_no_question(
    world: World, team: Team, form: str, by_approval: bool
) -> None:
    ann = world.telegram.add_person("Ann")
    mode = "approval" if by_approval else "open"
    async with world.bridge(**team.variables | {"BRIDGE_ACCESS": mode}):
        code = code_of(await team.link())
        assert (await team.says(ann, form.format(code))).text.startswith(HELLO)
        asked = world.telegram.send(ann, "why?")
        await world.settled(ann, 2)
        world.telegram.edit(ann, asked, f"why? {code}")
        await world.handled()
        assert "There is none now." in (await team.says(team.operator, "/invite")).text
    assert [one.question for one in world.coze.asked] == ["why?"]


async def test_an_operators_own_invite_is_neither_used_nor_asked(world: World, team: Team) -> None:
    async with world.bridge(**team.variables):
        address = await team.link()
        assert (await team.says(team.operator, address)).text.startswith("That is an invite")
        assert "0 of 1 used" in (await team.says(team.operator, "/invite")).text
        assert (await team.says(team.operator, "/invite withdraw 1")).text.startswith("That link")
        assert "There is none now." in (await team.says(team.operator, "/invite")).text
    assert world.coze.asked == []


async def test_in_a_group_that_is_in_only_who_leads_it_brings_an_invite(
    world: World, team: Team
) -> None:
    ann, bob = world.telegram.add_person("Ann"), world.telegram.add_person("Bob")
    group = world.telegram.add_group("Team", [ann, bob])
    async with world.bridge(**team.variables | {"BRIDGE_ACCESS": "open"}):
        await world.settled(group, 1)
        code = code_of(await team.link("/invite group uses=5"))
        for who, used in ((bob, 0), (ann, 1)):
            count = len(world.posts(group))
            world.telegram.send(who, f"/start@sandbox_bot {code}", chat=group)
            await world.settled(group, count + 1)
            shown = await team.says(team.operator, "/invite")
            assert f"{used} of 5 used" in shown.text


async def test_a_link_of_open_days_lets_in_when_approval_is_wanted(
    world: World, team: Team
) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge(**team.variables | {"BRIDGE_ACCESS": "open"}):
        address = await team.link()
        await team.opens(ann, address)
    async with world.bridge(**team.variables):
        await team.opens(ann, address)
        assert (await team.says(ann, "why?")).text == ANSWER
