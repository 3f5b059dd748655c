"""A project at an address of its own answers: asked once, stopped, cut, refused, left."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from projects import PROJECT_TOKEN, ProjectWorld, beside_a_project
from worlds import World, buttons, in_a_fast_world, is_running, troubles

from bridge.sandbox.coze import Pace, saying

pytestmark = pytest.mark.usefixtures("_no_complaints")


@pytest.fixture
async def there(world: World, tmp_path: Path) -> AsyncIterator[ProjectWorld]:
    async with beside_a_project(world, tmp_path) as made:
        yield made


@pytest.fixture
async def _no_complaints(there: ProjectWorld) -> AsyncIterator[None]:
    """Nothing was done that a project only lets pass."""
    yield
    assert there.project.complaints == []


def asked(there: ProjectWorld) -> int:
    return there.project.posts["/stream_run"]


async def test_a_question_is_answered_once_by_text_that_grows(there: ProjectWorld) -> None:
    world, project = there.world, there.project
    ann = world.telegram.add_person("Ann")
    project.use(saying("It will **rain** tomorrow."))
    async with world.bridge():
        world.telegram.send(ann, "what about the weather?")
        post = await world.settled(ann, 1)
    assert post.text == "It will rain tomorrow."
    (run,) = project.runs
    assert (run.text, asked(there)) == ("what about the weather?", 1)
    assert run.session_id.startswith("tg-")
    assert len(run.session_id) > 20  # whoever guesses it could go on with it
    assert "👍" not in buttons(post)  # a project takes no judgement


async def test_it_remembers_until_new_and_other_chats_are_apart(there: ProjectWorld) -> None:
    world, project = there.world, there.project
    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    async with world.bridge():
        for number, (who, text) in enumerate([(ann, "one"), (ann, "two"), (bo, "three")]):
            world.telegram.send(who, text)
            await world.settled(who, 2 if number == 1 else 1)
        world.telegram.send(ann, "/new")
        await world.settled(ann, 3)
        world.telegram.send(ann, "four")
        await world.settled(ann, 4)
    first, second, others, fresh = (run.session_id for run in project.runs)
    assert first == second
    assert len({first, others, fresh}) == 3


async def test_stop_reaches_the_project_with_the_id_that_we_chose(there: ProjectWorld) -> None:
    world, project = there.world, there.project
    ann = world.telegram.add_person("Ann")
    project.pace = Pace(0.5, 0.5)
    project.use("long")
    async with world.bridge():
        world.telegram.send(ann, "tell me a long story")
        await world.telegram.until(lambda: len(world.posts(ann)) == 1 and world.posts(ann)[0].text)
        world.telegram.press(ann, world.posts(ann)[0].message_id, "Stop")
        post = await world.settled(ann, 1)
    assert "Stopped" in post.text
    assert project.runs[0].cancelled
    assert asked(there) == 1


@pytest.mark.parametrize("end", ["reset", "clean", "missing chunk"])
async def test_a_cut_stream_keeps_its_text_and_offers_to_ask_again(
    there: ProjectWorld, end: str
) -> None:
    world, project = there.world, there.project
    ann = world.telegram.add_person("Ann")
    project.use(saying("One two three four five six seven eight nine ten."))
    project.drop_stream(after_events=4, end=end)  # type: ignore[arg-type]
    async with world.bridge():
        world.telegram.send(ann, "count to ten for me")
        post = await world.settled(ann, 1)
        assert post.text.startswith("One")
        assert "may be incomplete" in post.text
        assert asked(there) == 1
        retry = next(label for label in buttons(post) if "again" in label.lower())
        world.telegram.press(ann, post.message_id, retry)
        await world.telegram.until(lambda: "ten." in world.posts(ann)[0].text)
    assert asked(there) == 2
    assert "cannot be looked up" not in (await troubles(world))[0]


async def test_nothing_is_asked_twice_though_the_answer_is_lost(there: ProjectWorld) -> None:
    world, project = there.world, there.project
    ann = world.telegram.add_person("Ann")
    project.lose_answer("/stream_run")
    async with world.bridge():
        world.telegram.send(ann, "are you there?")
        post = await world.settled(ann, 1)
    assert "may be incomplete" in post.text
    assert asked(there) == 1


@pytest.mark.parametrize(
    ("state", "sentence", "cure", "tries"),
    [
        ("paused", "not available", "Resume the project", 3),
        ("stopped", "not available", "Deploy the project again", 1),
        ("budget", "used up", "Raise the project's budget", 1),
    ],
)
@pytest.mark.parametrize("form", ["json", "html"])
def test_what_the_platform_says_is_told_with_a_cure(
    tmp_path: Path, state: str, sentence: str, cure: str, tries: int, form: str
) -> None:
    @in_a_fast_world
    async def journey(world: World) -> None:
        async with beside_a_project(world, tmp_path) as there:
            ann = world.telegram.add_person("Ann")
            there.project.platform(state, form)  # type: ignore[arg-type]
            async with world.bridge():
                world.telegram.send(ann, "hello there, project")
                post = await world.settled(ann, 1)
            assert asked(there) == tries
            (told,) = await troubles(world)
        assert sentence in post.text.lower()
        assert cure in told

    journey(tmp_path)


def test_a_limit_is_waited_for_and_the_question_asked(tmp_path: Path) -> None:
    @in_a_fast_world
    async def journey(world: World) -> None:
        async with beside_a_project(world, tmp_path) as there:
            ann = world.telegram.add_person("Ann")
            there.project.fail("/stream_run", 429, {"msg": "too many"}, times=2)
            there.project.fail("/stream_run", 502, "<html>Bad Gateway</html>")
            there.project.use(saying("Here I am."))
            async with world.bridge():
                world.telegram.send(ann, "hello there, project")
                post = await world.settled(ann, 1)
            assert post.text == "Here I am."
            assert (asked(there), len(there.project.runs)) == (4, 1)

    journey(tmp_path)


async def test_a_wrong_token_is_told_to_the_operator_by_its_variable(there: ProjectWorld) -> None:
    world, project = there.world, there.project
    ann = world.telegram.add_person("Ann")
    project.remove_token(PROJECT_TOKEN)
    async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
        world.telegram.send(ann, "hello there, project")
        await world.telegram.until(lambda: len(world.posts(ann)) >= 2)
    told = "\n".join(post.text for post in world.posts(ann))
    assert "SHOP_TOKEN" in told
    assert "shop" in told
    assert PROJECT_TOKEN not in told


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("301002", "too much"),
        ("301003", "too long"),
        ("604001", "used up"),
        ("701001", "could not answer"),
    ],
)
@pytest.mark.parametrize("shape", ["end", "error", "error only"])
async def test_a_failed_run_is_told_once_with_its_code(
    there: ProjectWorld, code: str, sentence: str, shape: str
) -> None:
    world, project = there.world, there.project
    ann = world.telegram.add_person("Ann")
    project.fail_run(code, "SELECT * FROM secrets; http://10.0.0.1/", shape=shape)  # type: ignore[arg-type]
    async with world.bridge():
        world.telegram.send(ann, "hello there, project")
        post = await world.settled(ann, 1)
    (told,) = await troubles(world)
    assert asked(there) == 1
    assert code in told
    assert sentence in post.text.lower()
    assert "SELECT" not in told + post.text


async def test_a_start_after_a_kill_says_what_cannot_be_had(there: ProjectWorld) -> None:
    world, project = there.world, there.project
    ann = world.telegram.add_person("Ann")
    project.pace = Pace(0.5, 0.5)
    project.use("long")
    async with world.bridge(BRIDGE_GRACE_SECONDS="0.1"):
        world.telegram.send(ann, "tell me a long story")
        await world.telegram.until(lambda: world.posts(ann) and is_running(world.posts(ann)[0]))
    (post,) = world.posts(ann)
    assert "may be incomplete" in post.text
    assert asked(there) == 1
    assert project.runs[0].cancelled
    project.pace = Pace(0, 0)
    async with world.bridge():
        world.telegram.send(ann, "and now?")
        await world.settled(ann, 2)
    assert asked(there) == 2


async def test_tools_are_shown_as_work_and_text_around_them_as_two_parts(
    there: ProjectWorld,
) -> None:
    world, project = there.world, there.project
    ann = world.telegram.add_person("Ann")
    project.use("around a tool")
    async with world.bridge():
        world.telegram.send(ann, "what does the tool say?")
        post = await world.settled(ann, 1)
    assert post.text.strip()
    assert "parameters" not in post.text


async def test_forget_says_that_a_project_keeps_what_it_knows(there: ProjectWorld) -> None:
    world = there.world
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send(ann, "remember that I like green")
        await world.settled(ann, 1)
        world.telegram.send(ann, "/forget")
        post = await world.settled(ann, 2)
        world.telegram.press(ann, post.message_id, next(iter(buttons(post))))
        await world.telegram.until(lambda: not buttons(world.posts(ann)[-1]))
    assert "cannot be deleted" in world.posts(ann)[-1].text


def test_a_session_that_a_stopped_tool_has_spoilt_is_said_to_need_a_new_one(tmp_path: Path) -> None:
    """The history ends with a tool that never returned: every later question fails, until /new."""

    @in_a_fast_world
    async def journey(world: World) -> None:
        async with beside_a_project(world, tmp_path) as there:
            project, ann = there.project, world.telegram.add_person("Ann")
            project.quirks.torn_tool_poisons = True
            project.use("hanging tool", times=1)
            async with world.bridge():
                world.telegram.send(ann, "use the tool for me")
                await project.until(lambda: project.runs and len(project.runs[0].events) > 1)
                await world.telegram.until(lambda: bool(world.posts(ann)), timeout=200)
                world.telegram.send(ann, "/stop")
                await world.settled(ann, 1)
                project.use(saying("Fine."))
                for count in (2, 3):
                    world.telegram.send(ann, "and now, please?")
                    post = await world.settled(ann, count)
                assert "/new" in post.text
                world.telegram.send(ann, "/new")
                await world.settled(ann, 4)
                world.telegram.send(ann, "and after that?")
                assert (await world.settled(ann, 5)).text == "Fine."

    journey(tmp_path)
