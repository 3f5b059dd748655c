"""plain names: tables and columns whose names misled are called what they hold

What changes: five tables and two columns of `turns` get other names, and so do the keys of the
ends that wait in `turns.final`; what is in them stays.
Which older release still runs on the result: none.
How long a lock is held, on the largest table it touches: at once; an index of `turns` that holds
only runs that may go on is made anew.

Revision ID: 0011
Revises: 0010
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLES = {
    "shut": "unwritable_chats",
    "pictures": "sent_files",
    "choices": "suggestions",
    "silences": "flood_waits",
    "moves": "chat_migrations",
}
_INDEXES = {"pictures": (["since"],), "choices": (["chat_id", "thread_id"],)}
_COLUMNS = {"mark": "correlation_id", "lingers": "run_may_continue"}
_KEYS = {"picture": "reply_state", "lingers": "run_may_continue"}


def upgrade() -> None:
    _rename(_TABLES, _COLUMNS, _KEYS)


def downgrade() -> None:
    _rename(_back(_TABLES), _back(_COLUMNS), _back(_KEYS))


def _back(names: dict[str, str]) -> dict[str, str]:
    return {new: old for old, new in names.items()}


def _rename(tables: dict[str, str], columns: dict[str, str], keys: dict[str, str]) -> None:
    before = _back(_TABLES)
    for old, new in tables.items():
        indexes = _INDEXES.get(before.get(old, old), ())
        for names in indexes:
            op.drop_index("_".join(["ix", old, *names]), table_name=old)
        op.rename_table(old, new)
        for names in indexes:
            op.create_index("_".join(["ix", new, *names]), new, names)
    (old_flag,) = {"lingers", "run_may_continue"} & columns.keys()
    new_flag = columns[old_flag]
    op.drop_index(f"ix_turns_{old_flag}", table_name="turns")
    for old, new in columns.items():  # a batch would copy the whole table
        op.execute(sa.text(f"ALTER TABLE turns RENAME COLUMN {old} TO {new}"))
    op.create_index(
        f"ix_turns_{new_flag}",
        "turns",
        ["chat_id", "thread_id"],
        sqlite_where=sa.text(new_flag),
        postgresql_where=sa.text(new_flag),
    )
    turns = sa.table("turns", sa.column("id", sa.BigInteger), sa.column("final", sa.JSON))
    connection = op.get_bind()
    for row in connection.execute(sa.select(turns).where(turns.c.final.is_not(None))).all():
        final = row.final if isinstance(row.final, dict) else json.loads(row.final or "null")
        if isinstance(final, dict):
            new = {keys.get(name, name): value for name, value in final.items()}
            connection.execute(sa.update(turns).where(turns.c.id == row.id).values(final=new))
