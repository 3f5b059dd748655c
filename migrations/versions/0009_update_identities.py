"""update identities: what an update is about, since their numbers begin anew

What changes: `inbox.identity` is new; nothing is in it for updates of before.
Which older release still runs on the result: the one before, which does not look at it.
How long a lock is held, on the largest table it touches: `inbox` gets a column, at once.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbox", sa.Column("identity", sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("inbox") as batch:
        batch.drop_column("identity")
