"""suggestions: how the answer was rated under which they stand

What changes: the column `suggestions.liked`, empty for all that is there.
Which older release still runs on the result: the one before; it leaves it empty.
How long a lock is held, on the largest table it touches: a moment, on `suggestions`; no row is rewritten.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("suggestions", sa.Column("liked", sa.Boolean(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("suggestions") as batch:
        batch.drop_column("liked")
