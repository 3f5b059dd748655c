"""one gate: notices wait in the outbox, costs may be estimated, channels may be answered

What changes: `outbox` gets what is to be sent while it waits (`content`, with `thread_id`,
`near_id`, `asker_id`, `priority`, `due`), `turns.estimated` says that a cost is not Coze's own
number, `access.channels` that a group's posts under channels' names are answered,
`operators.removed` that somebody is one no more.
Which older release still runs on the result: the one before, which leaves notices unsent that
still waited.
How long a lock is held, on the largest table it touches: `turns` gets a column, at once.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ZERO = sa.text("0")


def upgrade() -> None:
    for name in ("thread_id", "near_id", "asker_id"):
        column = sa.Column(name, sa.BigInteger(), nullable=False, server_default=_ZERO)
        op.add_column("outbox", column)
    op.add_column(
        "outbox", sa.Column("priority", sa.Integer(), nullable=False, server_default=_ZERO)
    )
    op.add_column("outbox", sa.Column("content", sa.JSON(none_as_null=True), nullable=True))
    for table, name in (
        ("outbox", "due"),
        ("turns", "estimated"),
        ("access", "channels"),
        ("operators", "removed"),
    ):
        column = sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        op.add_column(table, column)


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM outbox WHERE due"))
    op.execute(sa.text("DELETE FROM operators WHERE removed"))
    columns = ("thread_id", "near_id", "asker_id", "priority", "content", "due")
    for table, names in (
        ("outbox", columns),
        ("turns", ("estimated",)),
        ("access", ("channels",)),
        ("operators", ("removed",)),
    ):
        with op.batch_alter_table(table) as batch:
            for name in names:
                batch.drop_column(name)
