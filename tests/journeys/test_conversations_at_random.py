"""Whatever people do, and whenever the process dies: no question reaches another chat's conversation."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fast import run_fast_together
from processes import Bridge
from worlds import World, a_world, buttons, put_database

from bridge.sandbox.coze import DEFAULT_BOT_ID, saying
from bridge.sandbox.telegram import Group, Message, Person

pytestmark = pytest.mark.slow

SPEED = 6.0
OTHER_BOT = "7379462189365198999"
AGENTS = f"""
[agents.home]
kind = "chat"
bot_id = "{DEFAULT_BOT_ID}"
default = true
[agents.other]
kind = "chat"
bot_id = "{OTHER_BOT}"
"""
ACTS = ["ask"] * 4 + ["new", "switch", "rename", "delete", "agent", "kill", "move"]


@dataclass
class Life:
    """Three chats, what is done in them, and whose each conversation is."""

    world: World
    folder: Path
    chance: random.Random
    ann: Person
    places: list[Person | Group]
    bridge: Bridge
    owner: dict[str, int] = field(default_factory=dict)
    """By conversation, the place by its number."""
    asked: int = 0

    async def does(self, act: str, number: int) -> None:
        match act:
            case "ask":
                await self.asks(number)
            case "new":
                await self.says(number, "/new")
            case "rename":
                await self.says(number, f"/conversations name Title {self.chance.random():.6f}")
            case "agent":
                await self.presses(number, "/agent", self.chance.choice(["home", "other"]))
            case "switch":
                await self.presses(number, "/conversations", None)
            case "delete":
                await self.deletes(number)
            case "kill":
                await self.asks(number, dies=True)
            case "move" if isinstance(self.places[2], Group) and self.places[2].id > -(10**12):
                self.places[2] = self.world.telegram.migrate(self.places[2])
                await self.world.handled()

    async def says(self, number: int, text: str) -> Message:
        """Say something that is answered by one new message."""
        place = self.places[number]
        count = len(self.world.posts(place))
        if isinstance(place, Group):
            name, _, rest = text.partition(" ")
            words = f"{name}@sandbox_bot {rest}" if name.startswith("/") else f"@sandbox_bot {text}"
            self.world.telegram.send(self.ann, words.strip(), chat=place)
        else:
            self.world.telegram.send(place, text)
        return await self.world.settled(place, count + 1, timeout=60)

    async def asks(self, number: int, *, dies: bool = False) -> None:
        """Ask, and see in which conversation; perhaps the process dies meanwhile."""
        if dies:
            place = self.places[number]
            count = len(self.world.posts(place))
            sent = f"question {self.asked}"
            if isinstance(place, Group):
                self.world.telegram.send(self.ann, f"@sandbox_bot {sent}", chat=place)
            else:
                self.world.telegram.send(place, sent)
            if self.chance.random() < 0.7:
                await self.world.coze.until(lambda: len(self.world.coze.asked) > self.asked, 60)
            self.bridge.kill()
            await self.bridge.ended(60)
            self.bridge = Bridge(self.world.variables, self.folder, speed=SPEED)
            await self.bridge.ready(200)
            await self.world.telegram.until(lambda: len(self.world.posts(place)) > count, 200)
            await self.world.settled(place, count + 1, timeout=60)
        else:
            await self.says(number, f"question {self.asked}")
        self.asked += 1
        assert len(self.world.coze.asked) == self.asked  # each once
        where = self.world.coze.asked[-1].conversation_id
        assert self.owner.setdefault(where, number) == number

    async def presses(self, number: int, command: str, label: str | None) -> None:
        post = await self.says(number, command)
        found = [one for one in buttons(post) if label is None or label in one]
        if not found:
            return
        place = self.places[number]
        who = place if isinstance(place, Person) else self.ann
        self.world.telegram.press(who, post.message_id, self.chance.choice(found), chat=place)
        await self.world.handled()

    async def deletes(self, number: int) -> None:
        place = self.places[number]
        who = place if isinstance(place, Person) else self.ann
        await self.presses(number, "/conversations", None)
        post = self.world.posts(place)[-1]
        for label in ("Delete", "Yes"):
            await self.world.handled()
            if label in buttons(post):
                self.world.telegram.press(who, post.message_id, label, chat=place)
                await self.world.telegram.until(lambda gone=label: gone not in buttons(post), 60)


@pytest.mark.parametrize("seed", [1, 2])
def test_no_question_reaches_another_chats_conversation(seed: int, tmp_path: Path) -> None:
    async def journey() -> None:
        await put_database(tmp_path / "first.db")
        async with a_world(tmp_path) as world:
            chance = random.Random(seed)
            world.coze.add_agent(OTHER_BOT, name="Other")
            world.coze.use(saying("An answer."))
            (tmp_path / "bridge.toml").write_text(AGENTS, encoding="utf-8")
            world.variables |= {"BRIDGE_CONFIG": str(tmp_path / "bridge.toml")}
            ann, bob = (world.telegram.add_person(name) for name in ("Ann", "Bob"))
            group = world.telegram.add_group("Team", [ann], basic=True)
            world.telegram.updates.clear()
            bridge = Bridge(world.variables, tmp_path, speed=SPEED)
            life = Life(world, tmp_path, chance, ann, [ann, bob, group], bridge)
            try:
                await bridge.ready(200)
                for _ in range(28):
                    await life.does(chance.choice(ACTS), chance.randrange(3))
            finally:
                life.bridge.terminate()
                assert await life.bridge.ended(200) == 0
            assert len(set(life.owner.values())) == 3

    run_fast_together(journey(), SPEED)
