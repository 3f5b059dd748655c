"""what chats choose, and how an answer is called at Coze

What changes: chats get columns for what they have chosen, turns one for the answer's id and an
index by chat.
Which older release still runs on the result: every one; the columns are empty for it.
How long a lock is held, on the largest table it touches: columns without a default are added in
an instant; the index takes about a second for a million turns.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chats", sa.Column("reasoning", sa.Text(), nullable=True))
    op.add_column("chats", sa.Column("suggestions", sa.Boolean(), nullable=True))
    op.add_column("chats", sa.Column("streaming", sa.Text(), nullable=True))
    op.add_column("chats", sa.Column("language", sa.Text(), nullable=True))
    op.add_column("turns", sa.Column("answer_id", sa.Text(), nullable=True))
    op.create_index(op.f("ix_turns_chat_id_thread_id_id"), "turns", ["chat_id", "thread_id", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_turns_chat_id_thread_id_id"), "turns")
    op.drop_column("turns", "answer_id")
    for name in ("language", "streaming", "suggestions", "reasoning"):
        op.drop_column("chats", name)
