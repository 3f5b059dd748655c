"""operators: people, quotas, what turns cost, what operators did, broadcasts, alarms

What changes: turns say how many messages and tokens they were, when their first text was shown and
what went wrong; chats get a title; the tables `people`, `quotas`, `tallies`, `audit`, `broadcasts`,
`deliveries` and `alarms` are new.
Which older release still runs on the result: the one before; its turns count as one message each.
How long a lock is held, on the largest table it touches: two indexes read the turns, about two
seconds for a million.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COUNTS = {"messages": "1", "tokens_in": "0", "tokens_out": "0"}
_INDEXES = {
    "turns": (["sender_id", "created_at"], ["created_at"]),
    "people": (["username"], ["last_seen"]),
    "audit": (["at"],),
    "broadcasts": (["state"],),
    "deliveries": (["broadcast_id", "state"],),
}


def upgrade() -> None:
    op.add_column("chats", sa.Column("title", sa.Text(), nullable=True))
    for name, default in _COUNTS.items():
        count = sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text(default))
        op.add_column("turns", count)
    op.add_column("turns", sa.Column("trouble", sa.Text(), nullable=True))
    op.add_column("turns", sa.Column("shown_at", sa.Float(), nullable=True))
    _people()
    _acts()
    for table, indexes in _INDEXES.items():
        for columns in indexes:
            op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)


def _people() -> None:
    op.create_table(
        "people",
        _key("person_id"),
        *(_text(name) for name in ("name", "username", "language")),
        *(sa.Column(name, sa.Float(), nullable=False) for name in ("first_seen", "last_seen")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_people")),
    )
    names = ("scope", "subject", "unit", "period")
    op.create_table(
        "quotas",
        *(_text(name) for name in names),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(*names, name=op.f("pk_quotas")),
    )
    op.create_table(
        "tallies",
        _key("person_id"),
        _text("day"),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("messages", "tokens")),
        sa.PrimaryKeyConstraint("person_id", "day", name=op.f("pk_tallies")),
    )


def _acts() -> None:
    op.create_table(
        "audit",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("operator_id", sa.BigInteger(), nullable=False),
        *(_text(name) for name in ("act", "subject", "detail")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "broadcasts",
        sa.Column("id", _ID, nullable=False),
        sa.Column("operator_id", sa.BigInteger(), nullable=False),
        *(_text(name) for name in ("text", "state")),
        sa.Column("post_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broadcasts")),
    )
    op.create_table(
        "deliveries",
        *(_key(name) for name in ("broadcast_id", "chat_id")),
        _text("state"),
        sa.PrimaryKeyConstraint("broadcast_id", "chat_id", name=op.f("pk_deliveries")),
    )
    op.create_table(
        "alarms",
        *(_text(name) for name in ("kind", "what")),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_alarms")),
    )


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def downgrade() -> None:
    for table in (
        "alarms",
        "deliveries",
        "broadcasts",
        "audit",
        "tallies",
        "quotas",
        "people",
    ):
        op.drop_table(table)
    for columns in _INDEXES["turns"]:
        op.drop_index(op.f(f"ix_turns_{'_'.join(columns)}"), "turns")
    for name in ("shown_at", "trouble", *_COUNTS):
        op.drop_column("turns", name)
    op.drop_column("chats", "title")
