"""Agents that are taken away, moved or hostile: nobody is told something that is not so."""

import asyncio
import gzip
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from projects import PROJECT_TOKEN, beside_a_project
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from worlds import World, buttons, eventually, in_a_fast_world, troubles

from bridge.sandbox.coze import DEFAULT_BOT_ID, CozeEmulator, Pace, saying
from bridge.sandbox.telegram import Person
from bridge.serving import serving

pytestmark = pytest.mark.slow

ADDED = "7400000000000000077"
FLOW, APP = "7400000000000000001", "7400000000000000002"
FLOW_TABLE = f"""
[agents.flow]
kind = "chatflow"
workflow_id = "{FLOW}"
app_id = "{APP}"
default = true
"""


async def ask(world: World, person: Person, text: str) -> str:
    count = len(world.posts(person))
    world.telegram.send(person, text)
    return (await world.settled(person, count + 1)).text


async def choose(world: World, person: Person, agent: str) -> None:
    count = len(world.posts(person))
    world.telegram.send(person, "/agent")
    menu = await world.settled(person, count + 1)
    world.telegram.press(person, menu.message_id, agent)
    shown = f"Agent: {agent}"
    await world.telegram.until(lambda: shown in str(buttons(world.posts(person)[-1])))


async def forget(world: World, person: Person) -> str:
    count = len(world.posts(person))
    world.telegram.send(person, "/forget")
    post = await world.settled(person, count + 1)
    world.telegram.press(person, post.message_id, "Delete all of it")
    await world.telegram.until(lambda: not buttons(world.posts(person)[-1]))
    return world.posts(person)[-1].text


def in_the_database(folder: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "bridge.db")) as database:
        found = database.execute(statement).fetchall()
        database.commit()
        return found


def declare(world: World, folder: Path, text: str) -> None:
    (folder / "bridge.toml").write_text(text, encoding="utf-8")
    world.variables["BRIDGE_CONFIG"] = str(folder / "bridge.toml")


async def test_a_project_needs_no_number(world: World, tmp_path: Path) -> None:
    async with beside_a_project(world, tmp_path) as there:
        text = there.config.read_text(encoding="utf-8").splitlines()
        there.config.write_text("\n".join(one for one in text if "project_id" not in one))
        there.project.use(saying("Hi."))
        ann = world.telegram.add_person("Ann")
        async with world.bridge():
            assert await ask(world, ann, "hello there") == "Hi."
            assert await ask(world, ann, "and again") == "Hi."
        assert len({run.session_id for run in there.project.runs}) == 1


async def test_what_an_agent_keeps_that_is_gone_is_not_said_to_be_deleted(
    world: World, tmp_path: Path
) -> None:
    ann = world.telegram.add_person("Ann")
    async with beside_a_project(world, tmp_path):
        async with world.bridge():
            await ask(world, ann, "remember that I like green")
        async with world.bridge(BRIDGE_CONFIG=""):
            told = await forget(world, ann)
    assert "cannot be deleted from here" in told
    assert "0 conversations at Coze" in told


async def test_turns_of_a_release_that_knew_one_agent_are_of_the_environments(
    world: World, tmp_path: Path
) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("From the cloud."))
    async with beside_a_project(world, tmp_path):
        async with world.bridge(BRIDGE_CONFIG=""):
            await ask(world, ann, "remember that I like green")
            await ask(world, ann, "/new")
        in_the_database(tmp_path, "UPDATE turns SET agent = NULL")
        async with world.bridge():
            world.telegram.press(ann, world.posts(ann)[0].message_id, "👍")
            await world.coze.until(lambda: bool(world.coze.feedback))
            told = await forget(world, ann)
    assert "1 conversation at Coze" in told
    assert world.coze.conversations == {}


async def test_an_added_agent_that_cannot_be_opened_any_more_is_not_offered(
    world: World, tmp_path: Path
) -> None:
    world.coze.add_agent(ADDED, "Extra")
    ann = world.telegram.add_person("Ann")
    async with beside_a_project(world, tmp_path) as there:
        there.project.use(saying("From the project."))
        async with world.bridge(BRIDGE_CONFIG="", BRIDGE_OPERATORS=str(ann.id)):
            await ask(world, ann, f"/agents add {ADDED}")
            await choose(world, ann, "Extra")
            await ask(world, ann, "hello you there?")
        alone = {"COZE_BOT_ID": "", "COZE_API_TOKEN": "", "BRIDGE_OPERATORS": str(ann.id)}
        async with world.bridge(**alone):
            first = await ask(world, ann, "hello again friend")
            assert "no longer offered" in first
            assert first.endswith("From the project.")
            assert await ask(world, ann, "hello thrice friend") == "From the project."
            assert "Extra" not in await ask(world, ann, "/agents")


