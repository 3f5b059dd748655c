"""chat tallies: what was used in chats whose turns were deleted

What changes: the table `chat_tallies` is new.
Which older release still runs on the result: the one before; quotas of chats begin anew there when
turns are deleted, as they always did.
How long a lock is held, on the largest table it touches: none is touched.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chat_tallies",
        sa.Column("chat_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("chat_id", "day", name=op.f("pk_chat_tallies")),
    )


def downgrade() -> None:
    op.drop_table("chat_tallies")
