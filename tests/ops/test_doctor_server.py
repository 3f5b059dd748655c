"""What the doctor says about a server of PostgreSQL, by asking a real one."""

from collections.abc import AsyncIterator

import asyncpg
import postgres
import pytest
from pooler import pooler

from bridge.ops.doctor.findings import Finding, Severity
from bridge.ops.doctor.server import examine_server
from bridge.sharing import processes
from bridge.sharing.processes import Process
from bridge.store import migrate
from bridge.store.engine import Store

ROLE = "guest_of_the_doctor"


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """The address of an empty database with the newest schema."""
    async with postgres.server().database() as address:
        yield address


async def found(address: str) -> dict[str, Finding]:
    """All findings by their subjects."""
    store = Store(address)
    try:
        return {one.subject: one async for one in examine_server(store)}
    finally:
        await store.close()


async def test_a_server_that_will_do(address: str) -> None:
    store = Store(address)
    async with store.writing() as tx:
        await processes.write(tx, Process("a", "alpha", 7, "0.1.0"))
    await store.close()
    seen = await found(address)
    assert {one.health for one in seen.values()} == {Severity.GOOD}
    assert seen["Server"].what.startswith("PostgreSQL 1")
    assert "at work: alpha (7)" in seen["Schema"].what


async def test_an_empty_database_is_no_fault_and_stays_empty() -> None:
    address = await postgres.server().new_database(migrated=False)
    for _ in range(2):
        seen = await found(address)
        assert seen["Schema"].health is Severity.WARNING
        assert "empty" in seen["Schema"].what


async def test_a_server_that_only_reads(address: str) -> None:
    seen = await found(f"{address}&default_transaction_read_only=on")
    assert seen["Rights"].health is Severity.BAD
    assert "primary" in seen["Rights"].cure


async def test_a_newer_schema_is_good_if_it_was_made_for_this_program(address: str) -> None:
    session = await asyncpg.connect(address)
    await session.execute("UPDATE alembic_version SET version_num = '9999'")
    await session.execute("DELETE FROM facts")  # a database that was just made names its program
    assert (await found(address))["Schema"].health is Severity.BAD
    made_for = "INSERT INTO facts VALUES ($1, $2)"
    await session.execute(made_for, migrate.MADE_FOR_FACT, migrate.MADE_FOR)
    seen = (await found(address))["Schema"]
    await session.close()
    assert seen.health is Severity.GOOD
    assert "newer release" in seen.what


async def test_a_role_without_rights_reads_what_it_lacks(address: str) -> None:
    owner = await asyncpg.connect(address)
    await owner.execute(f"DROP ROLE IF EXISTS {ROLE}")
    await owner.execute(f"CREATE ROLE {ROLE} LOGIN")
    await owner.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    theirs = address.replace("postgres@", f"{ROLE}@")
    try:
        seen = (await found_until_trouble(theirs))["Rights"]
        assert seen.health is Severity.BAD
        assert "may not create tables" in seen.what
        assert f"GRANT CREATE ON SCHEMA public TO {ROLE}" in seen.cure
        await owner.execute(f"GRANT CREATE ON SCHEMA public TO {ROLE}")
        seen = (await found_until_trouble(theirs))["Rights"]
        assert "belong to a role" in seen.what
    finally:
        await owner.execute(f"DROP OWNED BY {ROLE}")
        await owner.execute(f"DROP ROLE {ROLE}")
        await owner.close()


async def found_until_trouble(address: str) -> dict[str, Finding]:
    """Those that are found before what the role may not even read."""
    store, seen = Store(address), {}
    try:
        async for one in examine_server(store):
            seen[one.subject] = one
            if one.subject == "Rights":
                break
    finally:
        await store.close()
    return seen


async def test_a_pooler_that_keeps_no_sessions(address: str) -> None:
    socket = str(postgres.server().folder / ".s.PGSQL.5432")
    name = address.partition("@/")[2].partition("?")[0]
    async with pooler(socket) as port:
        store, seen = Store(f"postgresql://postgres@127.0.0.1:{port}/{name}"), {}
        async for one in examine_server(store):
            seen[one.subject] = one
            if one.subject == "Sessions":
                break
        await store.close()
    assert seen["Sessions"].health is Severity.BAD
    assert "pooler" in seen["Sessions"].what
