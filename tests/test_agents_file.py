"""`bridge.toml`: what declares an agent, and every fault with its table's name."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import SettingsTrouble
from bridge.settings import Settings
from bridge.settings.agent_tables import project_address
from bridge.settings.agents import declaration
from bridge.settings.environment import settings_from

BASE = {"TELEGRAM_BOT_TOKEN": "42:SANDBOX"}
OWN = {"COZE_API_TOKEN": "pat_sandbox", "COZE_BOT_ID": "1"}
PROJECT = """
[agents.shop]
kind = "project"
address = "https://abcde12345.coze.site/stream_run"
token_env = "SHOP_TOKEN"
project_id = "7600000000000000001"
"""
TOKEN = {"SHOP_TOKEN": "eyJhbGciOi.c2FuZGJveA.cHJvamVjdA"}


def read(text: str, folder: Path, variables: dict[str, str]) -> Settings:
    (folder / "bridge.toml").write_text(text, encoding="utf-8")
    return settings_from({**BASE, **variables, "BRIDGE_CONFIG": str(folder / "bridge.toml")})


def faults(text: str, folder: Path, variables: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsTrouble) as raised:
        read(text, folder, OWN if variables is None else variables)
    return "\n".join(raised.value.faults)


def test_a_project_alone_needs_no_other_setting_of_coze(tmp_path: Path) -> None:
    settings = read(PROJECT, tmp_path, TOKEN)
    (shop,) = settings.agents
    assert (shop.name, shop.table.address) == ("shop", "https://abcde12345.coze.site")
    assert shop.credential is not None
    assert TOKEN["SHOP_TOKEN"] not in repr(settings) + repr(shop)


def test_an_agent_borrows_the_credential_of_the_environment_at_its_own_address(
    tmp_path: Path,
) -> None:
    chat = '[agents.poet]\nkind = "chat"\nbot_id = "74"\n'
    (poet,) = read(chat, tmp_path, OWN).agents
    assert (poet.borrows, poet.credential) == (True, None)
    told = faults(chat + 'address = "https://api.coze.cn"\n', tmp_path)
    assert "[agents.poet] is not at COZE_API_BASE" in told
    assert "COZE_API_TOKEN is missing" in faults(chat, tmp_path, {})


def test_every_fault_of_every_table_is_told_at_once(tmp_path: Path) -> None:
    told = faults(
        PROJECT
        + """
