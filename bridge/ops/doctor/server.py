"""What the doctor finds about a server of PostgreSQL: it changes nothing there."""

import time
from collections.abc import AsyncIterator

from sqlalchemy import text

from bridge.errors import StoreTrouble
from bridge.ops.doctor.findings import Finding, bad, good, note
from bridge.sharing import processes
from bridge.sharing.session import refuse_pooler
from bridge.store import migrate
from bridge.store.dialects.postgresql import CLOSE_SECONDS, connect, driver_errors, trouble_of
from bridge.store.engine import Store

MOST_SKEW_SECONDS = 1.0
_LOOK = text(
    "SELECT current_setting('server_version') AS version, current_user AS role,"
    " current_schema() AS schema,"
    " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS creates,"
    " (SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"
    " AND NOT pg_has_role(tableowner, 'USAGE')) AS foreign_tables,"
    " current_setting('transaction_read_only') = 'on' AS read_only,"
    " extract(epoch FROM clock_timestamp())::float8 AS now"
)


async def examine_server(store: Store) -> AsyncIterator[Finding]:
    """Yield what was found about the server. Raises StoreTrouble when it cannot be used at all."""
    begun = time.time()
    async with store.reading() as tx:
        row = (await tx.execute(_LOOK)).one()
    skew = row.now - (begun + time.time()) / 2
    yield good("Server", f"PostgreSQL {row.version}, as {row.role}")
    if row.read_only:
        cure = (
            "Name the primary in DATABASE_URL; several hosts want target_session_attrs=read-write."
        )
        yield bad("Rights", "the server is read-only, as a standby is", cure)
    elif not row.creates:
        what = f"{row.role} may not create tables in the schema {row.schema or '(none)'}"
        cure = f"As its owner: GRANT CREATE ON SCHEMA {row.schema or 'public'} TO {row.role};"
        yield bad("Rights", what, cure)
    elif row.foreign_tables:
        what = f"{row.foreign_tables} tables belong to a role that {row.role} is not in"
        yield bad("Rights", what, "Name the role that owns them in DATABASE_URL.")
    yield await _sessions(store.address)
    if abs(skew) > MOST_SKEW_SECONDS:
        what = (
            f"its clock is {abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} this machine's"
        )
        yield note("Clocks", what, "Set both by NTP: what people see is in this machine's time.")
    yield await _schema(store)


async def _sessions(address: str) -> Finding:
    session = await connect(address)
    try:
        await refuse_pooler(session, address)
    except StoreTrouble as trouble:
        return bad("Sessions", trouble.what, trouble.cure)
    except driver_errors() as error:
        lost = trouble_of("Looking at sessions", error)
        return bad("Sessions", lost.what, lost.cure)
    finally:
        await session.close(timeout=CLOSE_SECONDS)
    return good("Sessions", "no transaction pooler stands in between; locks are kept")


async def _schema(store: Store) -> Finding:
    found = await migrate.schema(store)
    if found.newer:
        what = f"{found.current}, of a newer release"
        if found.made_for_this:
            return good("Schema", f"{what}, with which this one ({found.newest}) may work")
        return bad("Schema", f"{what}; this one knows {found.newest}", "Install the newer release.")
    if found.current is None:
        return note("Schema", "the database is empty", "bridge run makes the tables.")
    if not found.ready:
        what = f"it is {found.current}, and this program's is {found.newest}"
        return note("Schema", what, "bridge run, or bridge db upgrade, brings it up to date.")
    async with store.reading() as tx:
        there = [one for one in await processes.all_of(tx) if not one.lost]
    who = ", ".join(f"{one.host} ({one.pid})" for one in there)
    return good(
        "Schema", f"{found.current}; {f'at work: {who}' if who else 'no bridge is running on it'}"
    )
