"""Which proxy is on the way, and what of the environment can be used."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import SettingsTrouble
from bridge.proxies import proxy_address, proxy_variable
from bridge.settings.environment import settings_from

GOOD = {"TELEGRAM_BOT_TOKEN": "42:abc", "COZE_BOT_ID": "7", "COZE_API_TOKEN": "pat_x"}
COZE = "https://api.coze.com"


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("http://127.0.0.1:7890", "http://127.0.0.1:7890"),
        ("127.0.0.1:7890", "http://127.0.0.1:7890"),
        ("socks://127.0.0.1:1/", "socks5://127.0.0.1:1"),
        ("SOCKS5H://proxy.example", "socks5://proxy.example:1080"),
        ("socks4a://10.0.0.1:9", "socks4://10.0.0.1:9"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://me:p%40ss@proxy.example", "http://me:p%40ss@proxy.example:80"),
        ("http://me:p@ss@proxy.example:3128", "http://me:p%40ss@proxy.example:3128"),
        ("socks5://me@h:1", "socks5://me:@h:1"),
        ('"http://127.0.0.1:7890"', "http://127.0.0.1:7890"),
    ],
)
def test_a_proxys_address_has_one_form(written: str, means: str) -> None:
    assert proxy_address(written) == means


@pytest.mark.parametrize(
    "written",
    [
        "http://127.0.0.1:6153export", "http://", "ftp://h:1", "http://h:99999", "http://u:pa#ss@h:1",
        "http://u:pa/ss@h:1", "http://u:pa?ss@h:1", "http://h:1/path", "http://h:1?x", "http://a b:1",
        "http://[::1", "socks5://:1080", "", "DIRECT", "proxy.example",
    ],
)  # fmt: skip
def test_what_is_no_proxys_address_is_refused_without_being_quoted(written: str) -> None:
    with pytest.raises(ValueError, match=r"^(is not a proxy's address|has a sign)") as caught:
        proxy_address(written)
    for secret in ("6153", "pa#ss", "pa/ss", "pa?ss", "ss@"):
        assert secret not in str(caught.value)


@given(st.text(alphabet=string.printable + "é中", max_size=40))
def test_any_text_is_an_address_or_a_fault(written: str) -> None:
    try:
        made = proxy_address(written)
    except ValueError:
        return
    assert proxy_address(made) == made


@pytest.mark.parametrize(
    ("address", "exceptions", "excepted"),
    [
        (COZE, "*", True),
        (COZE, "localhost, *", True),
        (COZE, "coze.com", True),
        (COZE, "localhost 127.0.0.1 coze.com", True),
        (COZE, "localhost|coze.com.", True),
        (COZE, '"localhost,coze.com"', True),
        (COZE, "api.coze.*", True),
        (COZE, "*.coze.*", True),
        (COZE, "https://api.coze.com/", True),
        ("http://192.168.3.4:8888", "192.168.*.*", True),
        ("http://10.1.2.3:8888", "http://10.1.2.3:8888/", True),
        (COZE, ".coze.com", True),
        (COZE, "*.coze.com", True),
        (COZE, "api.coze.com:443", True),
        (COZE, "api.coze.com:8443", False),
        (COZE, "oze.com", False),
        (COZE, "127.0.0.1,[::1]", False),
        (COZE, "fd00::/8", False),
        (COZE, "10.0.0.0/8;192.168.*;<local>", False),
        ("http://10.1.2.3:8888", "10.0.0.0/8", True),
        ("http://10.1.2.3:8888", "10.1.*", True),
        ("http://[fd00::5]:8888", "fd00::/8", True),
        ("http://[fd00::5]:8888", "[fd00::5]", True),
        ("http://[fd00::5]:8888", "fd00::5", True),
        ("http://studio:8888", "<local>", True),
        ("http://studio:8888", "", False),
        (COZE, ":,[,],//,/8,a/b,%,:::", False),
    ],
)
def test_exceptions_are_names_domains_networks_and_stars(
    address: str, exceptions: str, excepted: bool
) -> None:
    variables = {"ALL_PROXY": "http://p:1", "NO_PROXY": exceptions}
    assert proxy_variable(address, variables) == (None if excepted else "ALL_PROXY")


def test_the_variable_of_the_scheme_wins_and_small_letters_before_capitals() -> None:
    variables = {"HTTPS_PROXY": "a", "https_proxy": "b", "ALL_PROXY": "c", "HTTP_PROXY": "d"}
    assert proxy_variable(COZE, variables) == "https_proxy"
    assert proxy_variable("http://studio.example", variables) == "HTTP_PROXY"
    assert proxy_variable("http://studio.example", {"all_proxy": "c"}) == "all_proxy"
    assert proxy_variable(COZE, {"HTTP_PROXY": "d"}) is None


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "localhost.", "[::ffff:127.0.0.1]"]
)
def test_this_machine_is_reached_directly(host: str) -> None:
    assert proxy_variable(f"http://{host}:8080", {"ALL_PROXY": "http://p:1"}) is None


def test_the_proxy_of_the_environment_is_taken_where_none_is_set() -> None:
    settings = settings_from(
        {**GOOD, "ALL_PROXY": "socks://127.0.0.1:1/", "COZE_PROXY": "http://h:2"}
    )
    assert settings.telegram_proxy == "socks5://127.0.0.1:1"
    assert settings.coze_proxy == "http://h:2"


@pytest.mark.parametrize(
    "variables",
    [
        {"NO_PROXY": "127.0.0.1,[::1]"},
        {"NO_PROXY": "fd00::/8"},
        {"NO_PROXY": "*", "ALL_PROXY": "http://127.0.0.1:6153export"},
        {"HTTP_PROXY": "http://127.0.0.1:6153export"},
    ],
)
def test_what_is_on_nobodys_way_is_not_looked_at(variables: dict[str, str]) -> None:
    settings = settings_from({**GOOD, **variables})
    assert settings.telegram_proxy is settings.coze_proxy is None


def test_what_cannot_be_used_is_one_line_that_names_the_variable() -> None:
    with pytest.raises(SettingsTrouble) as trouble:
        settings_from({**GOOD, "HTTPS_PROXY": "http://me:secret@127.0.0.1:6153export"})
    (fault,) = trouble.value.faults
    assert fault.startswith("HTTPS_PROXY is not a proxy's address")
    assert "secret" not in str(trouble.value)
    assert "6153" not in str(trouble.value)


@pytest.mark.parametrize("name", ["TELEGRAM_PROXY", "COZE_PROXY"])
@pytest.mark.parametrize("sign", "#/?")
def test_a_password_that_would_change_the_host_is_refused(name: str, sign: str) -> None:
    with pytest.raises(SettingsTrouble, match=f"{name} has a sign in its password") as trouble:
        settings_from({**GOOD, name: f"http://me:se{sign}cret@proxy.example:3128"})
    assert "cret" not in str(trouble.value)
