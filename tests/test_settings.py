"""Settings: every fault at once, each with its variable and a cure, and never a value."""

from pathlib import Path

import pytest
from worlds import key_pair

from bridge.errors import SettingsTrouble
from bridge.settings.environment import environment, settings_from

GOOD = {"TELEGRAM_BOT_TOKEN": "42:abc", "COZE_BOT_ID": "7", "COZE_API_TOKEN": "pat_x"}


def faults(variables: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsTrouble) as trouble:
        settings_from(variables)
    return trouble.value.faults


def test_the_least_that_is_needed() -> None:
    settings = settings_from(GOOD)
    assert settings.coze_api_base == "https://api.coze.com"
    assert settings.bridge_pace_private == {}
    assert "abc" not in repr(settings)
    assert "pat_x" not in repr(settings)


def test_all_faults_are_told_at_once() -> None:
    found = faults(
        {
            "TELEGRAM_BOT_TOKEN": "secret-wrong",
            "COZE_API_BASE": "https://www.coze.com",
            "TELEGRAM_API_BASE_URL": "https://api.telegram.org/bot",
            "DATABASE_URL": "nonsense",
            "BRIDGE_LOG_LEVEL": "loud",
            "BRIDGE_PACE_PRIVATE": "1,2",
            "BRIDGE_PACE_PRIVAT": "1",
            "COZE_PROXY": "localhost:1",
        }
    )
    names = {
        "TELEGRAM_BOT_TOKEN", "COZE_API_BASE", "TELEGRAM_API_BASE_URL", "DATABASE_URL", "COZE_BOT_ID",
        "BRIDGE_LOG_LEVEL", "BRIDGE_PACE_PRIVATE", "BRIDGE_PACE_PRIVAT", "COZE_API_TOKEN", "COZE_PROXY",
    }  # fmt: skip
    assert {fault.split()[0] for fault in found} == names
    assert not any("secret" in fault for fault in found)


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        ({}, "COZE_API_TOKEN is missing"),
        ({"COZE_JWT_OAUTH_CLIENT_ID": "1"}, "COZE_JWT_OAUTH_PUBLIC_KEY_ID is missing"),
        ({"COZE_JWT_OAUTH_CLIENT_ID": "1"}, "COZE_JWT_OAUTH_PRIVATE_KEY is missing"),
        ({"COZE_JWT_OAUTH_CLIENT_ID": "1", "COZE_API_TOKEN": "x"}, "both set"),
        (
            {
                "COZE_JWT_OAUTH_CLIENT_ID": "1",
                "COZE_JWT_OAUTH_PUBLIC_KEY_ID": "2",
                "COZE_JWT_OAUTH_PRIVATE_KEY": "3",
                "COZE_JWT_OAUTH_PRIVATE_KEY_FILE_PATH": "4",
            },
            "both set",
        ),
    ],
)
def test_the_way_in_must_be_one_and_whole(variables: dict[str, str], fault: str) -> None:
    base = {name: GOOD[name] for name in ("TELEGRAM_BOT_TOKEN", "COZE_BOT_ID")}
    assert any(fault in one for one in faults({**base, **variables}))


def test_the_jwt_way() -> None:
    private, _ = key_pair()
    settings = settings_from(
        {
            "TELEGRAM_BOT_TOKEN": "42:abc",
            "COZE_BOT_ID": "7",
            "COZE_JWT_OAUTH_CLIENT_ID": "1",
            "COZE_JWT_OAUTH_PUBLIC_KEY_ID": "2",
            "COZE_JWT_OAUTH_PRIVATE_KEY": private,
        }
    )
    assert "PRIVATE" not in repr(settings)


def test_the_env_file_is_read_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ".env"
    path.write_text('COZE_BOT_ID="1"\nDATABASE_URL=sqlite:///x.db\nCOZE_PROXY=\n# a comment\n')
    monkeypatch.setenv("COZE_BOT_ID", "2")
    found = environment(path)
    assert (found["COZE_BOT_ID"], found["DATABASE_URL"]) == ("2", "sqlite:///x.db")
    assert "COZE_PROXY" not in found


