"""`bridge doctor`: try every setting live, one line each, with the cure."""

import asyncio
import os
from collections.abc import AsyncIterator, Collection
from pathlib import Path

from rich.console import Console

from bridge.errors import StoreTrouble, Trouble
from bridge.ops.doctor.agents import check_agents
from bridge.ops.doctor.bug_report import bug_report
from bridge.ops.doctor.coze import check_coze
from bridge.ops.doctor.findings import Finding, Severity, bad, good, note
from bridge.ops.doctor.server import examine_server
from bridge.ops.doctor.telegram import check_telegram
from bridge.redaction import redacted
from bridge.settings import Settings
from bridge.store import inbox, migrate
from bridge.store.dialects.database import is_postgresql
from bridge.store.engine import Store
from bridge.store.operators import access


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Yield all findings, each as soon as it is known."""
    async for finding in check_telegram(settings):
        yield finding
    if settings.opens_coze:
        async for finding in check_coze(settings):
            yield finding
    if settings.agents:
        async for finding in check_agents(settings):
            yield finding
    async for finding in _database(settings):
        yield finding
    if not settings.bridge_operators and not await _operators(settings):
        yield note(
            "Access",
            "there is no operator yet; until there is, everybody has to wait",
            "Send the bot the code that bridge run prints, or set BRIDGE_OPERATORS.",
        )


async def _operators(settings: Settings) -> Collection[int]:
    """Return who became an operator by the code; nobody where the database cannot say."""
    try:
        store = Store(settings.database_url)
    except StoreTrouble:
        return ()
    try:
        async with store.reading() as tx:
            known = await access.known_operators(tx)
        return [person for person, is_one in known.items() if is_one]
    except StoreTrouble:
        return ()
    finally:
        await store.close()


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    try:
        store = Store(settings.database_url)
    except StoreTrouble as trouble:
        yield bad("Database", trouble.what, trouble.cure)
        return
    try:
        if is_postgresql(store.address):
            async for finding in examine_server(store):
                yield finding
        else:
            yield await _file(store)
    except StoreTrouble as trouble:
        yield bad("Database", trouble.what, trouble.cure)
    finally:
        await store.close()


async def _file(store: Store) -> Finding:
    await migrate.upgrade(store)
    async with store.reading() as tx:
        aside = await inbox.count(tx, "aside")
    if aside:
        return note(
            "Database",
            f"writable and migrated; {aside} updates were set aside",
            "They could not be read; look for “update set aside” in the log.",
        )
    return good("Database", "writable and migrated")


_COLOURS = {Severity.GOOD: "green", Severity.WARNING: "yellow", Severity.BAD: "red"}


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner can read. Raises OSError."""
    opened = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(text)


async def report(settings: Settings, write_to: Path | None = None) -> bool:
    """Print all findings as they come; whether the bridge can work.

    A bug report is written to a file, if one is named. Raises Trouble when it cannot be written.
    """
    console = Console(highlight=False, soft_wrap=True)
    well, found = True, []
    async for finding in examine(settings):
        found.append(finding)
        console.print(f"{finding.health.value:>4}", style=_COLOURS[finding.health], end="")
        console.print(f"  {finding.subject}: {redacted(finding.what)}", markup=False)
        if finding.cure:
            console.print(f"      {finding.cure}", markup=False)
        well = well and finding.health is not Severity.BAD
    console.print(
        "All is well." if well else "Fix what is marked bad, then run bridge doctor again."
    )
    if write_to is not None:
        text = await bug_report(settings, found)
        try:
            await asyncio.to_thread(_write, write_to, text)
        except OSError as error:
            what, cure = f"{write_to}: {error.strerror}", "Name another file."
            raise Trouble("Writing the report", what, cure=cure) from error
        console.print(f"Written to {write_to}. Read it before you send it on.", markup=False)
    return well
