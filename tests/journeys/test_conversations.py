"""More than one conversation: listed, gone back to, named, searched and deleted, in both languages."""

from pathlib import Path

from projects import beside_a_project
from worlds import World, buttons

from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.telegram import Group, Message, Person


async def ask(world: World, who: Person | Group, text: str, by: Person | None = None) -> Message:
    count = len(world.posts(who))
    if isinstance(who, Group):
        world.telegram.send(by, text, chat=who)  # type: ignore[arg-type]
    else:
        world.telegram.send(who, text)
    return await world.settled(who, count + 1)


async def press(world: World, person: Person, post: Message, label: str) -> Message:
    """Press the first button whose label begins so; the message as it is then."""
    wanted = next(one for one in buttons(post) if one.lstrip("● ").startswith(label))
    before = len(post.history)
    world.telegram.press(person, post.message_id, wanted)
    await world.telegram.until(lambda: len(world.posts(person)[-1].history) > before)
    return world.posts(person)[-1]


def labels(post: Message) -> list[str]:
    return [one for one in buttons(post) if one not in ("‹", "›")]


async def test_an_earlier_conversation_is_found_and_gone_on_with(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("The **tide** is high."))
    async with world.bridge():
        await ask(world, ann, "tell me about tides")
        fresh = await ask(world, ann, "/new")
        assert "Conversations" in buttons(fresh)
        await ask(world, ann, "and about lighthouses on rocks in the far north")
        shown = await ask(world, ann, "/conversations")
        first, second = labels(shown)
        assert first.startswith("● and about lighthouses on rocks in the f…")
        assert second.startswith("tell me about tides · ")
        back = await press(world, ann, shown, "tell me about tides")
        assert "You are back in “tell me about tides”." in back.text
        assert back.text.endswith("\n\ntell me about tides\n\nThe tide is high.")
        assert [one["type"] for one in back.entities] == ["blockquote", "bold"]
        await ask(world, ann, "and when is it low?")
    one, two, three = (asked.conversation_id for asked in world.coze.asked)
    assert three == one != two


