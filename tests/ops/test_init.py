"""`bridge init` on a terminal: right, wrong, interrupted, again over an old file, and for scripts."""

import stat
import tomllib
from pathlib import Path

import pytest
from terminals import terminal
from worlds import BOT_TOKEN, COZE_TOKEN, World, a_world, key_pair

from bridge.ops.init.agent_address import AgentPlace, NotUnderstood, read_agent_address
from bridge.ops.init.credentials import (
    Credential,
    NoCredential,
    pem_of,
    read_credential,
    table_of,
    variables_of,
)
from bridge.ops.init.env_file import changed
from bridge.sandbox.coze import DEFAULT_BOT_ID
from bridge.settings.agents import read_declaration
from bridge.settings.environment import environment

pytestmark = pytest.mark.slow

COM, CN = "https://api.coze.com", "https://api.coze.cn"
BOT, FLOW, APP = "7379462189365198898", "7400000000000000001", "7400000000000000002"


@pytest.fixture
async def world(tmp_path: Path):
    async with a_world(tmp_path) as made:
        yield made


def telegram(world: World) -> dict[str, str]:
    """The one thing that init does not ask for: where Telegram is."""
    return {"TELEGRAM_API_BASE_URL": world.variables["TELEGRAM_API_BASE_URL"], "LANG": "C.UTF-8"}


def page_of(world: World) -> str:
    return f"{world.variables['COZE_API_BASE']}/space/1/bot/{DEFAULT_BOT_ID}?from=x"


@pytest.mark.parametrize(
    ("pasted", "place"),
    [
        (f"https://www.coze.com/space/7/bot/{BOT}", AgentPlace("chat", COM, bot_id=BOT)),
        (f"www.coze.cn/space/7/bot/{BOT}/arrange?x=1", AgentPlace("chat", CN, bot_id=BOT)),
        (f" <https://coze.cn/store/agent/{BOT}> ", AgentPlace("chat", CN, bot_id=BOT)),
        (BOT, AgentPlace("chat", COM, bot_id=BOT)),
        (
            f"http://127.0.0.1:8888/space/7/bot/{BOT}",
            AgentPlace("chat", "http://127.0.0.1:8888", BOT),
        ),
        (
            f"https://www.coze.cn/work_flow?space_id=7&workflow_id={FLOW}",
            AgentPlace("chatflow", CN, workflow_id=FLOW),
        ),
        (
            f"https://www.coze.com/space/7/project-ide/{APP}/workflow/{FLOW}",
            AgentPlace("chatflow", COM, workflow_id=FLOW, app_id=APP),
        ),
        ("https://abcde.coze.site/stream_run", AgentPlace("project", "https://abcde.coze.site")),
    ],
)
def test_what_an_address_says(pasted: str, place: AgentPlace) -> None:
    assert read_agent_address(pasted) == place


@pytest.mark.parametrize(
    ("pasted", "why"),
    [
        ("", "init.agent_unread"),
        ("my agent", "init.agent_unread"),
        ("https://www.coze.com/home", "init.agent_unread"),
        ("ftp://www.coze.com/space/7/bot/" + BOT, "init.agent_unread"),
        ("http://[", "init.agent_unread"),
        (f"https://www.coze.com/space/7/project-ide/{APP}", "init.agent_app"),
        ("https://code.coze.cn/p/7600000000000000001", "init.agent_not_deployed"),
    ],
)
def test_what_no_agent_can_be_read_from(pasted: str, why: str) -> None:
    with pytest.raises(NotUnderstood) as raised:
        read_agent_address(pasted)
    assert raised.value.key == why


def test_a_file_keeps_what_it_holds() -> None:
    old = '# mine\n\nA=1\nexport B="x\ny" # why\nD=3\nA=2\nE="last"'
    assert changed(old, {"A": "5", "B": "a b", "N": "new\nline"}) == (
        '# mine\n\nA=5\nexport B="a b"\nD=3\nE="last"\nN="new\\nline"\n'
    )
    assert changed("", {"A": "1"}) == "A=1\n"


