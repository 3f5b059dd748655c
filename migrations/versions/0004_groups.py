"""groups: several people wait in one chat, members with a memory of their own, closed places

What changes: each person's question waits by itself, where one waited for all; turns keep what was
said before them and whose conversation they belong to; chats get what groups choose; `members` has
the memory of each member, `shut` the places into which nothing can be written, `access` who may use
the bridge, `operators` who may say so.
Which older release still runs on the result: none that answers groups: with two questions waiting
in a chat it would find more than it expects.
How long a lock is held, on the largest table it touches: the indexes read the turns, about a second
for a million; the rest is an instant.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('waiting', 'running')")
_HERE = ["chat_id", "thread_id"]
_CHOICES = {"answers": sa.Text, "wake_word": sa.Text, "memory": sa.Text, "context": sa.Integer}


def upgrade() -> None:
    for name, kind in _CHOICES.items():
        op.add_column("chats", sa.Column(name, kind(), nullable=True))
    op.add_column("turns", sa.Column("heard", sa.JSON(none_as_null=True), nullable=True))
    shared = sa.Column("member_id", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    op.add_column("turns", shared)
    op.drop_index("uq_turns_open", "turns")
    _index("ix_turns_open", _HERE, _OPEN)
    _index("uq_turns_running", _HERE, sa.text("state = 'running'"), unique=True)
    _index("uq_turns_waiting", [*_HERE, "sender_id"], sa.text("state = 'waiting'"), unique=True)
    op.create_table(
        "members",
        *(_key(name) for name in (*_HERE, "member_id")),
        sa.Column("user_id", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=True)
            for name in ("conversation_id", "agent_id", "api_base", "account")
        ),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint(*_HERE, "member_id", name=op.f("pk_members")),
    )
    op.create_table(
        "shut",
        *(_key(name) for name in _HERE),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint(*_HERE, name=op.f("pk_shut")),
    )
    _access()


def _access() -> None:
    op.create_table(
        "access",
        _key("chat_id"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("chat_id", name=op.f("pk_access")),
    )
    op.create_table(
        "operators",
        _key("person_id"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_operators")),
    )


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _index(name: str, columns: list[str], where: sa.TextClause, *, unique: bool = False) -> None:
    op.create_index(
        name, "turns", columns, unique=unique, sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    for table in ("operators", "access", "shut", "members"):
        op.drop_table(table)
    for name in ("uq_turns_waiting", "uq_turns_running", "ix_turns_open"):
        op.drop_index(name, "turns")
    # Where several people wait, only the first one's question can go on waiting.
    op.execute(
        "UPDATE turns SET state = 'stopped' WHERE state = 'waiting' AND id NOT IN "
        "(SELECT min(id) FROM turns WHERE state = 'waiting' GROUP BY chat_id, thread_id)"
    )
    _index("uq_turns_open", [*_HERE, "state"], _OPEN, unique=True)
    for name in ("member_id", "heard"):
        op.drop_column("turns", name)
    for name in _CHOICES:
        op.drop_column("chats", name)