async def test_a_choice_outlives_a_start_without_its_agent(world: World, tmp_path: Path) -> None:
    ann = world.telegram.add_person("Ann")
    async with beside_a_project(world, tmp_path) as there:
        there.config.write_text(there.config.read_text().replace("default = true", ""))
        async with world.bridge():
            await choose(world, ann, "shop")
            await ask(world, ann, "a good question one")
        async with world.bridge(BRIDGE_CONFIG=""):
            assert "no longer offered" in await ask(world, ann, "a good question two")
        async with world.bridge():
            await ask(world, ann, "a good question three")
        assert there.project.posts["/stream_run"] == 2


async def test_operators_choose_the_default_among_declared_agents(
    world: World, tmp_path: Path
) -> None:
    ann = world.telegram.add_person("Ann")
    async with beside_a_project(world, tmp_path) as there:
        table = f'kind = "project"\naddress = "{there.address}"\ntoken_env = "SHOP_TOKEN"\n'
        there.declare(other=f"[agents.two]\n{table}")
        alone = {"COZE_BOT_ID": "", "COZE_API_TOKEN": "", "BRIDGE_OPERATORS": str(ann.id)}
        async with world.bridge(**alone):
            await ask(world, ann, "/agents default two")
            assert "two (project), the default" in await ask(world, ann, "/agents")


def test_an_alarm_of_an_agent_that_is_gone_ends(tmp_path: Path) -> None:
    @in_a_fast_world
    async def journey(world: World) -> None:
        ann = world.telegram.add_person("Ann")
        async with beside_a_project(world, tmp_path) as there:
            there.project.remove_token(PROJECT_TOKEN)
            async with world.bridge(BRIDGE_OPERATORS=str(ann.id)):
                await ask(world, ann, "hello there project")
                await world.telegram.until(
                    lambda: any("🔴" in one.text for one in world.posts(ann))
                )
            async with world.bridge(BRIDGE_OPERATORS=str(ann.id), BRIDGE_CONFIG=""):
                await ask(world, ann, "hello there cloud")
                await asyncio.sleep(40)
                assert "🔴" not in await ask(world, ann, "/status")

    journey(tmp_path)


async def test_a_cut_answer_in_json_is_unwrapped_when_it_is_found(
    world: World, tmp_path: Path
) -> None:
    world.coze.add_chatflow(FLOW, app_id=APP)
    declare(world, tmp_path, FLOW_TABLE)
    world.coze.use(saying('{"output": "Just **this** and that."}'))
    world.coze.drop_stream(after_events=3)
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        assert await ask(world, ann, "what is the output?") == "Just this and that."


async def test_what_coze_was_told_of_somebody_is_forgotten_and_never_holds_questions_back(
    world: World, tmp_path: Path
) -> None:
    table = f'[agents.poet]\nkind = "chat"\nbot_id = "{DEFAULT_BOT_ID}"\ndefault = true\n'
    declare(world, tmp_path, table + '[agents.poet.user_variables]\nname = "first_name"\n')
    world.coze.add_variable(DEFAULT_BOT_ID, "name")
    world.coze.delay("/v1/variables", 50, times=1)
    ann = world.telegram.add_person("Annabella")
    loop = asyncio.get_running_loop()
    async with world.bridge():
        begun = loop.time()
        await ask(world, ann, "hello there cloud")
        assert loop.time() - begun < 20
        await asyncio.sleep(61)
        await ask(world, ann, "hello there again")
        told = [one for one in world.coze.requests if one.path == "/v1/variables"]
        assert "Annabella" in str(told[-1].body)
        assert "Deleted:" in await forget(world, ann)
    told = [one for one in world.coze.requests if one.path == "/v1/variables"]
    assert "Annabella" not in str(told[-1].body)


# --- a project whose owner sends anything ---