async def test_five_answers_set_it_up(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    async with terminal("init", variables=telegram(world), folder=folder) as it:
        await it.answer("Its token: ", BOT_TOKEN)
        await it.until("✓ This is @sandbox_bot.")
        await it.answer("Its address: ", page_of(world))
        await it.answer("Token or key file: ", COZE_TOKEN)
        await it.until("✓ “Sandbox agent” can be asked.")
        await it.answer("Your id, or nothing: ", "5000000001")
        await it.until("TELEGRAM_BOT_TOKEN=")
        await it.answer("Write it? [Y/n] ", "")
        await it.until("Now everything is tried once")
        await it.until("Now: bridge run")
        assert await it.ended() == 0
    assert BOT_TOKEN not in it.text
    assert COZE_TOKEN not in it.text
    written = folder / ".env"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert written.read_text("utf-8").splitlines() == [
        f"TELEGRAM_BOT_TOKEN={BOT_TOKEN}",
        f"COZE_API_BASE={world.variables['COZE_API_BASE']}",
        f"COZE_BOT_ID={DEFAULT_BOT_ID}",
        f"COZE_API_TOKEN={COZE_TOKEN}",
        "BRIDGE_OPERATORS=5000000001",
        f"TELEGRAM_API_BASE_URL={world.variables['TELEGRAM_API_BASE_URL']}",
    ]


async def test_wrong_answers_are_asked_again_with_a_cure(world: World, tmp_path: Path) -> None:
    variables = telegram(world) | {"LANG": "zh_CN.UTF-8"}
    async with terminal("init", variables=variables, folder=tmp_path) as it:
        await it.answer("机器人令牌: ", "43:WRONG")
        await it.until("Telegram does not know this token. Copy it whole")
        await it.answer("机器人令牌: ", "nonsense")
        await it.until("✗")
        await it.answer("机器人令牌: ", BOT_TOKEN)
        await it.answer("页面地址: ", "my agent")
        await it.until("无法从中识别智能体")
        await it.answer("页面地址: ", page_of(world))
        await it.answer("令牌或密钥文件: ", "pat_other")
        await it.until("4100")
        await it.answer("令牌或密钥文件: ", "/nowhere/key.pem")
        await it.until("也没有这个文件")
        await it.answer("令牌或密钥文件: ", COZE_TOKEN)
        await it.answer("您的 ID，或留空: ", "Ann")
        await it.until("Telegram ID 是数字")
        await it.answer("您的 ID，或留空: ", "")
        await it.answer("写入吗？[Y/n] ", "n")
        await it.until("没有写入任何内容。")
        assert await it.ended() == 1
    assert not (tmp_path / ".env").exists()


async def test_ctrl_c_leaves_everything_as_it_is(world: World, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("BRIDGE_LOG_LEVEL=DEBUG\n", encoding="utf-8")
    async with terminal("init", variables=telegram(world), folder=tmp_path) as it:
        await it.answer("Its token: ", BOT_TOKEN)
        await it.until("Its address: ")
        assert await it.interrupt() == 130
        await it.until("\r\n")  # the shell's prompt begins a line of its own
    assert "Traceback" not in it.text
    assert (tmp_path / ".env").read_text("utf-8") == "BRIDGE_LOG_LEVEL=DEBUG\n"
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".env-")]


async def test_again_over_an_old_file_enter_keeps_what_is_there(
    world: World, tmp_path: Path
) -> None:
    old = f"# ours\nCOZE_API_TOKEN={COZE_TOKEN}\nBRIDGE_TITLES=off\nTELEGRAM_BOT_TOKEN=43:OLD\n"
    (tmp_path / ".env").write_text(old, encoding="utf-8")
    async with terminal("init", variables=telegram(world), folder=tmp_path) as it:
        await it.answer("Its token [", BOT_TOKEN)
        await it.answer("Its address: ", page_of(world))
        await it.answer("Token or key file [", "")
        await it.answer("Your id, or nothing: ", "")
        await it.until("changed")
        await it.answer("Write it? [Y/n] ", "y")
        assert await it.ended() == 0
    assert (tmp_path / ".env").read_text("utf-8").splitlines() == [
        "# ours",
        f"COZE_API_TOKEN={COZE_TOKEN}",
        "BRIDGE_TITLES=off",
        f"TELEGRAM_BOT_TOKEN={BOT_TOKEN}",
        f"COZE_API_BASE={world.variables['COZE_API_BASE']}",
        f"COZE_BOT_ID={DEFAULT_BOT_ID}",
        f"TELEGRAM_API_BASE_URL={world.variables['TELEGRAM_API_BASE_URL']}",
    ]


async def test_scripts_give_all_and_are_asked_nothing(world: World, tmp_path: Path) -> None:
    agent = ("--agent", page_of(world), "--credential", COZE_TOKEN)
    async with terminal("init", "--yes", *agent, variables=telegram(world), folder=tmp_path) as it:
        assert await it.ended() == 1
    assert "Its token: that is missing. Give it as an option" in it.text
    assert not (tmp_path / ".env").exists()
    words = ("init", "--yes", "--token", BOT_TOKEN, *agent)
    async with terminal(*words, variables=telegram(world), folder=tmp_path) as it:
        assert await it.ended() == 0
    assert f"TELEGRAM_BOT_TOKEN={BOT_TOKEN}" in (tmp_path / ".env").read_text("utf-8")
    words = ("init", "--yes", "--credential", "pat_other")
    async with terminal(*words, variables=telegram(world), folder=tmp_path) as it:
        assert await it.ended() == 1
    assert "4100" in it.text
    assert COZE_TOKEN in (tmp_path / ".env").read_text("utf-8")


