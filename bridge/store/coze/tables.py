"""The tables of what is remembered of Coze, beside `uploads`."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from bridge.store.tables import RowId, metadata

conversations = Table(
    "conversations",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("chat_id", BigInteger, nullable=False),
    Column("thread_id", BigInteger, nullable=False),
    Column("member_id", BigInteger, nullable=False, server_default=text("0")),
    Column("conversation_id", Text, nullable=False),
    Column("agent", Text),
    Column("agent_id", Text, nullable=False),
    Column("api_base", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("titled_by", BigInteger, nullable=False, server_default=text("0")),
    Column("created_at", Float, nullable=False),
    UniqueConstraint("chat_id", "thread_id", "member_id", "conversation_id"),
)
"""The conversations of chats, or of a group's members, also those that `/new` has left. The current one
is named in the row of its chat or member; `agent` is the key under which its agent was chosen, `titled_by`
the id of the person whose words the title is made of."""
