"""The tables. Times are Unix seconds; Coze's ids are text, because they are above 2^53."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
RowId = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only

inbox = Table(
    "inbox",
    metadata,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("update_id", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("payload", Text),
    Column("error", Text),
    Column("received_at", Float, nullable=False),
    Column("identity", Text),
    Column("chat_id", BigInteger, nullable=False, server_default=text("0")),
    Index(None, "state"),
)
"""Raw updates: `new` until they are settled; then `done`, `skipped` (both without payload), or
`aside`, which an operator should look at. `identity` is a digest of what each is about, since their
numbers begin anew; `chat_id` is the chat in whose order it is settled, 0 for none."""

chats = Table(
    "chats",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("thread_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", Text, nullable=False),
    Column("conversation_id", Text),
    Column("agent_id", Text),
    Column("api_base", Text),
    Column("account", Text),
    Column("created_at", Float, nullable=False),
    Column("reasoning", Text),
    Column("suggestions", Boolean),
    Column("streaming", Text),
    Column("language", Text),
    Column("answers", Text),
    Column("wake_word", Text),
    Column("memory", Text),
    Column("context", Integer),
    Column("agent", Text),
    Column("speech", Text),
    Column("title", Text),
    Column("start_payload", Text),
    Column("nameless_topic", Boolean, nullable=False, server_default=false()),
)
"""Where people meet the bot, where their memory lives at Coze, and what they have chosen; what the row
without a topic has chosen is the default of the topics. `nameless_topic`: nobody has named it yet."""

members = Table(
    "members",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("thread_id", BigInteger, primary_key=True, autoincrement=False),
    Column("member_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", Text, nullable=False),
    Column("conversation_id", Text),
    Column("agent_id", Text),
    Column("api_base", Text),
    Column("account", Text),
    Column("created_at", Float, nullable=False),
)
"""The memory at Coze of each member, where a group's members have their own."""

unwritable_chats = Table(
    "unwritable_chats",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("thread_id", BigInteger, primary_key=True, autoincrement=False),
    Column("why", Text, nullable=False),
    Column("since", Float, nullable=False),
)
"""Chats and topics into which nothing can be written; without a topic, the whole chat."""


