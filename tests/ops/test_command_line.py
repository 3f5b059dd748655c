"""The command line as an operator meets it: real processes, readable errors, no secrets."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from projects import beside_a_project
from typer.testing import CliRunner
from worlds import BOT_TOKEN, COZE_TOKEN, World, a_world

from bridge.ops.cli import app, main
from bridge.sandbox.coze import DEFAULT_BOT_ID, Pace, saying

pytestmark = pytest.mark.slow


@pytest.fixture
async def world(tmp_path: Path):
    async with a_world(tmp_path) as made:
        yield made


async def start(*words: str, variables: dict[str, str], folder: Path) -> asyncio.subprocess.Process:
    """`bridge …` as a process with exactly these variables."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge",
        *words,
        env={**kept, **variables},
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(
    process: asyncio.subprocess.Process, said: bytes | None = None
) -> tuple[int, str, str]:
    async with asyncio.timeout(30):
        out, err = await process.communicate(said)
    assert process.returncode is not None
    for stream in (out, err):
        assert BOT_TOKEN.encode() not in stream
        assert COZE_TOKEN.encode() not in stream
        assert b"Traceback" not in stream
    return process.returncode, out.decode(), err.decode()


async def test_sigterm_ends_a_running_bridge_in_time_and_the_next_one_goes_on(
    world: World, tmp_path: Path
) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.05, 0.03)
    world.coze.use(saying("so many words " * 60))
    variables = {**world.variables, "BRIDGE_GRACE_SECONDS": "0.5", "BRIDGE_LOG_FORMAT": "json"}
    process = await start("run", variables=variables, folder=tmp_path)
    world.telegram.send(ann, "a secret question")
    await world.telegram.until(lambda: bool(world.posts(ann)), timeout=20)
    begun = asyncio.get_running_loop().time()
    process.send_signal(signal.SIGTERM)
    code, out, err = await ended(process)
    assert asyncio.get_running_loop().time() - begun < 10
    assert (code, out) == (0, "")
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["event"] for line in lines if line["event"] in ("ready", "stopping", "stopped")] == [
        "ready", "stopping", "stopped",
    ]  # fmt: skip
    assert "secret" not in err
    assert "rest follows when I am back" in world.posts(ann)[0].text
    async with world.bridge():
        await world.telegram.until(
            lambda: world.posts(ann)[0].text == ("so many words " * 60).strip(), timeout=20
        )
    assert len(world.coze.asked) == 1


async def test_sigterm_ends_a_bridge_that_still_waits_for_telegram(
    world: World, tmp_path: Path
) -> None:
    variables = {**world.variables, "TELEGRAM_API_BASE_URL": "http://127.0.0.1:9"}
    process = await start("run", variables=variables, folder=tmp_path)
    assert process.stderr is not None
    async with asyncio.timeout(20):
        while b"cannot reach Telegram" not in await process.stderr.readline():
            pass
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        assert await process.wait() == 0
    assert b"Traceback" not in await process.stderr.read()


async def test_ctrl_c_twice_ends_at_once(world: World, tmp_path: Path) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(30, 0)
    variables = {**world.variables, "BRIDGE_GRACE_SECONDS": "60"}
    process = await start("run", variables=variables, folder=tmp_path)
    world.telegram.send(ann, "hello")
    await world.coze.until(lambda: len(world.coze.asked) == 1, timeout=20)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    async with asyncio.timeout(10):
        while b"stopping" not in await process.stderr.readline():
            pass
    process.send_signal(signal.SIGINT)
    code, _, _ = await ended(process)
    assert code == 130


async def test_an_unknown_telegram_token_is_one_readable_line(world: World, tmp_path: Path) -> None:
    variables = {**world.variables, "TELEGRAM_BOT_TOKEN": "43:WRONG"}
    code, out, err = await ended(await start("run", variables=variables, folder=tmp_path))
    assert (code, out) == (1, "")
    assert err.strip().splitlines() == [
        "Signing in to Telegram: Telegram does not know the token. Set TELEGRAM_BOT_TOKEN to the "
        "token that BotFather shows for the bot."
    ]


async def test_missing_settings_are_listed(tmp_path: Path) -> None:
    code, _, err = await ended(await start("run", variables={}, folder=tmp_path))
    assert code == 1
    assert err.count("\n  - ") == 3


async def test_the_last_word_is_a_log_line_where_logs_are_for_machines(
    world: World, tmp_path: Path
) -> None:
    machines = {**world.variables, "BRIDGE_LOG_FORMAT": "json"}
    variables = {**machines, "TELEGRAM_BOT_TOKEN": "43:REVOKED"}
    process = await start("run", variables=variables, folder=tmp_path)
    code, out, err = await ended(process)
    assert (code, out) == (1, "")
    last = [json.loads(line) for line in err.splitlines()][-1]
    assert (last["event"], last["level"]) == ("bridge ended", "critical")
    assert "TELEGRAM_BOT_TOKEN" in last["trouble"]
    assert "REVOKED" not in err
    process = await start("run", variables={"BRIDGE_LOG_FORMAT": "json"}, folder=tmp_path)
    code, out, err = await ended(process)
    assert (code, out) == (1, "")
    (line,) = [json.loads(line) for line in err.splitlines()]
    assert "TELEGRAM_BOT_TOKEN is missing" in line["trouble"]


