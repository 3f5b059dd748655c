"""agents of turns: which agent a question was put to

What changes: `turns.agent`, the key of the agent that was asked, and `chats.start_payload`, what the
link carried by which a person came.
Which older release still runs on the result: the one before; turns that it asks name no agent, and
belong to the default one.
How long a lock is held, on the largest table it touches: a column is added to `turns` and one to
`chats` without rewriting them.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("agent", sa.Text(), nullable=True))
    op.add_column("chats", sa.Column("start_payload", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("chats") as table:
        table.drop_column("start_payload")
    with op.batch_alter_table("turns") as table:
        table.drop_column("agent")