uploads = Table(
    "uploads",
    metadata,
    Column("place", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("file_id", Text, nullable=False),
    Column("since", Float, nullable=False),
    Index(None, "since"),
)
"""Files that lie at Coze already: by the account's place there, and what names their content."""

sent_files = Table(
    "sent_files",
    metadata,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("file_id", Text, nullable=False),
    Column("since", Float, nullable=False),
    Index(None, "since"),
)
"""Files of answers that lie at Telegram already: by a digest of their address or content."""


chat_migrations = Table(
    "chat_migrations",
    metadata,
    Column("old_id", BigInteger, primary_key=True, autoincrement=False),
    Column("new_id", BigInteger, nullable=False),
)
"""Which supergroup a group has become: what is still heard of the old one belongs there."""


_OPEN = text("state IN ('waiting', 'running')")
_RUNNING = text("state = 'running'")
_WAITING = text("state = 'waiting'")
turns = Table(
    "turns",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("chat_id", BigInteger, nullable=False),
    Column("thread_id", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("parts", JSON, nullable=False),
    Column("sender_id", BigInteger, nullable=False),
    Column("sender_name", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("agent", Text),
    Column("correlation_id", Text, nullable=False),
    Column("conversation_id", Text),
    Column("asked", Boolean, nullable=False),
    Column("run_id", Text),
    Column("posts", JSON, nullable=False),
    Column("trouble_code", Text),
    Column("log_id", Text),
    Column("answer_id", Text),
    Column("final", JSON(none_as_null=True)),
    Column("edited", Boolean, nullable=False, server_default=false()),
    Column("stopping", Boolean, nullable=False, server_default=false()),
    Column("run_may_continue", Boolean, nullable=False, server_default=false()),
    Column("heard", JSON(none_as_null=True)),
    Column("member_id", BigInteger, nullable=False, server_default=text("0")),
    Column("messages", Integer, nullable=False, server_default=text("1")),
    Column("tokens_in", Integer, nullable=False, server_default=text("0")),
    Column("tokens_out", Integer, nullable=False, server_default=text("0")),
    Column("estimated", Boolean, nullable=False, server_default=false()),
    Column("trouble", Text),
    Column("taken", Integer, nullable=False, server_default=text("0")),
    Column("taken_at", Float),
    Column("moved_from", BigInteger),
    Column("created_at", Float, nullable=False),
    Column("shown_at", Float),
    Column("settled_at", Float),
    ForeignKeyConstraint(["chat_id", "thread_id"], ["chats.chat_id", "chats.thread_id"]),
    UniqueConstraint("correlation_id", name="uq_turns_mark"),
    Index(None, "chat_id", "thread_id", "id"),
    Index(None, "sender_id", "created_at"),
    Index(None, "created_at"),
    Index(
        "ix_turns_run_may_continue",
        "chat_id",
        "thread_id",
        sqlite_where=text("run_may_continue"),
        postgresql_where=text("run_may_continue"),
    ),
    Index(
        "ix_turns_open",
        "chat_id",
        "thread_id",
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    ),
    Index(
        "uq_turns_running",
        "chat_id",
        "thread_id",
        unique=True,
        sqlite_where=_RUNNING,
        postgresql_where=_RUNNING,
    ),
    Index(
        "uq_turns_waiting",
        "chat_id",
        "thread_id",
        "sender_id",
        unique=True,
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    ),
)
"""At most one turn runs in a chat, and one of each person waits: the indexes say so, not a habit.

`final` is the end of a turn that is not shown yet; `edited` says that its words changed while it
ran, `stopping` that the person wants it stopped; `run_may_continue`, that it is settled and its
run may be going all the same. `heard` is what was said in the group before it; `member_id` whose conversation
it belongs to, 0 for the one that all share. What it cost are Coze's own numbers, or `estimated`
ones where Coze does not say what a run cost that was broken off; `shown_at` is when
its first text stood in front of the person, `trouble` what the operator reads of its failure.
`taken` counts the processes that took it up soon after each other, the last one at `taken_at`.
"""

outbox = Table(
    "outbox",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("cause", Text, nullable=False),
    Column("chat_id", BigInteger, nullable=False),
    Column("message_id", BigInteger),
    Column("created_at", Float, nullable=False),
    Column("thread_id", BigInteger, nullable=False, server_default=text("0")),
    Column("near_id", BigInteger, nullable=False, server_default=text("0")),
    Column("asker_id", BigInteger, nullable=False, server_default=text("0")),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("content", JSON(none_as_null=True)),
    Column("due", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("cause"),
    Index(None, "chat_id"),
)
"""Messages that were begun; without an id, whether they were sent is not known. Those that are
`due` are not begun yet. A short message keeps its `content` until it is sent."""

suggestions = Table(
    "suggestions",
    metadata,
    Column("token", Text, primary_key=True),
    Column("chat_id", BigInteger, nullable=False),
    Column("thread_id", BigInteger, nullable=False),
    Column("texts", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("liked", Boolean),
    Index(None, "chat_id", "thread_id"),
)
"""Questions offered as buttons: a button carries the unguessable token and a number only. `liked` is
how the answer was rated under which they stand: the mark stays when they are taken away."""

flood_waits = Table(
    "flood_waits",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("until", Float, nullable=False),
)
"""Until when Telegram wants silence in a chat."""

learned_limits = Table(
    "learned_limits",
    metadata,
    Column("name", Text, primary_key=True),
    Column("rate", Float, nullable=False),
    Column("burst", Float, nullable=False),
    Column("near", Float),
)
"""What Telegram allows of each kind of call, as far as it was found out; rates are calls a second."""

orphans = Table(
    "orphans",
    metadata,
    Column("cause", Text, primary_key=True),
    Column("chat_id", BigInteger, nullable=False),
    Column("thread_id", BigInteger, nullable=False),
    Column("language", Text, nullable=False),
    Column("after_id", BigInteger, nullable=False),
    Column("before_id", BigInteger),
    Column("copies", Integer, nullable=False),
    Column("heard_at", Float, nullable=False),
)
"""Posts of which copies may stand, by their causes in the outbox."""

facts = Table(
    "facts",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Small things to remember across starts, such as the menu that was last set."""

leases = Table(
    "leases",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
)
"""What one process at a time holds where several work with the database: shards of chats, and
duties. The epoch rises with every change of owner, so that an earlier owner writes no more."""

processes = Table(
    "processes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("began_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("state", JSON, nullable=False),
)
"""The processes that work with the database, and how each of them is; those that ended well are
deleted, the others are seen no more."""

operator_codes = Table(
    "operator_codes",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("until", Float, nullable=False),
)
"""Digests of the one-time codes that make somebody the first operator: each process has its own."""

send_budgets = Table(
    "send_budgets",
    metadata,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("free_at", Float, nullable=False),
    Column("calls", BigInteger, nullable=False),
    Column("rate", Float, nullable=False),
    Column("burst", Float, nullable=False),
    Column("near", Float),
    Column("version", BigInteger, nullable=False),
)
"""How fast a bot may call Telegram where several processes do it, by kinds of calls: when the next one
is free, how many there were, and the limit that was found out, whose version rises with each change."""
