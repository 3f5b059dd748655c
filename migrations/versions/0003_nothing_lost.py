"""what a crash must not lose: how turns end, what was sent, whose run may still be going

What changes: turns get their end before it is shown, and marks for an edited
question, for one to be stopped and for a run that may still be going; `outbox` gets a row before
each call that must not be repeated, `silences` what Telegram asked for.
Which older release still runs on the result: every one; it leaves the new columns empty.
How long a lock is held, on the largest table it touches: columns with a constant default are added
in an instant; the index reads the turns once, about a second for a million.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("turns", sa.Column("final", sa.JSON(none_as_null=True), nullable=True))
    for name in ("edited", "stopping", "lingers"):
        missing = sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        op.add_column("turns", missing)
    op.create_index(
        "ix_turns_lingers",
        "turns",
        ["chat_id", "thread_id"],
        sqlite_where=sa.text("lingers"),
        postgresql_where=sa.text("lingers"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", _Id, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("cause", name=op.f("uq_outbox_cause")),
    )
    op.create_index(op.f("ix_outbox_chat_id"), "outbox", ["chat_id"])
    op.create_table(
        "silences",
        sa.Column("chat_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("chat_id", name=op.f("pk_silences")),
    )


def downgrade() -> None:
    op.drop_table("silences")
    op.drop_index(op.f("ix_outbox_chat_id"), "outbox")
    op.drop_table("outbox")
    op.drop_index("ix_turns_lingers", "turns")
    for name in ("lingers", "stopping", "edited", "final"):
        op.drop_column("turns", name)
