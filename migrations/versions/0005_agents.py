"""several agents, of which a chat picks one; groups that moved are known for good

What changes: `agents` lists the agents to choose from, and chats get a column for their choice;
`moves` says which supergroup a group has become.
Which older release still runs on the result: the one before; it answers with its one agent.
How long a lock is held, on the largest table it touches: an instant, a column without a default.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chats", sa.Column("agent", sa.Text(), nullable=True))
    op.create_table(
        "agents",
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_agents")),
    )
    op.create_table(
        "moves",
        sa.Column("old_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("new_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("old_id", name=op.f("pk_moves")),
    )


def downgrade() -> None:
    op.drop_table("moves")
    op.drop_table("agents")
    op.drop_column("chats", "agent")
