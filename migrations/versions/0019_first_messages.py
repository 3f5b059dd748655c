"""access: what somebody wrote who waits to be let in

What changes: the columns `access.words` and `access.question`, empty for all that is there.
Which older release still runs on the result: the one before; it leaves them empty.
How long a lock is held, on the largest table it touches: a moment, on `access`; no row is rewritten.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("access", sa.Column("words", sa.Text(), nullable=True))
    op.add_column("access", sa.Column("question", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("access") as batch:
        batch.drop_column("question")
        batch.drop_column("words")
