"""topics of private chats: which ones have no name yet, and what was answered in another one

What changes: `chats.nameless_topic`, whether nobody has given the topic its name, and `turns.moved_from`,
the topic in which a turn was asked that takes no messages any more.
Which older release still runs on the result: the one before.
How long a lock is held, on the largest table it touches: a column is added to `turns` and one to
`chats` without rewriting them.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    nameless = sa.Column("nameless_topic", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("chats", nameless)
    op.add_column("turns", sa.Column("moved_from", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("turns") as table:
        table.drop_column("moved_from")
    with op.batch_alter_table("chats") as table:
        table.drop_column("nameless_topic")
