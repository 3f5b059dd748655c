"""conversations: what a chat can go back to

What changes: a table `conversations`, with the current one of each chat and member.
Which older release still runs on the result: the one before; conversations that it makes are not in the
list until they are asked something by this one.
How long a lock is held, on the largest table it touches: none; `chats` and `members` are read.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversations",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
        ),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("api_base", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("titled_by", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
        sa.UniqueConstraint(
            "chat_id",
            "thread_id",
            "member_id",
            "conversation_id",
            name=op.f("uq_conversations_chat_id_thread_id_member_id_conversation_id"),
        ),
    )
    filled = ("conversation_id", "agent_id", "api_base")
    columns = ("chat_id", "thread_id", *filled, "created_at")
    for name, member in (("chats", sa.literal(0)), ("members", sa.column("member_id"))):
        kept = sa.table(name, *map(sa.column, (*columns, "account")))
        rows = sa.select(
            *(kept.c[one] for one in columns),
            sa.func.coalesce(kept.c.account, ""),
            sa.literal(""),
            member,
        ).where(*(kept.c[one].is_not(None) for one in filled))
        made = sa.table(
            "conversations", *map(sa.column, (*columns, "account", "title", "member_id"))
        )
        op.execute(made.insert().from_select([*columns, "account", "title", "member_id"], rows))


def downgrade() -> None:
    op.drop_table("conversations")
