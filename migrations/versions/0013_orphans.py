"""orphans: posts that may stand though another took their place are looked for by any process

What changes: a table `orphans`, a row for each post of which a copy may stand.
Which older release still runs on the result: the one before, which leaves such copies standing.
How long a lock is held, on the largest table it touches: none is touched.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "orphans",
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("after_id", sa.BigInteger(), nullable=False),
        sa.Column("before_id", sa.BigInteger(), nullable=True),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("heard_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("cause", name=op.f("pk_orphans")),
    )


def downgrade() -> None:
    op.drop_table("orphans")
