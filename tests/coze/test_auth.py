"""The ways in, against the emulator's verified sign-in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from worlds import CLIENT_ID, KEY_ID, key_pair

from bridge.coze.agents import account_id, agent_information
from bridge.coze.auth import JWTApp, StaticToken, private_key
from bridge.coze.client import Coze
from bridge.coze.conversations import (
    create_conversation,
)
from bridge.coze.events import Json, object_of
from bridge.coze.regions import CN, COM, deployment
from bridge.errors.coze import ConversationLost, Forbidden, SignInRefused, Unauthorized
from bridge.sandbox.coze import DEFAULT_BOT_ID, CozeEmulator
from bridge.serving import serving


class Clock:
    """A clock that is set by hand, in Unix seconds."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def coze_by_jwt(
    clock: Clock, key_id: str = KEY_ID
) -> AsyncIterator[tuple[CozeEmulator, Coze]]:
    private, public = key_pair()
    emulator = CozeEmulator(clock=clock)
    emulator.add_agent()
    emulator.add_oauth_app(CLIENT_ID, public, KEY_ID)
    async with serving(emulator.app) as address:
        here = deployment(address)
        auth = JWTApp(here, CLIENT_ID, key_id, private_key(private), clock=clock)
        async with Coze(here, auth) as coze:
            yield emulator, coze
        await emulator.close()


async def test_one_exchange_serves_all_who_wait() -> None:
    async with coze_by_jwt(Clock()) as (emulator, coze):
        await asyncio.gather(*(account_id(coze) for _ in range(20)))
        assert len(emulator.exchanges) == 1


async def test_the_token_is_renewed_before_it_ends_not_after() -> None:
    clock = Clock()
    async with coze_by_jwt(clock) as (emulator, coze):
        await account_id(coze)
        assert coze.token_seconds_left == pytest.approx(86399, abs=1)
        clock.now += 86399 - 5000
        await account_id(coze)
        assert len(emulator.exchanges) == 1
        clock.now += 5000 - 60
        await account_id(coze)
        assert len(emulator.exchanges) == 2
        refused = [one for one in emulator.requests if one.code in (4100, "4100")]
        assert refused == []


async def test_a_refused_token_is_replaced_once_for_all_who_were_refused() -> None:
    async with coze_by_jwt(Clock()) as (emulator, coze):
        await account_id(coze)
        emulator.revoke_tokens()
        await asyncio.gather(*(account_id(coze) for _ in range(10)))
        assert len(emulator.exchanges) == 2


async def test_an_unknown_key_is_a_refusal_with_a_cure() -> None:
    async with coze_by_jwt(Clock(), key_id="another") as (emulator, coze):
        with pytest.raises(SignInRefused) as refusal:
            await account_id(coze)
        assert "COZE_JWT_OAUTH_PUBLIC_KEY_ID" in refusal.value.cure
        assert len(emulator.exchanges) == 1


async def test_a_failing_sign_in_keeps_the_old_token_while_it_lives() -> None:
    clock = Clock()
    async with coze_by_jwt(clock) as (emulator, coze):
        await account_id(coze)
        clock.now += 86399 - 30
        emulator.fail("/api/permission/oauth2/token", "internal_error", http=500, times=1)
        await account_id(coze)
        assert coze.token_seconds_left == pytest.approx(30, abs=1)


async def test_a_personal_token_is_never_replayed() -> None:
    emulator = CozeEmulator()
    async with (
        serving(emulator.app) as address,
        Coze(deployment(address), StaticToken("pat_wrong")) as coze,
    ):
        with pytest.raises(Unauthorized) as refusal:
            await account_id(coze)
        assert len(emulator.requests) == 1
        assert "pat_wrong" not in str(refusal.value)
        assert refusal.value.log_id
        await emulator.close()


async def test_a_missing_permission_names_itself() -> None:
    emulator = CozeEmulator()
    emulator.add_agent()
    emulator.add_token("pat_sandbox", permissions={"chat"})
    async with (
        serving(emulator.app) as address,
        Coze(deployment(address), StaticToken("pat_sandbox")) as coze,
    ):
        with pytest.raises(Forbidden):
            await create_conversation(coze, DEFAULT_BOT_ID)
        await emulator.close()


async def test_conversations_are_made_looked_up_and_cleared() -> None:
    async with coze_by_jwt(Clock()) as (emulator, coze):
        made = await create_conversation(coze, DEFAULT_BOT_ID)

        async def looked_up() -> Json:
            query = {"conversation_id": made}
            answer = await coze.call("Looking", "GET", "/v1/conversation/retrieve", query=query)
            return object_of(answer, "data")

        assert (await looked_up())["id"] == made
        cleared = await coze.call("Clearing", "POST", f"/v1/conversations/{made}/clear")
        section = object_of(cleared, "data")["id"]
        assert section != made
        assert (await looked_up())["last_section_id"] == section
        emulator.forget_conversation(made)
        with pytest.raises(ConversationLost):
            await looked_up()


@pytest.mark.parametrize("profile", ["com", "studio"])
async def test_the_agents_presentation_comes_from_either_endpoint(profile: str) -> None:
    emulator = CozeEmulator(profile=profile)
    emulator.add_agent(name="Guide", prologue="Hello!", suggested_questions=["Why?"])
    emulator.add_token("pat_sandbox")
    async with (
        serving(emulator.app) as address,
        Coze(deployment(address), StaticToken("pat_sandbox")) as coze,
    ):
        agent = await agent_information(coze, DEFAULT_BOT_ID)
        assert (agent.name, agent.prologue, agent.suggestions) == ("Guide", "Hello!", ("Why?",))
        await emulator.close()


def test_the_key_may_have_literal_line_ends_or_come_from_a_file(tmp_path: Path) -> None:
    private, _ = key_pair()
    numbers = private_key(private).private_numbers()
    assert private_key(private.replace("\n", "\\n")).private_numbers() == numbers
    path = tmp_path / "key.pem"
    path.write_text(private)
    assert private_key(path=path).private_numbers() == numbers


@pytest.mark.parametrize(
    "wrong", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_a_wrong_key_is_refused_without_showing_it(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"does not hold a private key; the text that begins"):
        private_key(wrong)


@pytest.mark.parametrize(
    ("base", "audience"),
    [
        (f"{COM}/", "api.coze.com"),
        (CN, "api.coze.cn"),
        ("http://studio.local:8888", "studio.local:8888"),
    ],
)
def test_the_audience_is_the_host(base: str, audience: str) -> None:
    assert deployment(base).audience == audience


@pytest.mark.parametrize(
    "base",
    ["www.coze.com", "https://www.coze.cn", "https://api.coze.com/v3", "https://u:p@api.coze.com",
     "https://api.coze.com/open_api", "ftp://api.coze.com", "https://api.coze.com?x=1"],
)  # fmt: skip
def test_common_mistakes_in_the_base_are_explained(base: str) -> None:
    with pytest.raises(ValueError, match=r"is |must "):
        deployment(base)


@pytest.mark.parametrize(
    ("message", "cure"),
    [("invalid app type", "type “normal”"), ("access denied", "re-authorise the app")],
)
async def test_a_denied_app_is_cured_by_what_is_wrong_with_it(message: str, cure: str) -> None:
    async with coze_by_jwt(Clock()) as (emulator, coze):
        emulator.fail("/api/permission/oauth2/token", "access_deny", message, http=401)
        with pytest.raises(SignInRefused) as refusal:
            await account_id(coze)
        assert cure in refusal.value.cure
