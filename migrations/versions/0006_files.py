"""files: what lies at Coze and at Telegram already, and whether answers are spoken

What changes: `uploads` remembers the files that were passed to Coze, `pictures` those of answers
that were sent to Telegram; chats get a column for what they have chosen about speech.
Which older release still runs on the result: the one before; it does not read the new columns.
How long a lock is held, on the largest table it touches: an instant, a column without a default.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chats", sa.Column("speech", sa.Text(), nullable=True))
    op.create_table(
        "uploads",
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("place", "key", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_since"), "uploads", ["since"])
    op.create_table(
        "pictures",
        sa.Column("bot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("bot_id", "key", name=op.f("pk_pictures")),
    )
    op.create_index(op.f("ix_pictures_since"), "pictures", ["since"])


def downgrade() -> None:
    op.drop_table("pictures")
    op.drop_table("uploads")
    op.drop_column("chats", "speech")