async def test_of_a_long_answer_the_beginning_is_shown(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(
        saying("\n\n".join(f"**Part {number}** of many words." for number in range(100)))
    )
    async with world.bridge():
        await ask(world, ann, "tell me all of it " * 100)
        shown = await ask(world, ann, "/conversations")
        back = await press(world, ann, shown, "tell me")
    quoted, first, *_ = back.text.split("\n\n")[1:]
    assert quoted.endswith("…")
    assert first == "Part 0 of many words."
    assert back.text.endswith("words.\n\n…")
    assert len(back.text) < 1600


async def test_names_search_pages_and_both_languages(world: World) -> None:
    ann = world.telegram.add_person("小雨", language_code="zh-hans")
    world.coze.use(saying("好。"))
    async with world.bridge():
        for number in range(8):
            await ask(world, ann, f"第 {number} 个问题")
            await ask(world, ann, "/new")
        await ask(world, ann, "最后一个问题")
        assert "当前会话现在叫" in (await ask(world, ann, "/conversations name 旅行 计划")).text
        shown = await ask(world, ann, "/conversations")
        assert "您的会话" in shown.text
        assert len(labels(shown)) == 6
        assert labels(shown)[0].startswith("● 旅行 计划")
        further = await press(world, ann, shown, "›")
        assert len(labels(further)) == 3
        again = await press(world, ann, further, "‹")
        assert labels(again) == labels(shown)
        found = await ask(world, ann, "/conversations 旅行")
        assert labels(found)[0].startswith("● 旅行 计划")
        assert (found.text, labels(found)[1:]) == ("包含“旅行”的会话：", ["会话列表"])
        assert "请在后面写上新名称" in (await ask(world, ann, "/conversations name")).text
        assert "没有名称包含" in (await ask(world, ann, "/conversations 没有的词")).text
    renamed = [one for one in world.coze.requests if one.method == "PUT"]
    assert len(renamed) == 1


async def test_a_conversation_is_deleted_at_coze_too_after_a_yes(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        await ask(world, ann, "tell me about tides")
        gone = world.coze.asked[0].conversation_id
        shown = await press(world, ann, await ask(world, ann, "/conversations"), "tell me")
        sure = await press(world, ann, shown, "Delete")
        assert "cannot be undone" in sure.text
        kept = await press(world, ann, sure, "No")
        assert len(labels(kept)) == 1
        sure = await press(world, ann, await press(world, ann, kept, "tell me"), "Delete")
        done = await press(world, ann, sure, "Yes")
        assert "was deleted, at Coze, too" in done.text
        assert gone not in world.coze.conversations
        assert "no conversation yet" in (await ask(world, ann, "/conversations")).text
        await ask(world, ann, "are you still there?")
    assert world.coze.asked[1].conversation_id != gone


async def test_going_back_goes_back_to_the_agent_too(world: World, tmp_path: Path) -> None:
    ann = world.telegram.add_person("Ann")
    async with beside_a_project(world, tmp_path) as there:
        there.config.write_text(there.config.read_text().replace("default = true", ""))
        there.project.use(saying("From the project."))
        world.coze.use(saying("From the cloud."))
        async with world.bridge():
            await ask(world, ann, "a question to the cloud")
            menu = await ask(world, ann, "/agent")
            await press(world, ann, menu, "shop")
            assert (await ask(world, ann, "a question to the shop")).text == "From the project."
            shown = await ask(world, ann, "/conversations")
            assert labels(shown)[0].endswith("shop")
            assert labels(shown)[1].endswith(
                "Sandbox agent"
            )  # the environment names it by its id only
            back = await press(world, ann, shown, "a question to the cloud")
            assert (await ask(world, ann, "and again")).text == "From the cloud."
            shown = await ask(world, ann, "/conversations")
            back = await press(world, ann, shown, "a question to the shop")
            assert "cannot be shown here" in back.text
            assert (await ask(world, ann, "and once more")).text == "From the project."
            sure = await press(
                world,
                ann,
                await press(
                    world, ann, await ask(world, ann, "/conversations"), "a question to the shop"
                ),
                "Delete",
            )
            assert "taken off the list" in (await press(world, ann, sure, "Yes")).text
    assert len({one.conversation_id for one in world.coze.asked}) == 1
    assert len({run.session_id for run in there.project.runs}) == 1


async def test_titles_can_be_off_and_are_forgotten(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge(BRIDGE_TITLES="off"):
        await ask(world, ann, "a private matter of mine")
        await ask(world, bo, "a matter of another person")
        shown = await ask(world, ann, "/conversations")
        assert len(labels(shown)) == 1
        assert "private" not in labels(shown)[0]
        post = await ask(world, ann, "/forget")
        await press(world, ann, post, "Delete all of it")
        assert "no conversation yet" in (await ask(world, ann, "/conversations")).text
        assert len(labels(await ask(world, bo, "/conversations"))) == 1


async def test_deleting_a_conversation_stops_what_runs_in_it(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.02, 0.1)
    world.coze.use(saying("so many words " * 300))
    async with world.bridge():
        world.telegram.send(ann, "tell me about tides")
        await world.telegram.until(
            lambda: bool(world.posts(ann)) and "words" in world.posts(ann)[0].text
        )
        shown = await shown_beside(world, ann, "/conversations")
        world.telegram.press(ann, shown.message_id, next(iter(buttons(shown))))
        await world.telegram.until(lambda: "Delete" in buttons(shown))
        world.telegram.press(ann, shown.message_id, "Delete")
        await world.telegram.until(lambda: "Yes" in buttons(shown))
        world.telegram.press(ann, shown.message_id, "Yes")
        await world.telegram.until(lambda: "was deleted, at Coze, too" in shown.text)
        await world.settled(ann, 2)
    assert world.posts(ann)[0].text.endswith("Stopped.")
    assert world.coze.runs
    assert [run.cancelled_at is not None for run in world.coze.runs.values()] == [True]


async def shown_beside(world: World, ann: Person, text: str) -> Message:
    """Say something while an answer is being written; what is answered to it."""
    count = len(world.posts(ann))
    world.telegram.send(ann, text)
    await world.telegram.until(lambda: len(world.posts(ann)) > count)
    return world.posts(ann)[-1]


async def test_nobody_opens_or_deletes_what_is_another_persons(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge() as app:
        await ask(world, ann, "a private matter of mine")
        await ask(world, bo, "a matter of another person")
        shown = await ask(world, bo, "/conversations")
        (own,) = buttons(shown).values()
        mine = world.coze.asked[1].conversation_id
        for forged in ("conv:open:1", "conv:gone:1", "conv:delete:1", "conv:list:0:private"):
            if forged == own:
                continue
            world.telegram.press(bo, shown.message_id, data=forged)
        await ask(world, bo, "and where am I now?")
        async with app.store.reading() as tx:
            assert tx is not None
    assert world.coze.asked[2].conversation_id == mine
    assert world.coze.asked[0].conversation_id in world.coze.conversations


async def test_a_groups_conversations_are_for_those_who_lead_it(world: World) -> None:
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    group = world.telegram.add_group("Friends", [ann, bo], admins=[ann])
    async with world.bridge():
        await world.settled(group, 1)  # it greets
        await ask(world, group, "/ask what about tides?", by=bo)
        refused = await ask(world, group, "/conversations", by=bo)
        assert "administrators" in refused.text
        shown = await ask(world, group, "/conversations", by=ann)
        assert len(labels(shown)) == 1