async def test_the_dashboard_is_told_to_machines_without_its_token(
    world: World, tmp_path: Path
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
    variables = {**world.variables, "BRIDGE_LOG_FORMAT": "json", "BRIDGE_DASHBOARD_PORT": port}
    process = await start("run", variables=variables, folder=tmp_path)
    assert process.stderr is not None
    async with asyncio.timeout(20):
        async for line in process.stderr:
            entry = json.loads(line)
            if entry["event"] == "dashboard":
                break
    process.send_signal(signal.SIGTERM)
    code, out, _ = await ended(process)
    assert (code, out) == (0, "")
    assert entry["address"] == f"http://127.0.0.1:{port}"
    assert "BRIDGE_DASHBOARD_TOKEN" in entry["cure"]


@pytest.mark.parametrize("words", [("chat",), ("chat", "--no-stream")])
async def test_chat_answers_in_the_terminal(
    words: tuple[str, ...], world: World, tmp_path: Path
) -> None:
    variables = {
        name: value for name, value in world.variables.items() if name != "TELEGRAM_BOT_TOKEN"
    }
    world.coze.use(saying("An answer.", follow_ups=["More?"]))
    process = await start(*words, variables=variables, folder=tmp_path)
    code, out, err = await ended(process, b"hello\n/new\nagain caf\xe9\n")
    assert (code, err) == (0, "")
    assert out.count("An answer.\n  → More?\n") == 2
    assert len({asked.conversation_id for asked in world.coze.asked}) == 2
    assert {asked.stream for asked in world.coze.asked} == {"--no-stream" not in words}


async def test_a_talk_goes_on_with_an_earlier_conversation(world: World, tmp_path: Path) -> None:
    world.coze.use(saying("An \x1b[31manswer\x1b[0m."))

    async def talk(said: bytes, *words: str) -> str:
        process = await start("chat", *words, variables=world.variables, folder=tmp_path)
        code, out, err = await ended(process, said)
        assert (code, err) == (0, "")
        assert "\x1b" not in out  # an agent does not steer the terminal
        return out

    assert "There is no earlier conversation." in await talk(b"", "--conversations")
    await talk(b"about tides\n/new\nabout lamps [b]\n")
    out = await talk(b"and now?\n", "--continue")
    assert "You are back in “about lamps [b]”." in out
    assert "> about lamps [b]\nAn [31manswer[0m.\n" in out
    out = await talk(b"2\nhigher?\n", "--conversations")
    first, second = [line for line in out.splitlines() if " · about " in line]
    assert first.startswith("  1   ")
    assert second.endswith("about tides")
    assert "only 1 to 2" in await talk(b"7\n", "--conversations")
    await talk(b"elsewhere\n")
    out = await talk(b"/conversations lamps\n1\nagain?\n")
    assert "about tides" not in out
    asked = [(one.question, one.conversation_id) for one in world.coze.asked]
    (_, tides), (_, lamps), *rest = asked
    assert rest[:2] == [("and now?", lamps), ("higher?", tides)]
    assert rest[2][1] not in (tides, lamps)
    assert rest[3] == ("again?", lamps)
    with closing(sqlite3.connect(tmp_path / "chat.db")) as base:
        assert {row[0] for row in base.execute("SELECT parts FROM turns")} == {"[]"}


async def test_a_memory_that_cannot_be_read_is_named(world: World, tmp_path: Path) -> None:
    (tmp_path / "chat.db").write_text("no database", encoding="utf-8")
    process = await start("chat", variables=world.variables, folder=tmp_path)
    code, out, err = await ended(process, b"hello\n")
    assert code == 0
    assert "This talk is not remembered" in out
    assert "chat.db" in out.replace("\n", "")
    process = await start("chat", "--continue", variables=world.variables, folder=tmp_path)
    code, out, err = await ended(process, b"hello\n")
    assert code == 1
    assert "Going on with the last talk" in err
    assert (tmp_path / "chat.db").read_text("utf-8") == "no database"


async def test_going_on_without_an_earlier_conversation_says_so(
    world: World, tmp_path: Path
) -> None:
    process = await start("chat", "--continue", variables=world.variables, folder=tmp_path)
    code, out, err = await ended(process, b"hello\n")
    assert (code, out) == (1, "")
    assert err == "Going on with the last talk: there is none. Leave --continue out.\n"


@pytest.mark.parametrize("agent", ["shop", "flow", "poet"])
async def test_chat_talks_to_an_agent_of_each_kind(
    agent: str, world: World, tmp_path: Path
) -> None:
    world.coze.add_chatflow("74", app_id="75")
    world.coze.use(saying("An answer."))
    others = (
        '[agents.flow]\nkind = "chatflow"\nworkflow_id = "74"\napp_id = "75"\n'
        f'[agents.poet]\nkind = "chat"\nbot_id = "{DEFAULT_BOT_ID}"\n'
    )
    async with beside_a_project(world, tmp_path) as there:
        there.project.use(saying("An answer."))
        there.declare(other=others)
        process = await start("chat", "--agent", agent, variables=world.variables, folder=tmp_path)
        code, out, err = await ended(process, b"hello\n")
        assert (code, err) == (0, "")
        assert "An answer." in out
        assert len(there.project.runs) == (agent == "shop")
        process = await start("chat", "--agent", "none", variables=world.variables, folder=tmp_path)
        code, out, err = await ended(process, b"hello\n")
    assert (code, out) == (1, "")
    assert "there is no agent none. Name one of shop, flow, poet" in err


async def test_ctrl_c_stops_an_answer_in_the_terminal_and_then_leaves(
    world: World, tmp_path: Path
) -> None:
    world.coze.pace = Pace(0.02, 0.05)
    world.coze.use(saying("so many words " * 200))
    process = await start("chat", variables=world.variables, folder=tmp_path)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"hello\n")
    async with asyncio.timeout(20):
        assert await process.stdout.readexactly(13) == b"so many words"
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(10):
        assert (await process.stdout.readuntil(b"(Stopped.)\n")).endswith(b"\n(Stopped.)\n")
    (run,) = world.coze.runs.values()
    assert run.cancelled_at is not None
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(10):
        code = await process.wait()
    assert process.stderr is not None
    assert (code, await process.stderr.read()) == (130, b"")


