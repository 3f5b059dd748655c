"""Alembic's entry: runs inside the connection and transaction that `bridge.store.migrate` holds."""

from alembic import context
from sqlalchemy import Connection

from bridge.store.schema import metadata

connection: Connection | None = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Run migrations with `bridge db upgrade`.")

context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
