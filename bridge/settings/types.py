"""The types of settings: how their words are read, and which values make sense. Pure."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from math import inf
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
)


def listed(text: object) -> object:
    """Return the words of a list such as `10, 2.5, 1.2, 1`."""
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else text


def choice(words: Iterable[str]) -> str:
    """Return names as `a, b or c`."""
    *others, last = sorted(words)
    return f"{', '.join(others)} or {last}" if others else last


Positive = Annotated[float, Field(gt=0)]


_PACE = ("burst", "every", "gap", "kept", "quick", "minute")
"""The fields of `telegram.pace.chat_limits.Limits`; older releases took all of them, by their order."""


def _pace(text: object) -> object:
    """Read `burst=10,every=2.5`, or six numbers. Raises ValueError."""
    if not isinstance(text, str):
        return text
    words = [part.strip() for part in text.split(",") if part.strip()]
    if not any("=" in word for word in words):
        if words and len(words) != len(_PACE):
            raise ValueError(_PACE_HELP)
        words = [f"{name}={word}" for name, word in zip(_PACE, words, strict=False)]
    found: dict[str, float] = {}
    for word in words:
        name, _, value = (part.strip() for part in word.partition("="))
        if name not in _PACE or not re.fullmatch(r"\d+(\.\d+)?", value):
            raise ValueError(_PACE_HELP)
        found[name] = float(value)
    return found


def _sensible(pace: dict[str, float]) -> dict[str, float]:
    """Refuse what leaves no call. Raises ValueError."""
    for name, least in {"burst": 1, "quick": 1, "every": 0.01, "gap": 0.01}.items():
        if pace.get(name, least) < least:
            raise ValueError(f"needs {name} of at least {least}")
    if pace.get("kept", 0) >= pace.get("burst", inf):
        raise ValueError("keeps back as many calls as there are; give it more, or keep fewer")
    return pace


_PACE_HELP = "needs numbers by name, such as burst=10,every=2.5,gap=1.2,kept=1,quick=3,minute=0"
Pace = Annotated[dict[str, float], BeforeValidator(_pace), AfterValidator(_sensible)]
"""Limits that are fixed, by name; empty when they are learned."""


def _bot_token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"\d+:[\w-]+", token.get_secret_value()):
        raise ValueError("is not a bot token; BotFather's are digits, a colon and letters")
    return token


def _server(address: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", address):
        raise ValueError("is not a web address; use https://api.telegram.org or your server's")
    if re.search(r"/bot\d*:?[\w-]*/*$", address):
        raise ValueError("must not end in /bot…; the token is appended by itself")
    return address.rstrip("/")


def _coze_token(token: SecretStr) -> SecretStr:
    """Refuse what was copied with something around it. Raises ValueError."""
    if not re.fullmatch(r"[!-~]+", token.get_secret_value()):
        raise ValueError("is not a token; copy it alone, without 'Bearer' or spaces")
    if token.get_secret_value()[0] in "'\"`":
        raise ValueError("is in quotes, which docker's --env-file keeps; write it without them")
    return token


def _dashboard_token(token: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[\w.~-]{16,}", token.get_secret_value(), re.A):
        raise ValueError("must be 16 or more letters, digits, '-', '_', '.' or '~'")
    return token


def _agent_id(agent_id: str) -> str:
    if agent_id and not re.fullmatch(r"\d+", agent_id):
        raise ValueError("is not an agent's id; it is the number behind /bot/ in its address")
    return agent_id


def _public(address: str) -> str:
    """Refuse what agents in the world could not fetch from. Raises ValueError."""
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", address):
        raise ValueError("is not a web address; use one such as https://files.example.org")
    return address.rstrip("/")


def _listen(address: str) -> str:
    """Refuse what nothing can listen on. Raises ValueError."""
    try:
        return str(ip_address(address))
    except ValueError:
        raise ValueError("is not an address of this machine; use 127.0.0.1 or 0.0.0.0") from None


def _names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse what no browser asks for. Raises ValueError."""
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name):
            raise ValueError("needs plain host names, such as bot.example.org, without a port")
    return names


def _upper(text: object) -> object:
    return text.upper() if isinstance(text, str) else text


def _lower(text: object) -> object:
    return text.lower() if isinstance(text, str) else text


Upper, Lower = BeforeValidator(_upper), BeforeValidator(_lower)
ListenAddress = Annotated[str, AfterValidator(_listen)]
HostNames = Annotated[tuple[str, ...], BeforeValidator(listed), AfterValidator(_names)]
AgentId = Annotated[str, AfterValidator(_agent_id)]
PublicAddress = Annotated[str, AfterValidator(_public)]
BotToken = Annotated[SecretStr, AfterValidator(_bot_token)]
ServerAddress = Annotated[str, AfterValidator(_server)]
CozeToken = Annotated[SecretStr, AfterValidator(_coze_token)]
DashboardToken = Annotated[SecretStr, AfterValidator(_dashboard_token)]


Operators = Annotated[
    tuple[Annotated[int, Field(gt=0)], ...],
    BeforeValidator(listed),
]
"""Telegram ids of people."""
