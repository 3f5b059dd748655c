"""many processes: what several of them need to work with one database

What changes: `inbox.chat_id`, `turns.taken` and `turns.taken_at`; tables `leases`, `processes`,
`operator_codes` and `send_budgets`.
Which older release still runs on the result: the one before; updates that it stores are of no chat,
and are settled by whoever holds the first shard.
How long a lock is held, on the largest table it touches: three columns are added to `inbox` and
`turns` without rewriting them.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "inbox",
        sa.Column("chat_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "turns", sa.Column("taken", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("turns", sa.Column("taken_at", sa.Float(), nullable=True))
    op.create_table(
        "leases",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_leases")),
    )
    op.create_table(
        "processes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("began_at", sa.Float(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processes")),
    )
    op.create_table(
        "operator_codes",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_operator_codes")),
    )
    op.create_table(
        "send_budgets",
        sa.Column("bot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("free_at", sa.Float(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("rate", sa.Float(), nullable=False),
        sa.Column("burst", sa.Float(), nullable=False),
        sa.Column("near", sa.Float(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bot_id", "kind", name=op.f("pk_send_budgets")),
    )


def downgrade() -> None:
    op.drop_table("send_budgets")
    op.drop_table("operator_codes")
    op.drop_table("processes")
    op.drop_table("leases")
    with op.batch_alter_table("turns") as table:
        table.drop_column("taken_at")
        table.drop_column("taken")
    with op.batch_alter_table("inbox") as table:
        table.drop_column("chat_id")