Answer = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def a_project_of_ours(
    world: World, folder: Path, stream: Answer, cancel: Answer | None = None
) -> AsyncIterator[None]:
    async def done(request: Request) -> Response:
        return JSONResponse({"status": "success"})

    routes = [
        Route("/stream_run", stream, methods=["POST"]),
        Route("/cancel/{id:path}", cancel or done, methods=["POST"]),
    ]
    async with serving(Starlette(routes=routes), only_local=True) as address:
        table = (
            f'[agents.shop]\nkind = "project"\naddress = "{address}"\ntoken_env = "SHOP_TOKEN"\n'
        )
        declare(world, folder, table + "default = true\n")
        world.variables["SHOP_TOKEN"] = PROJECT_TOKEN
        yield


def event(kind: str, **content: object) -> bytes:
    sent = {"type": kind, "msg_id": "m", "content": content}
    return b"event: message\ndata: " + json.dumps(sent).encode() + b"\n\n"


def started(execute_id: str) -> bytes:
    return event("message_start", message_start={"execute_id": execute_id})


def streamed(*pieces: bytes, hangs: asyncio.Event | None = None, rest: bytes = b"") -> Answer:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece
        if hangs is not None:
            await hangs.wait()
        yield rest

    async def answer(request: Request) -> Response:
        return StreamingResponse(body(), media_type="text/event-stream")

    return answer


END = event("message_end", message_end={"code": "0"})


@pytest.mark.parametrize("odd", ["a\nb", "../../x", "x" * 500, "é", ""])
async def test_stop_works_whatever_a_project_calls_its_run(
    world: World, tmp_path: Path, odd: str
) -> None:
    asked: list[str] = []

    async def cancel(request: Request) -> Response:
        asked.append(request.path_params["id"])
        return JSONResponse({"status": "success"})

    stream = streamed(started(odd), event("answer", answer="Hello"), hangs=asyncio.Event())
    ann = world.telegram.add_person("Ann")
    async with a_project_of_ours(world, tmp_path, stream, cancel), world.bridge():
        world.telegram.send(ann, "hello there project one")
        await world.telegram.until(lambda: len(world.posts(ann)) == 1 and world.posts(ann)[0].text)
        world.telegram.press(ann, world.posts(ann)[0].message_id, "Stop")
        post = await world.settled(ann, 1)
    assert post.text.startswith("Hello")
    assert "Stopped" in post.text
    assert len(asked) == 1
    assert asked[0] != odd


async def test_a_packed_answer_to_stop_is_not_unpacked_without_end(
    world: World, tmp_path: Path
) -> None:
    async def cancel(request: Request) -> Response:
        return Response(gzip.compress(b"\0" * (32 << 20)), headers={"Content-Encoding": "gzip"})

    stream = streamed(started("r"), event("answer", answer="Hello"), hangs=asyncio.Event())
    ann = world.telegram.add_person("Ann")
    async with a_project_of_ours(world, tmp_path, stream, cancel), world.bridge():
        world.telegram.send(ann, "hello there project one")
        await world.telegram.until(lambda: len(world.posts(ann)) == 1 and world.posts(ann)[0].text)
        world.telegram.press(ann, world.posts(ann)[0].message_id, "Stop")
        assert "Stopped" in (await world.settled(ann, 1)).text


async def test_a_project_that_begins_for_ever_costs_no_writes(world: World, tmp_path: Path) -> None:
    stream = streamed(
        *(started(f"r{number}") for number in range(2000)), event("answer", answer="Hi"), END
    )
    ann = world.telegram.add_person("Ann")
    async with a_project_of_ours(world, tmp_path, stream), world.bridge():
        assert await ask(world, ann, "hello there project one") == "Hi"
    ((run_id,),) = in_the_database(tmp_path, "SELECT run_id FROM turns")
    assert run_id == "r0"


async def test_words_in_the_place_of_codes_and_ids_go_nowhere(world: World, tmp_path: Path) -> None:
    """The search after every journey looks for the question in tables and logs."""

    async def stream(request: Request) -> Response:
        words = (await request.json())["content"]["query"]["prompt"][0]["content"]["text"]
        sent = {"type": "message_end", "log_id": words, "content": {"message_end": {"code": words}}}
        return Response(f"data: {json.dumps(sent)}\n\n", media_type="text/event-stream")

    ann = world.telegram.add_person("Ann")
    async with a_project_of_ours(world, tmp_path, stream), world.bridge():
        assert "could not answer" in await ask(world, ann, "my private illness is diabetes")


