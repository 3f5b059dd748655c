"""What a bug report needs, without a secret and without a word of what people said."""

import os
import platform
import re
import sqlite3
import time
from collections.abc import Mapping, Sequence
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from bridge import __version__
from bridge.errors import StoreTrouble
from bridge.ops.doctor.findings import Finding
from bridge.redaction import redacted
from bridge.settings import Settings
from bridge.store import migrate
from bridge.store.engine import Store
from bridge.store.operators import stats

LIBRARIES = (
    "python-telegram-bot", "httpx", "aiohttp", "SQLAlchemy", "aiosqlite", "asyncpg", "pydantic", "uvloop",
)  # fmt: skip
"""Those whose version has mattered."""
MOST_FAILURES = 10
_PLACES = ("telegram_api_base_url", "coze_api_base", "bridge_public_url")
"""Settings of which only the scheme and the host are shown."""


def versions() -> str:
    """Return what runs here, in two lines."""
    found = [f"{name} {known}" for name in LIBRARIES if (known := _version(name))]
    python = f"Python {platform.python_version()} ({platform.python_implementation()})"
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    first = (
        f"coze-telegram-bridge {__version__}, {python}, {system}, SQLite {sqlite3.sqlite_version}"
    )
    return f"{first}\n{', '.join(found)}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


async def bug_report(settings: Settings, findings: Sequence[Finding]) -> str:
    """Return the whole report."""
    lines = [
        "# Report of bridge doctor",
        "",
        time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "",
    ]
    lines += [versions(), f"In a container: {_container()}"]
    lines += ["", "## Settings", ""]
    lines += [f"- {name}: {value}" for name, value in _shown(settings).items()]
    lines += ["", "## Doctor", ""]
    for one in findings:
        said = f"{one.subject}: {one.what}" + (f" | {one.cure}" if one.cure else "")
        lines.append(f"- {one.health.value}: {_blurred(said)}")
    lines += ["", "## Database and last failures", "", *await _failures(settings)]
    return "\n".join(lines) + "\n"


def _container() -> str:
    return "yes" if Path("/.dockerenv").exists() or "container" in os.environ else "no"


def _shown(settings: Settings) -> Mapping[str, str]:
    """Return what was set: choices and numbers as they are, of places the host, of all else only that."""
    found = {}
    for name in sorted(settings.model_fields_set):
        value = getattr(settings, name)
        if name == "database_url":
            shown = str(value).partition(":")[0]
        elif name in _PLACES:
            shown = _place(str(value))
        elif isinstance(value, Enum):
            shown = str(value.value)
        elif isinstance(value, bool | int | float):
            shown = str(value)
        else:
            shown = "set"
        found[name.upper()] = shown
    for one in settings.agents:
        found[f"agent {one.name}"] = str(one.kind)
    return found


def _place(address: str) -> str:
    """Return where an address leads, and nothing else of it."""
    try:
        place = urlsplit(address)
        return f"{place.scheme}://{place.hostname or '…'}"
    except ValueError:
        return "set"


def _blurred(text: str) -> str:
    """Return a finding without folders of this machine, names in @ form and long numbers."""
    text = re.sub(r"(?<![:/\w])(?:/[^\s/:]+)+/", "…/", redacted(text))
    text = re.sub(r"@\w{4,}", "@…", text)
    return re.sub(r"\b\d{6,}\b", "…", text)


async def _failures(settings: Settings) -> list[str]:
    try:
        store = Store(settings.database_url)
    except StoreTrouble as trouble:
        return [redacted(str(trouble))]
    try:
        known = await migrate.schema(store)
        async with store.reading() as tx:
            found = await stats.failures(tx, MOST_FAILURES)
    except StoreTrouble as trouble:
        return [redacted(str(trouble))]
    finally:
        await store.close()
    lines = [f"schema {known.current}, this version's is {known.newest}"]
    for one in found:
        at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(one.at))
        lines.append(f"- {at}, turn {one.turn_id}: {_blurred(one.trouble)}")
    return lines if found else [*lines, "nothing failed"]
