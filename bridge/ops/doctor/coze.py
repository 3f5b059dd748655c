"""Whether Coze takes the credential, and what it is allowed to do."""

import time
from collections.abc import AsyncIterator, Coroutine
from email.utils import parsedate_to_datetime

import httpx

from bridge.coze.agents import account_id
from bridge.coze.client import Coze
from bridge.coze.conversations import create_conversation
from bridge.coze.kinds.chat import ChatAgent
from bridge.coze.regions import CN, COM
from bridge.coze.runs import cancel_run, list_run, retrieve_run
from bridge.errors import Happened, SettingsTrouble
from bridge.errors.coze import (
    CozeTrouble,
    Forbidden,
    RunUnknown,
    SignInRefused,
    Unauthorized,
    Unreachable,
    WrongAddress,
)
from bridge.ops.doctor.files import check_files
from bridge.ops.doctor.findings import Finding, bad, good, note, said_by
from bridge.parts.clients import coze_client
from bridge.settings import Settings
from bridge.transport import http_client

SKEW_SECONDS = 60.0


async def check_coze(settings: Settings) -> AsyncIterator[Finding]:
    """Yield what Coze says of the credential and the agent of the environment."""
    try:
        client = coze_client(settings)
    except SettingsTrouble as trouble:
        yield bad("Coze", "; ".join(trouble.faults), "Nothing of Coze was tried.")
        return
    way = "JWT" if settings.coze_jwt_oauth_client_id else "token"
    async with client as coze:
        try:
            account = await account_id(coze)
        except CozeTrouble as trouble:
            yield await _sign_in(settings, trouble)
            if isinstance(trouble, Unauthorized | Unreachable):
                needed = "credential" if isinstance(trouble, Unauthorized) else "address"
                what = f"agent, permissions, files and voice were not tried: they need the {needed}"
                yield note("Coze", what, "")
                yield await _clock(settings)
                return
        else:
            if account:
                yield good("Coze", f"the {way} is accepted (account {account})")
            else:
                yield note("Coze", f"this Coze does not say whose {way} it is", "")
        yield await _clock(settings)
        if settings.coze_bot_id:
            yield await _agent(coze, settings)
            yield await _permissions(coze, settings)
        async for finding in check_files(coze, settings):
            yield finding


async def _sign_in(settings: Settings, trouble: CozeTrouble) -> Finding:
    """Return why the way in is closed; a key of the other cloud is the commonest cause."""
    base = settings.coze_api_base
    cure = trouble.cure
    if isinstance(trouble, SignInRefused) and base in (COM, CN):
        cure += f" The app may live on {CN if base == COM else COM}."
    return bad("Coze", said_by(trouble), cure)


async def _clock(settings: Settings) -> Finding:
    """Compare the clocks: a JWT is refused by a wrong one, and every HTTP answer says what time it is."""
    try:
        async with http_client(
            settings.coze_proxy, limits=httpx.Limits(), timeout=httpx.Timeout(10.0)
        ) as client:
            response = await client.get(settings.coze_api_base)
        there = parsedate_to_datetime(response.headers["date"]).timestamp()
    except (httpx.HTTPError, KeyError, ValueError, TypeError):
        return note(
            "Clock", "Coze did not say what time it is", "Keep this machine's clock by NTP."
        )
    off = time.time() - there
    if abs(off) > SKEW_SECONDS:
        return bad("Clock", f"this machine is off by {off:.0f} s", "Set the clock, best by NTP.")
    return good("Clock", f"agrees with Coze's within {max(1.0, abs(off)):.0f} s")


async def _agent(coze: Coze, settings: Settings) -> Finding:
    try:
        name = await ChatAgent(coze, settings.coze_bot_id).check()
    except WrongAddress as trouble:
        return bad("Agent", trouble.what, "Check COZE_API_BASE.")
    except CozeTrouble as trouble:
        return bad("Agent", said_by(trouble), trouble.cure)
    return good("Agent", f"“{name}” is published to the API")


async def _permissions(coze: Coze, settings: Settings) -> Finding:
    """Try what a turn needs, without asking the agent anything (that would cost).

    A run that does not exist is a good one to ask about: only the permission can be in the way.
    """
    missing = []
    try:
        made = await create_conversation(coze, settings.coze_bot_id)
        calls = {
            "getChat": retrieve_run(coze, made, "1"),
            "listMessage": list_run(coze, made, "1"),
            "cancelChat": cancel_run(coze, made, "1"),
        }
        for name, call in calls.items():
            if not await _permitted(call):
                missing.append(name)
    except CozeTrouble as trouble:
        what = f"no conversation could be opened: {said_by(trouble)}"
        return bad("Permissions", what, trouble.cure)
    if missing:
        cure = "Add them to the token in Coze; a change there takes some seconds to count."
        return bad("Permissions", f"the token lacks {', '.join(missing)}", cure)
    return good(
        "Permissions", "createConversation, getChat, listMessage and cancelChat are granted"
    )


async def _permitted(call: Coroutine[None, None, object]) -> bool:
    """Return whether a call about a run that does not exist fails for that reason only."""
    try:
        await call
    except Forbidden:
        return False
    except CozeTrouble as trouble:
        if trouble.happened is Happened.UNKNOWN and not isinstance(trouble, RunUnknown):
            raise
    return True
