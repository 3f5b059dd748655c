"""learned limits: what was found out about Telegram's limits outlives the process

What changes: a table `learned_limits`, a row for each kind of call.
Which older release still runs on the result: the one before.
How long a lock is held, on the largest table it touches: none is touched.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "learned_limits",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rate", sa.Float(), nullable=False),
        sa.Column("burst", sa.Float(), nullable=False),
        sa.Column("near", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_learned_limits")),
    )


def downgrade() -> None:
    op.drop_table("learned_limits")