async def test_chat_shows_a_wrong_coze_token_with_its_cure(world: World, tmp_path: Path) -> None:
    variables = {**world.variables, "COZE_API_TOKEN": "pat_other"}
    process = await start("chat", variables=variables, folder=tmp_path)
    code, out, err = await ended(process, b"hello\n")
    assert code == 1
    assert "no access to the agent" in out
    assert "Replace COZE_API_TOKEN" in err
    assert "4100" in err


def test_database_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/a.db")
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert "bridge db upgrade" in str(runner.invoke(app, ["db", "check"]).exception)
    first = runner.invoke(app, ["db", "upgrade"]).output
    assert "up to date" in first
    assert f"There was no database: {tmp_path}/a.db is new." in first
    assert "is new" not in runner.invoke(app, ["db", "upgrade"]).output
    newest = max(
        path.name[:4] for path in (Path(__file__).parents[2] / "migrations/versions").glob("0*.py")
    )
    assert f"schema {newest}" in runner.invoke(app, ["db", "check"]).output
    assert "Copied to copy.db" in runner.invoke(app, ["db", "backup", "copy.db"]).output
    assert "exists" in str(runner.invoke(app, ["db", "backup", "copy.db"]).exception)


def test_a_trouble_is_one_line_and_exit_code_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/missing/a.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bridge", "db", "upgrade"])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("Opening the database: ")
    assert (
        f"missing/a.db cannot be opened by user {os.getuid()} (No such file or directory)" in said
    )
    assert said.count("\n") == 1


async def test_an_operator_has_the_bridge_start_anew_with_other_settings(
    world: World, tmp_path: Path
) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.add_agent("4711", "Other")
    world.coze.use(saying("Fine."))
    env = tmp_path / ".env"
    variables = {**world.variables, "BRIDGE_OPERATORS": str(ann.id)}
    del variables["COZE_BOT_ID"]

    async def yes(expected: str) -> None:
        count = len(world.posts(ann))
        world.telegram.send(ann, "/reload")
        post = await world.settled(ann, count + 1)
        world.telegram.press(ann, post.message_id, "Yes")
        await world.telegram.until(lambda: expected in world.posts(ann)[-1].text, 30)

    env.write_text(f"COZE_BOT_ID={DEFAULT_BOT_ID}\n", encoding="utf-8")
    process = await start("run", variables=variables, folder=tmp_path)
    try:
        world.telegram.send(ann, "hello")
        await world.settled(ann, 1, timeout=30)
        env.write_text("COZE_BOT_ID=none\n", encoding="utf-8")
        await yes("COZE_BOT_ID is not an agent's id")
        env.write_text("COZE_BOT_ID=4711\n", encoding="utf-8")
        await yes("Restarted")
        count = len(world.posts(ann))
        world.telegram.send(ann, "hello")
        await world.settled(ann, count + 1, timeout=30)
    finally:
        process.terminate()
        code, _, _ = await ended(process)
    assert code == 0
    assert [run.bot_id for run in world.coze.runs.values()] == [DEFAULT_BOT_ID, "4711"]