async def test_the_key_file_of_an_oauth_app_is_tried_and_kept(tmp_path: Path) -> None:
    private, _ = key_pair()
    key = tmp_path / "key.pem"
    key.write_text(private, encoding="utf-8")
    (tmp_path / "there").mkdir()
    async with a_world(tmp_path / "there", jwt=True) as world:
        app = {
            name: world.variables[f"COZE_JWT_OAUTH_{name}"]
            for name in ("CLIENT_ID", "PUBLIC_KEY_ID")
        }
        async with terminal("init", variables=telegram(world), folder=tmp_path) as it:
            await it.answer("Its token: ", BOT_TOKEN)
            await it.answer("Its address: ", page_of(world))
            await it.answer("Token or key file: ", str(key))
            await it.answer("The id of the OAuth app: ", app["CLIENT_ID"])
            await it.answer("The fingerprint of its public key: ", app["PUBLIC_KEY_ID"])
            await it.until("can be asked.")
            await it.answer("Your id, or nothing: ", "")
            await it.answer("Write it? [Y/n] ", "")
            assert await it.ended() == 0
    assert f"COZE_JWT_OAUTH_PRIVATE_KEY_FILE_PATH={key}" in (tmp_path / ".env").read_text("utf-8")


async def test_a_workflow_is_declared_in_a_file_beside(world: World, tmp_path: Path) -> None:
    world.coze.add_chatflow(FLOW, app_id=APP)
    base = world.variables["COZE_API_BASE"]
    async with terminal("init", variables=telegram(world), folder=tmp_path) as it:
        await it.answer("Its token: ", BOT_TOKEN)
        await it.answer("Its address: ", f"{base}/work_flow?space_id=7&workflow_id={FLOW}")
        await it.answer("The address of its page: ", f"{base}/space/7/project-ide/{APP}")
        await it.answer("Token or key file: ", COZE_TOKEN)
        await it.until("can be asked.")
        await it.answer("Your id, or nothing: ", "")
        await it.answer("Write it? [Y/n] ", "")
        assert await it.ended() == 0
    found = environment(tmp_path / ".env")
    assert (found["BRIDGE_CONFIG"], found["AGENT_TOKEN"]) == ("bridge.toml", COZE_TOKEN)
    table = tomllib.loads((tmp_path / "bridge.toml").read_text("utf-8"))["agents"]["main"]
    assert (table["kind"], table["workflow_id"], table["app_id"]) == ("chatflow", FLOW, APP)
    assert COZE_TOKEN not in (tmp_path / "bridge.toml").read_text("utf-8")


def test_a_project_is_declared_in_a_file_beside(tmp_path: Path) -> None:
    place = read_agent_address("https://abcde.coze.site/stream_run")
    way_in = Credential(token="eyJhbGciOi.c2FuZGJveA.cHJvamVjdA")
    (tmp_path / "bridge.toml").write_text(table_of(place, way_in), encoding="utf-8")
    found = read_declaration(tmp_path / "bridge.toml", variables_of(place, way_in))
    assert found.faults == ()
    (agent,) = found.agents
    assert (agent.kind, agent.table.address) == ("project", "https://abcde.coze.site")


def test_what_is_no_credential(tmp_path: Path) -> None:
    public = tmp_path / "public.pem"
    public.write_text(key_pair()[1], encoding="utf-8")
    other = tmp_path / "other.txt"
    other.write_text("hello", encoding="utf-8")
    app = tmp_path / "app.json"
    app.write_text('{"client_id": "1"}', encoding="utf-8")
    for given, why in (
        ("", "init.no_credential"),
        ("two words", "init.no_credential"),
        ("/nowhere/key.pem", "init.no_credential"),
        (str(public), "init.key_public"),
        (str(other), "init.key_unread"),
        (str(app), "init.key_unread"),
    ):
        with pytest.raises(NoCredential) as raised:
            read_credential(given)
        assert raised.value.key == why
    private = key_pair()[0].replace("\n", "\\n")
    app.write_text(
        f'{{"client_id": "1", "public_key_id": "k", "private_key": "{private}"}}', encoding="utf-8"
    )
    found = read_credential(str(app))
    assert (found.client_id, found.public_key_id, found.incomplete) == ("1", "k", False)
    assert "BEGIN" in str(pem_of(app))
