"""A chatflow answers: in its conversation, with its questions, cut and found again, or honestly not."""

from pathlib import Path

import pytest
from fast import run_fast
from made import picture
from worlds import World, a_world, buttons, in_a_world_of_speed, troubles

from bridge.sandbox.coze import DEFAULT_BOT_ID, Pace, saying

FLOW, APP = "7400000000000000001", "7400000000000000002"
PATH = "/v1/workflows/chat"
TABLE = f'[agents.flow]\nkind = "chatflow"\nworkflow_id = "{FLOW}"\ndefault = true\n'


def declare(world: World, folder: Path, more: str) -> None:
    config = folder / "bridge.toml"
    config.write_text(TABLE + more + "\n", encoding="utf-8")
    world.variables["BRIDGE_CONFIG"] = str(config)


@pytest.fixture(params=["bot_id", "app_id"])
async def flow(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> World:
    """A world whose default agent is a chatflow, of an agent or of an app."""
    if request.param == "bot_id":
        world.coze.add_chatflow(FLOW)
        declare(world, tmp_path, f'bot_id = "{DEFAULT_BOT_ID}"')
    else:
        world.coze.add_chatflow(FLOW, app_id=APP)
        declare(world, tmp_path, f'app_id = "{APP}"')
    return world


def posted(world: World) -> int:
    """How often the flow was asked."""
    return sum(one.path == PATH for one in world.coze.requests)


async def test_questions_go_into_one_conversation_until_new(flow: World) -> None:
    ann, bo = flow.telegram.add_person("Ann"), flow.telegram.add_person("Bo")
    flow.coze.use(saying("It **works**."))
    async with flow.bridge():
        for count, text in enumerate(("first question", "second question"), 1):
            flow.telegram.send(ann, text)
            assert (await flow.settled(ann, count)).text == "It works."
        flow.telegram.send(bo, "another person asks")
        await flow.settled(bo, 1)
        flow.telegram.send(ann, "/new")
        await flow.settled(ann, 3)
        flow.telegram.send(ann, "third question")
        await flow.settled(ann, 4)
    first, second, others, fresh = (one.conversation_id for one in flow.coze.asked)
    assert first == second
    assert len({first, others, fresh}) == 3
    assert posted(flow) == 4
    assert len({one.user_id for one in flow.coze.asked}) == 2  # else people share their variables


@pytest.mark.parametrize("interrupt", ["verbose", "requires_action", "both"])
async def test_a_question_node_waits_and_its_options_are_buttons(
    flow: World, interrupt: str
) -> None:
    ann = flow.telegram.add_person("Ann")
    flow.coze.quirks.flow.interrupt = interrupt  # type: ignore[assignment]
    flow.coze.use("options", times=1)
    async with flow.bridge():
        flow.telegram.send(ann, "I would like to travel")
        post = await flow.settled(ann, 1)
        assert "How long will you stay?" in post.text
        assert "waits for your answer" in post.text
        assert "a week" in buttons(post)
        flow.telegram.press(ann, post.message_id, "a week")
        post = await flow.settled(ann, 3)  # the choice stands there as a post, too
    assert "You chose a week." in post.text
    assert "waits" not in post.text
    assert posted(flow) == 2


async def test_options_and_fields_as_cards_are_never_raw_json(flow: World) -> None:
    ann = flow.telegram.add_person("Ann")
    flow.coze.quirks.flow.cards = True
    flow.coze.use("options", times=1)
    async with flow.bridge():
        flow.telegram.send(ann, "I would like to travel")
        post = await flow.settled(ann, 1)
        assert "{" not in post.text
        flow.telegram.press(ann, post.message_id, "a month")
        await flow.settled(ann, 3)
        flow.coze.use("fields", times=1)
        flow.telegram.send(ann, "book it for me")
        post = await flow.settled(ann, 4)
        assert "{" not in post.text
        assert "name: value" in post.text
        flow.telegram.send(ann, "city: Paris\nnights: 3")
        post = await flow.settled(ann, 5)
    assert "city: Paris" in post.text
    assert posted(flow) == 4


async def test_each_output_node_is_a_part_of_the_answer(flow: World) -> None:
    ann = flow.telegram.add_person("Ann")
    flow.coze.use("nodes", times=1)
    async with flow.bridge():
        flow.telegram.send(ann, "find me a way")
        post = await flow.settled(ann, 1)
    assert "Step one" in post.text
    assert "Step two" in post.text
    assert "Which of them" in post.text


@pytest.mark.parametrize("failure", ["short", "chat", "error", "text"])
async def test_a_failure_in_any_form_is_told_and_not_asked_again(flow: World, failure: str) -> None:
    ann = flow.telegram.add_person("Ann")
    flow.coze.quirks.flow.failure = failure  # type: ignore[assignment]
    flow.coze.use("fail")
    async with flow.bridge():
        flow.telegram.send(ann, "please fail for me")
        post = await flow.settled(ann, 1)
    assert "answer" in post.text
    assert "{" not in post.text
    assert posted(flow) == 1
    assert len(await troubles(flow)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("after", [1, 2, 3, 4, 5, 7])
def test_a_cut_stream_is_looked_for_in_the_conversation_and_asked_once(
    tmp_path: Path, after: int, *, listed: bool
) -> None:
    @in_a_world_of_speed(40.0)  # it is looked for over two minutes
    async def journey(world: World) -> None:
        world.coze.add_chatflow(FLOW, app_id=APP)
        declare(world, tmp_path, f'app_id = "{APP}"')
        world.coze.quirks.flow.listed = listed
        ann = world.telegram.add_person("Ann")
        world.coze.use(saying("One two three four five six."))
        world.coze.drop_stream(after_events=after)
        async with world.bridge():
            world.telegram.send(ann, "count to six for me")
            post = await world.settled(ann, 1, timeout=600)
        if listed:
            assert post.text == "One two three four five six."
        else:
            assert "may be incomplete" in post.text
        assert posted(world) == 1

    journey(tmp_path)


async def test_a_refusal_before_it_began_is_cured_by_a_new_conversation(flow: World) -> None:
    ann = flow.telegram.add_person("Ann")
    flow.coze.use(saying("Here."))
    async with flow.bridge():
        flow.telegram.send(ann, "first question")
        await flow.settled(ann, 1)
        flow.coze.forget_conversation(flow.coze.asked[0].conversation_id)
        flow.telegram.send(ann, "second question")
        post = await flow.settled(ann, 2)
    assert "starts afresh" in post.text
    assert post.text.endswith("Here.")


async def test_a_flow_that_is_not_published_is_told_with_its_cure(
    world: World, tmp_path: Path
) -> None:
    world.coze.add_chatflow(FLOW, app_id=APP, published=False)
    declare(world, tmp_path, f'app_id = "{APP}"')
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "hello there, flow")
        await world.settled(ann, 1, timeout=60)
    told = (await troubles(world))[0]
    assert "workflow_id in [agents.flow]" in told
    assert "COZE_BOT_ID" not in told


async def test_stop_closes_the_stream_and_the_next_question_goes(flow: World) -> None:
    ann = flow.telegram.add_person("Ann")
    flow.coze.pace = Pace(0.5, 0.5)
    flow.coze.use("long")
    async with flow.bridge():
        flow.telegram.send(ann, "tell me a long story")
        await flow.telegram.until(lambda: flow.posts(ann) and flow.posts(ann)[0].text)
        flow.telegram.press(ann, flow.posts(ann)[0].message_id, "Stop")
        assert "Stopped" in (await flow.settled(ann, 1)).text
        flow.coze.pace = Pace(0, 0)
        flow.coze.use(saying("Here."))
        flow.telegram.send(ann, "and a short one")
        post = await flow.settled(ann, 2)
    assert post.text.endswith("Here.")


async def test_an_output_in_json_is_unwrapped_and_real_json_stays(flow: World) -> None:
    ann = flow.telegram.add_person("Ann")
    async with flow.bridge():
        flow.coze.use(saying('{"output": "Just **this**."}'))
        flow.telegram.send(ann, "what is in the output?")
        assert (await flow.settled(ann, 1)).text == "Just this."
        flow.coze.use(saying('{"a": "x", "b": "y"}'))
        flow.telegram.send(ann, "give me two members")
        assert '"b"' in (await flow.settled(ann, 2)).text


async def test_it_is_told_facts_and_files_by_its_inputs(world: World, tmp_path: Path) -> None:
    world.coze.add_chatflow(FLOW, app_id=APP)
    more = (
        f'app_id = "{APP}"\nfile_parameter = "picture"\n[agents.flow.variables]\n'
        'name = "first_name"\ngroup = "is_group"\ntier = "text:gold"\n'
    )
    declare(world, tmp_path, more)
    ann = world.telegram.add_person("{{Ann}}%\nRoe")
    async with world.bridge():
        world.telegram.send_photo(ann, picture(), caption="what is on it?")
        await world.settled(ann, 1)
    values = world.coze.asked[0].values.parameters
    assert {**values, "picture": ""} == {
        "name": "Ann",
        "group": False,
        "tier": "gold",
        "picture": "",
    }
    assert str(values["picture"]).startswith('{"file_id": "')


async def test_without_an_input_for_files_people_are_told(world: World, tmp_path: Path) -> None:
    world.coze.add_chatflow(FLOW, app_id=APP)
    declare(world, tmp_path, f'app_id = "{APP}"')
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send_photo(ann, picture(), caption="what is on it?")
        post = await world.settled(ann, 1)
    assert "takes no files" in post.text
    assert world.coze.uploads == []


async def test_forget_deletes_the_conversations_of_a_flow(flow: World) -> None:
    ann = flow.telegram.add_person("Ann")
    flow.coze.use("options", times=1)
    async with flow.bridge():
        flow.telegram.send(ann, "I would like to travel")
        await flow.settled(ann, 1)
        flow.telegram.send(ann, "a week")
        await flow.settled(ann, 2)
        flow.telegram.send(ann, "/forget")
        post = await flow.settled(ann, 3)
        flow.telegram.press(ann, post.message_id, "Delete all of it")
        await flow.telegram.until(lambda: "Deleted:" in flow.posts(ann)[-1].text)
    assert flow.coze.asked[0].conversation_id not in flow.coze.conversations


def test_a_self_hosted_flow_whose_conversation_is_gone_gets_another(tmp_path: Path) -> None:
    """coze-studio says everything with one code; only its words tell that it is the conversation."""

    async def journey() -> None:
        async with a_world(tmp_path, profile="studio") as world:
            world.coze.add_chatflow(FLOW, app_id=APP)
            declare(world, tmp_path, f'app_id = "{APP}"')
            world.coze.use(saying("Here."))
            ann = world.telegram.add_person("Ann")
            async with world.bridge():
                world.telegram.send(ann, "first question")
                await world.settled(ann, 1)
                world.coze.forget_conversation(world.coze.asked[0].conversation_id)
                world.telegram.send(ann, "second question")
                post = await world.settled(ann, 2, timeout=60)
            assert post.text.endswith("Here.")
            assert "starts afresh" in post.text
            assert len(world.coze.asked) == 2

    run_fast(journey(), 60)