@pytest.mark.parametrize("how", ["redirect", "page"])
async def test_a_sign_in_page_is_no_project(world: World, tmp_path: Path, how: str) -> None:
    async def stream(request: Request) -> Response:
        if how == "redirect":
            return RedirectResponse("https://login.example/", 302)
        return Response("<html>Sign in</html>", media_type="text/html")

    ann = world.telegram.add_person("Ann")
    async with a_project_of_ours(world, tmp_path, stream), world.bridge():
        assert "may be incomplete" not in await ask(world, ann, "hello there friend")
    (told,) = await troubles(world)
    assert "Check the address of the project." in told


async def test_an_answer_that_ends_while_the_bridge_does_is_whole(
    world: World, tmp_path: Path
) -> None:
    stops = asyncio.Event()

    async def cancel(request: Request) -> Response:
        stops.set()
        await asyncio.sleep(1)
        return JSONResponse({"status": "already_completed"})

    rest = event("answer", answer=" answer.") + END
    stream = streamed(started("r"), event("answer", answer="Whole"), hangs=stops, rest=rest)
    ann = world.telegram.add_person("Ann")
    async with a_project_of_ours(world, tmp_path, stream, cancel):
        async with world.bridge(BRIDGE_GRACE_SECONDS="0.1"):
            world.telegram.send(ann, "hello there project one")
            await world.telegram.until(lambda: len(world.posts(ann)) == 1)
        assert world.posts(ann)[0].text == "Whole answer."
        assert in_the_database(tmp_path, "SELECT state FROM turns") == [("answered",)]


async def test_a_stopped_project_costs_no_tokens(world: World, tmp_path: Path) -> None:
    stream = streamed(started("r"), event("answer", answer="Hello"), hangs=asyncio.Event())
    ann = world.telegram.add_person("Ann")
    async with a_project_of_ours(world, tmp_path, stream), world.bridge():
        world.telegram.send(ann, "hello there project one")
        await world.telegram.until(lambda: len(world.posts(ann)) == 1 and world.posts(ann)[0].text)
        world.telegram.press(ann, world.posts(ann)[0].message_id, "Stop")
        await world.settled(ann, 1)
        query = "SELECT tokens_in, tokens_out, estimated FROM turns WHERE settled_at IS NOT NULL"
        await eventually(lambda: in_the_database(tmp_path, query) == [(0, 0, 0)], 10)


def test_a_question_is_not_asked_again_where_its_agent_has_moved_to(tmp_path: Path) -> None:
    """Another account keeps no trace of it, which there means that it may be asked."""

    @in_a_fast_world
    async def journey(world: World) -> None:
        here, there = CozeEmulator(profile="cn"), CozeEmulator(profile="cn")
        for coze in (here, there):
            coze.add_agent(ADDED, "Poet")
            coze.add_token("pat_elsewhere")
            coze.use(saying("so many words " * 40))
        here.pace = Pace(1, 1)
        world.variables["CN_TOKEN"] = "pat_elsewhere"
        table = f'[agents.poet]\nkind = "chat"\nbot_id = "{ADDED}"\ntoken_env = "CN_TOKEN"\ndefault = true\n'
        async with (
            serving(here.app, only_local=True) as first,
            serving(there.app, only_local=True) as second,
        ):
            declare(world, tmp_path, f'{table}address = "{first}"\n')
            ann = world.telegram.add_person("Ann")
            async with world.bridge(BRIDGE_GRACE_SECONDS="0.1"):
                world.telegram.send(ann, "question for the first one")
                await here.until(lambda: len(here.asked) == 1)
            in_the_database(tmp_path, "UPDATE turns SET run_id = NULL")
            declare(world, tmp_path, f'{table}address = "{second}"\n')
            async with world.bridge():
                said = "no longer offered"
                await world.telegram.until(lambda: said in world.posts(ann)[-1].text, timeout=200)
            assert (len(here.asked), len(there.asked)) == (1, 0)
            await here.close()
            await there.close()

    journey(tmp_path)