@pytest.mark.parametrize(
    ("content", "said"),
    [(b'A=1\nB="open\n', "line 2"), (b"A=\xff\n", "UTF-8 text")],
)
def test_a_broken_env_file_is_explained(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(content)
    with pytest.raises(SettingsTrouble, match=said):
        environment(path)


def test_wrong_words_are_told_what_is_right() -> None:
    wrong = {
        "BRIDGE_REASONING": "loud",
        "BRIDGE_SPEECH": "Sung",
        "BRIDGE_STREAMING": "fast",
        "BRIDGE_FEEDBACK": "perhaps",
        "BRIDGE_LANGUAGE": "xx",
        "BRIDGE_PACE_PRIVATE": "1,1,1,9,3,0",
    }
    told = " | ".join(faults({**GOOD, **wrong}))
    assert "BRIDGE_REASONING must be brief, off or on" in told
    assert "BRIDGE_SPEECH must be always, off or voice" in told
    assert "BRIDGE_STREAMING must be drafts, edits or whole" in told
    assert "BRIDGE_FEEDBACK must be true or false" in told
    assert "choose en, es, fa, id, ja, pt, ru, vi, zh or zh-hant" in told
    assert "keeps back as many calls as there are" in told
    assert settings_from({**GOOD, "BRIDGE_REASONING": "ON"}).bridge_reasoning == "on"
    assert "did you mean BRIDGE_STREAMING?" in faults({**GOOD, "BRIDGE_STREMING": "edits"})[0]


def test_one_line_a_variable_and_hints_for_near_misses() -> None:
    found = faults({**GOOD, "BRIDGE_PACE_PRIVATE": "a,b,c,d,e", "BRIDGE_PACE_GROUP": "1,2"})
    assert [fault.split(".")[0] for fault in found] == [
        "BRIDGE_PACE_PRIVATE needs numbers by name, such as burst=10,every=2",
        "BRIDGE_PACE_GROUP needs numbers by name, such as burst=10,every=2",
    ]
    found = faults({"TELEGRAM_TOKEN": "42:abc", "COZE_BOT_ID": "7", "COZE_TOKEN": "pat_x"})
    assert "TELEGRAM_TOKEN is not a setting; did you mean TELEGRAM_BOT_TOKEN?" in found
    assert "COZE_TOKEN is not a setting; did you mean COZE_API_TOKEN?" in found
    assert settings_from({**GOOD, "COZE_WORKSPACE_ID": "1", "BRIDGE_LOG_FORMAT": "JSON"})


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", {}),
        ("burst=4, every=2.5", {"burst": 4.0, "every": 2.5}),
        (
            "10,2.5,1.2,1,3,0",
            {"burst": 10, "every": 2.5, "gap": 1.2, "kept": 1, "quick": 3, "minute": 0},
        ),
    ],
)
def test_limits_are_fixed_by_name_or_as_older_releases_took_them(
    text: str, read: dict[str, float]
) -> None:
    assert settings_from({**GOOD, "BRIDGE_PACE_GROUP": text}).bridge_pace_group == read


@pytest.mark.parametrize(
    "text",
    ["burst", "burst=", "burst=x", "size=3", "burst=0", "every=0", "burst=2,kept=2", "1e9,1"],
)
def test_limits_that_make_no_sense_are_refused(text: str) -> None:
    (fault,) = faults({**GOOD, "BRIDGE_PACE_GROUP": text})
    assert fault.startswith("BRIDGE_PACE_GROUP ")


@pytest.mark.parametrize("token", ["Bearer pat_x", "p\u00e4t", "a b"])
def test_a_token_with_something_around_it_is_refused_at_once(token: str) -> None:
    (fault,) = faults({**GOOD, "COZE_API_TOKEN": token})
    assert fault.startswith("COZE_API_TOKEN is not a token")
    assert "pat_x" not in fault


def test_a_database_in_memory_would_keep_nothing() -> None:
    (fault,) = faults({**GOOD, "DATABASE_URL": "sqlite+aiosqlite://"})
    assert "name a file" in fault


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BRIDGE_HEALTH_PORT", "70000", "must be 65535 at most"),
        ("BRIDGE_HEALTH_PORT", "-1", "must be 0 at least"),
        ("BRIDGE_HEALTH_PORT", "many", "must be a whole number"),
        ("BRIDGE_GRACE_SECONDS", "abc", "must be a number"),
        ("BRIDGE_RETENTION_DAYS", "0", "must be more than 0"),
    ],
)
def test_wrong_numbers_are_told_in_plain_words(name: str, value: str, said: str) -> None:
    (fault,) = faults({**GOOD, name: value})
    assert fault.startswith(f"{name} {said}. ")


def test_quotes_that_docker_keeps_are_taken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`docker run --env-file` passes them on as they stand in the file; compose and we do not."""
    for name, value in GOOD.items():
        monkeypatch.setenv(name, f'"{value}"')
    monkeypatch.setenv("BRIDGE_ACCESS", "'open'")
    monkeypatch.setenv("BRIDGE_GROUP_WAKE_WORD", '"')
    found = settings_from(environment(tmp_path / "nothing"))
    assert found.bridge_access == "open"
    assert found.bridge_group_wake_word == '"'
    assert found.coze_bot_id == GOOD["COZE_BOT_ID"]
