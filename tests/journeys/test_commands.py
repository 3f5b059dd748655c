"""What the commands do, as the person sees it and as Coze hears it."""

import asyncio
import time

from worlds import World, buttons, in_a_fast_world, is_running

from bridge.sandbox.coze import Pace, saying
from bridge.store import chats
from bridge.store.engine import Store
from bridge.telegram.commands.table import COMMANDS
from bridge.texts import languages


async def test_new_forgets_and_the_next_answer_shows_it(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "remember the number 4711")
        await world.settled(ann, 1)
        world.telegram.send(ann, "what do you remember?")
        assert "4711" in (await world.settled(ann, 2)).text
        world.telegram.send(ann, "/new")
        assert "new conversation" in (await world.settled(ann, 3)).text
        world.telegram.send(ann, "what do you remember?")
        assert "4711" not in (await world.settled(ann, 4, timeout=10)).text
    assert len({asked.conversation_id for asked in world.coze.asked}) == 2


async def test_stop_cancels_at_coze_at_once_and_keeps_what_was_said(world: World) -> None:
    for number, press in enumerate((True, False)):
        ann = world.telegram.add_person(f"Person {number}")
        world.coze.pace = Pace(first_delta=0.02, delta=0.02)
        world.coze.use(saying("so many words " * 200))
        async with world.bridge():
            world.telegram.send(ann, "talk")
            await world.telegram.until(lambda who=ann: bool(world.posts(who)))
            run = list(world.coze.runs.values())[-1]
            post = world.posts(ann)[0]
            assert is_running(post)
            if press:
                world.telegram.press(ann, post.message_id, "Stop")
            else:
                world.telegram.send(ann, "/stop")
            await world.coze.until(lambda it=run: it.cancelled_at is not None, timeout=2)
            post = await world.settled(ann, 1)
        assert post.text.startswith("so many words")
        assert post.text.endswith("Stopped.")
        assert list(buttons(post)) == ["Try again"]


async def test_a_stop_before_the_first_text_ends_the_reply_too(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(first_delta=30, delta=0)
    async with world.bridge():
        world.telegram.send(ann, "hi")
        await world.coze.until(lambda: bool(world.coze.runs))
        world.telegram.send(ann, "/stop")
        post = await world.settled(ann, 1)
    assert post.text == "Stopped."


async def test_stop_and_retry_with_nothing_to_do_say_so(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "/stop")
        assert "There is nothing to stop" in (await world.settled(ann, 1)).text
        world.telegram.send(ann, "/retry")
        assert "no earlier question" in (await world.settled(ann, 2)).text


async def test_retry_asks_again_into_the_same_post(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.fail("/v3/chat", 4014)
    async with world.bridge():
        world.telegram.send(ann, "riddle")
        refused = await world.settled(ann, 1)
        assert "cannot answer this" in refused.text
        world.coze.use(saying("Solved."))
        world.telegram.press(ann, refused.message_id, "Try again")
        await world.telegram.until(lambda: world.posts(ann)[0].text == "Solved.")
        world.coze.use(saying("Solved once more."))
        world.telegram.send(ann, "/retry")
        await world.telegram.until(lambda: world.posts(ann)[0].text == "Solved once more.")
    assert [post.text for post in world.posts(ann)[1:]] == [
        "I am asking again; the answer above is rewritten."
    ]
    assert [asked.question for asked in world.coze.asked] == ["riddle", "riddle"]


async def test_help_and_unknown_commands(world: World) -> None:
    ann = world.telegram.add_person("Ann", language_code="zh-hans")
    async with world.bridge():
        world.telegram.send(ann, "/help")
        text = (await world.settled(ann, 1)).text
        assert "/retry – 重新回答上一个问题" in text
        world.telegram.send(ann, "/nonsense")
        assert "我不认识这个命令" in (await world.settled(ann, 2)).text
    assert world.coze.asked == []


async def test_the_menu_is_set_once_in_all_languages(world: World) -> None:
    for _ in range(2):
        async with world.bridge() as app:
            await world.telegram.until(lambda: ("default", "zh") in world.telegram.commands, 100)
            async with asyncio.timeout(10):
                while not await _kept(app.store):  # noqa: ASYNC110  # there is no event of the store
                    await asyncio.sleep(0.05)
    told = [one for one in languages() if len(one) == 2]  # Telegram knows two letters of a language
    assert {code for _, code in world.telegram.commands} == {*told, ""} - {"en"}
    names = [one["command"] for one in world.telegram.commands["default", ""]]
    assert names == [*COMMANDS]
    assert len([one for one in world.telegram.calls if one.method == "setMyCommands"]) == len(told)


async def _kept(store: Store) -> bool:
    """Whether it is written down which menu was set."""
    async with store.reading() as tx:
        return await chats.fact(tx, "telegram menus") is not None


async def test_forged_buttons_do_nothing(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "/start")
        greeting = await world.settled(ann, 1)
        for forged in (
            "ask:made-up:0",
            "ask::",
            "ask:x:99999999999999999999",
            "stop:7",
            "what:",
            "",
        ):
            query = world.telegram.press(ann, greeting.message_id, data=forged or "x")
            await world.telegram.until(lambda it=query: it in world.telegram.answers)
    assert world.coze.asked == []


async def test_what_is_not_text_is_declined_kindly(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        game = {"title": "Snake", "description": "A game.", "photo": []}
        chat = {"id": ann.id, "type": "private", "first_name": ann.first_name}
        sender = {"id": ann.id, "is_bot": False, "first_name": ann.first_name}
        one = {"message_id": 9, "date": int(time.time()), "chat": chat, "from": sender}
        world.telegram.send(ann, "/help")
        await world.settled(ann, 1)
        world.telegram.inject({"message": one | {"game": game}})
        assert "messages of this kind" in (await world.settled(ann, 2)).text
    assert world.coze.asked == []


@in_a_fast_world
async def test_menus_are_set_again_after_a_flood_and_only_those_that_lack(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.telegram.open_chat(ann)
    bo = world.telegram.add_person("Bo")  # who never opens the bot

    def calls() -> list[str]:
        return [one.method for one in world.telegram.calls if one.method == "setMyCommands"]

    operators = f"{ann.id},{bo.id}"
    async with world.bridge(BRIDGE_OPERATORS=operators):
        await world.telegram.until(lambda: (f"chat:{ann.id}", "") in world.telegram.commands, 100)
        await asyncio.sleep(5)
        first = len(calls())
    async with world.bridge(BRIDGE_OPERATORS=operators):
        await asyncio.sleep(30)
        assert len(calls()) == first + 1  # Bo's, who may have opened it meanwhile
        world.telegram.fail("setMyCommands", status=500, times=1)
        world.telegram.send(ann, "/settings")
        menu = await world.settled(ann, 1, timeout=100)
        for label in ("Language", "中文"):
            found = next(name for name in buttons(menu) if label in name)
            world.telegram.press(ann, menu.message_id, found)
            await world.handled()
            await asyncio.sleep(3)
        key = (f"chat:{ann.id}", "")
        await world.telegram.until(
            lambda: (
                "您" in str(world.telegram.commands[key])
                or "会话" in str(world.telegram.commands[key])
            ),
            300,
        )
