"""The doctor tries every setting live and names the cure."""

import os
from pathlib import Path

from fast import run_fast
from worlds import BOT_TOKEN, COZE_TOKEN, World, a_world, in_a_fast_world

from bridge.ops.doctor.examine import examine, report
from bridge.ops.doctor.findings import Finding, Severity
from bridge.redaction import redacted
from bridge.settings.environment import settings_from


async def examined(world: World, **variables: str) -> list[Finding]:
    settings = settings_from({**world.variables, **variables})
    return [finding async for finding in examine(settings)]


async def told_by(world: World, **variables: str) -> str:
    """All findings with their cures, as one text."""
    return " ".join(f"{one.what} {one.cure}" for one in await examined(world, **variables))


def bad(findings: list[Finding]) -> list[tuple[str, str]]:
    assert all(finding.cure for finding in findings if finding.health is Severity.BAD)
    return [(one.subject, one.what) for one in findings if one.health is Severity.BAD]


@in_a_fast_world
async def test_all_is_well(world: World) -> None:
    findings = await examined(world)
    assert bad(findings) == []
    said = " ".join(f"{one.subject}: {one.what}" for one in findings)
    for part in (
        "@sandbox_bot", "no other program", "privacy mode", "token is accepted", "Clock: agrees",
        "“Sandbox agent” is published", "cancelChat are granted", "writable and migrated",
    ):  # fmt: skip
        assert part in said


@in_a_fast_world
async def test_it_asks_the_agent_nothing(world: World) -> None:
    await examined(world)
    assert world.coze.asked == []


@in_a_fast_world
async def test_a_wrong_telegram_token(world: World) -> None:
    assert bad(await examined(world, TELEGRAM_BOT_TOKEN="43:WRONG"))[0][0] == "Telegram"


@in_a_fast_world
async def test_an_unreachable_telegram(world: World) -> None:
    findings = await examined(world, TELEGRAM_API_BASE_URL="http://127.0.0.1:9")
    assert "127.0.0.1:9 cannot be reached (it refused the connection)" in bad(findings)[0][1]


@in_a_fast_world
async def test_a_webhook_is_named(world: World) -> None:
    async with world.bridge() as app:
        await app.bot.set_webhook("https://example.org/hook")
    assert bad(await examined(world)) == [
        ("Telegram", "a webhook at example.org takes the updates")
    ]