[agents.a]
kind = "chat"
bot = "12"
[agents.b]
kind = "chatflow"
workflow_id = "12"
bot_id = "1"
app_id = "2"
[agents.c]
kind = "chat"
bot_id = 12
[agents.c.variables]
"a b" = "first_name"
[agents.d]
kind = "chat"
bot_id = "12"
variables = { name = "firstname" }
[agents.e]
kind = "robot"
[agents.1]
kind = "chat"
[agents.f]
kind = "project"
address = "http://example.com"
[agents.g]
kind = "chat"
bot_id = "1"
token_env = "A"
token_file = "b"
[other]
""",
        tmp_path,
    )
    for one in (
        "[agents.shop] token_env: the variable SHOP_TOKEN is not set",
        "[agents.a] bot_id is missing",
        "[agents.a] bot is not known here; did you mean bot_id?",
        "[agents.b] needs bot_id or app_id, one of them",
        "[agents.c] bot_id must be text in quotes",
        "[agents.c] variables has the name 'a b'",
        "[agents.d] variables.name must name one of",
        "[agents.e] needs kind =",
        "[agents.1] needs a name",
        "[agents.f] address would send the token in clear",
        "[agents.g] has more than one credential",
        "other is no table of BRIDGE_CONFIG",
    ):
        assert one in told, one


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "declares no agent"),
        ("[agents", "is not TOML"),
        ("agents = 1", "declares no agent"),
        (PROJECT + "default = true\n" + '[agents.b]\nkind = "chat"\nbot_id = "1"\ndefault = true\n',
         "default = true stands in shop, b"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, fault: str) -> None:
    assert fault in faults(text, tmp_path, {**OWN, **TOKEN})


def test_a_file_that_is_not_there_is_a_fault_of_its_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsTrouble, match=r"BRIDGE_CONFIG: /.*/none\.toml cannot be read"):
        settings_from({**BASE, **OWN, "BRIDGE_CONFIG": str(tmp_path / "none.toml")})


def test_a_token_of_the_api_is_not_taken_for_a_projects_but_on_purpose(tmp_path: Path) -> None:
    api = {"SHOP_TOKEN": "pat_sandbox"}
    assert "any_token = true" in faults(PROJECT, tmp_path, {**OWN, **api})
    assert read(PROJECT + "any_token = true\n", tmp_path, api).agents


def test_a_token_can_stand_in_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "shop.token").write_text(TOKEN["SHOP_TOKEN"] + "\n", encoding="utf-8")
    text = PROJECT.replace('token_env = "SHOP_TOKEN"', 'token_file = "shop.token"')
    assert read(text, tmp_path, {}).agents[0].credential is not None
    told = faults(text.replace("shop.token", "gone.token"), tmp_path)
    assert "[agents.shop] token_file: 'gone.token' cannot be read" in told


@pytest.mark.parametrize("path", ["", "/", "/stream_run", "/run", "/async_run/", "/prefix/run"])
def test_what_is_pasted_is_cut_to_the_address(path: str) -> None:
    found = project_address(f"https://abcde12345.coze.site{path}")
    expected = "/prefix" if path == "/prefix/run" else ""
    assert found == f"https://abcde12345.coze.site{expected}"


VALUES = st.recursive(
    st.none() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=3))
def test_whatever_stands_there_is_read_or_a_fault(document: dict[str, object]) -> None:
    for made in (document, {"agents": document}, {"agents": {"a": document}}):
        found = declaration(made, {})
        assert found.faults or found.agents


def test_the_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    page = Path(__file__).parent.parent / "docs" / "agents.md"
    example = page.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    tomllib.loads(example)
    variables = {"SHOP_TOKEN": TOKEN["SHOP_TOKEN"], "CN_TOKEN": "pat_sandbox"}
    assert len(read(example, tmp_path, {**OWN, **variables}).agents) == 3


@pytest.mark.parametrize("begin", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_file_of_windows_is_read(tmp_path: Path, begin: bytes, end: bytes) -> None:
    path = tmp_path / "windows.toml"
    path.write_bytes(begin + PROJECT.encode().replace(b"\n", end))
    assert settings_from({**BASE, **TOKEN, "BRIDGE_CONFIG": str(path)}).agents[0].name == "shop"


@pytest.mark.parametrize(
    "address",
    ["https://a.coze.site:abc", "https://a.coze.site:99999", "https://☃.x", "https://a\0.x",
     "https://xn--.com", "https://-a.x", "https://a b.x", "ftp://a.x", "https://u:p@a.x", "https://"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["project", "chat"])
def test_an_address_that_no_request_can_be_sent_to_is_a_fault(
    tmp_path: Path, address: str, kind: str
) -> None:
    more = 'bot_id = "1"\n' if kind == "chat" else ""
    text = f'[agents.a]\nkind = "{kind}"\ntoken_env = "SHOP_TOKEN"\n{more}address = {address!r}\n'
    if "\0" in address:
        text = text.replace(repr(address), '"https://a\\u0000.x"')
    assert "[agents.a] address" in faults(text, tmp_path, {**OWN, **TOKEN})


@pytest.mark.parametrize(
    "token", ["pat_AbCdEfGhIjKl", TOKEN["SHOP_TOKEN"], "a" * 80, "Zk39fjsLs02mfAq8xPq1"]
)
def test_a_token_in_the_place_of_its_variables_name_is_not_told_back(
    tmp_path: Path, token: str
) -> None:
    told = faults(PROJECT.replace("SHOP_TOKEN", token), tmp_path, OWN)
    assert "token_env must be the name of a variable" in told
    assert token not in told


def test_files_that_cannot_be_named_or_are_too_deep_are_faults(tmp_path: Path) -> None:
    nameless = PROJECT.replace('token_env = "SHOP_TOKEN"', 'token_file = "\\u0000"')
    assert "[agents.shop] token_file" in faults(nameless, tmp_path)
    assert "nested too deeply" in faults("a = " + "[" * 20000, tmp_path)


def test_each_agent_has_the_proxy_on_the_way_to_its_own_address(tmp_path: Path) -> None:
    proxies = {"HTTPS_PROXY": "http://proxy.corp:3128", "HTTP_PROXY": "http://proxy.corp:3128"}
    local = PROJECT.replace("https://abcde12345.coze.site", "http://127.0.0.1:5000")
    text = local + '[agents.far]\nkind = "chat"\nbot_id = "1"\n'
    near, far = read(text, tmp_path, {**OWN, **TOKEN, **proxies, "NO_PROXY": "127.0.0.1"}).agents
    assert (near.proxy, far.proxy) == (None, "http://proxy.corp:3128")
    near, far = read(text, tmp_path, {**OWN, **TOKEN, "COZE_PROXY": "http://other:1"}).agents
    assert (near.proxy, far.proxy) == ("http://other:1", "http://other:1")