def test_a_second_poller_is_noticed(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge():
            await world.telegram.until(lambda: bool(world.telegram.polling), timeout=200)
            elsewhere = f"sqlite+aiosqlite:///{tmp_path / 'other.db'}"
            findings = bad(await examined(world, DATABASE_URL=elsewhere))
            assert findings == [("Telegram", "another program is polling for this bot")]

    run_fast(journey())


@in_a_fast_world
async def test_the_bridge_of_these_settings_is_known(world: World) -> None:
    """The best moment for a doctor is while the bot runs: it neither disturbs it nor calls it bad."""
    async with world.bridge():
        await world.telegram.until(lambda: bool(world.telegram.polling))
        polls = world.telegram.updates.polls
        findings = await examined(world)
        assert bad(findings) == []
        own = [one.what for one in findings if "your own bridge is polling" in one.what]
        assert str(os.getpid()) in own[0]
        assert world.telegram.updates.polls >= polls
    assert not any("your own bridge" in one.what for one in await examined(world))


@in_a_fast_world
async def test_a_wrong_coze_token(world: World) -> None:
    findings = await examined(world, COZE_API_TOKEN="pat_other")
    assert [subject for subject, _ in bad(findings)] == ["Coze"]  # once, not for each check
    assert any("were not tried: they need the credential" in one.what for one in findings)
    assert "pat_other" not in str(findings)


@in_a_fast_world
async def test_an_unpublished_agent(world: World) -> None:
    world.coze.add_agent(published=False)
    assert [subject for subject, _ in bad(await examined(world))] == ["Agent"]


@in_a_fast_world
async def test_a_missing_permission(world: World) -> None:
    world.coze.add_token(
        "pat_less", permissions={"chat", "getMetadata", "createConversation", "getChat"}
    )
    findings = bad(await examined(world, COZE_API_TOKEN="pat_less"))
    assert findings == [("Permissions", "the token lacks listMessage, cancelChat")]


@in_a_fast_world
async def test_files_and_voice_are_tried_with_empty_ones(world: World) -> None:
    world.coze.add_token(
        "pat_text",
        permissions={"chat", "getMetadata", "createConversation", "getChat", "listMessage",
                     "cancelChat"},
    )  # fmt: skip
    told = await told_by(world, COZE_API_TOKEN="pat_text", BRIDGE_SPEECH="always")
    assert "uploadFile" in told
    assert "createTranscription" in told
    assert "createSpeech and listVoice" in told
    told = await told_by(world, BRIDGE_SPEECH="voice", COZE_VOICE_ID="none")
    assert "pictures and files of people are passed on" in told
    assert "voice messages are passed on" in told
    assert "COZE_VOICE_ID" in told
    assert world.coze.uploads == []


@in_a_fast_world
async def test_an_unreachable_coze(world: World) -> None:
    findings = bad(await examined(world, COZE_API_BASE="http://127.0.0.1:9"))
    assert [subject for subject, _ in findings] == ["Coze"]


def test_self_hosted_coze_is_well_though_it_lacks_much(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path, profile="studio") as world:
            assert bad(await examined(world)) == []

    run_fast(journey())


def test_a_jwt_of_another_region(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path, jwt=True) as world:
            assert bad(await examined(world)) == []
            findings = await examined(world, COZE_JWT_OAUTH_AUDIENCE="api.coze.cn")
            cures = [one.cure for one in findings if one.health is Severity.BAD]
            assert any("COZE_API_BASE is the region" in cure for cure in cures)

    run_fast(journey())


@in_a_fast_world
async def test_a_database_that_cannot_be_written(world: World) -> None:
    findings = await examined(world, DATABASE_URL="sqlite:////nowhere/at/all.db")
    assert bad(findings) == [
        (
            "Database",
            f"/nowhere/at/all.db cannot be opened by user {os.getuid()} (No such file or directory)",
        )
    ]


def test_secrets_are_redacted_wherever_they_stand() -> None:
    line = "https://api.telegram.org/bot42:SANDBOX-1/x pat_abc Bearer abc eyJh.eyJi.c czs_1 sat_2"
    shown = redacted(line)
    for secret in ("SANDBOX", "pat_abc", "Bearer abc", "eyJh", "czs_1", "sat_2"):
        assert secret not in shown
    assert "api.telegram.org" in shown


@in_a_fast_world
async def test_an_address_without_the_api_is_never_praised(world: World) -> None:
    for path in ("/v1/users/me", "/v1/conversation/create", f"/v1/bots/{world.settings.coze_bot_id}",
                 "/v1/bot/get_online_info"):  # fmt: skip
        world.coze.fail_gateway(path, http=404, reason="Not Found", times=9)
    said = await told_by(world)
    assert "is accepted" not in said
    assert said.count("Check COZE_API_BASE") >= 2
    assert "does not offer it" not in said


@in_a_fast_world
async def test_a_password_in_an_address_is_not_printed(world: World) -> None:
    address = "http://ann:hunter22@127.0.0.1:9"
    told = await told_by(world, TELEGRAM_API_BASE_URL=address)
    assert "127.0.0.1:9 cannot be reached" in told
    assert "hunter22" not in told


@in_a_fast_world
async def test_a_report_has_no_secret_and_no_word(world: World) -> None:
    tmp_path = Path(world.variables["DATABASE_URL"].partition(":///")[2]).parent
    ann = world.telegram.add_person("Ann")
    world.coze.fail("/v3/chat", 4013, "Sorry, nothing about the secret garden today.", times=10)
    async with world.bridge():
        world.telegram.send(ann, "the secret garden of my words")
        await world.settled(ann, 1)
    settings = settings_from({**world.variables, "BRIDGE_OPERATORS": "123456789"})
    await report(settings, tmp_path / "report.txt")
    text = (tmp_path / "report.txt").read_text()
    for part in ("coze-telegram-bridge", "Python 3", "BRIDGE_OPERATORS: set", "schema 00", "4013",
                 "COZE_API_BASE: http://127.0.0.1", "TELEGRAM_BOT_TOKEN: set", "ok: Telegram"):  # fmt: skip
        assert part in text
    for secret in (BOT_TOKEN, COZE_TOKEN, "123456789", "garden of my words", str(tmp_path)):
        assert secret not in text
