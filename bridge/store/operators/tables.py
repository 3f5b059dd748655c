"""The tables of what operators decide and see. Times are Unix seconds."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from bridge.store.tables import RowId, metadata

access = Table(
    "access",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("decided_by", BigInteger),
    Column("since", Float, nullable=False),
    Column("channels", Boolean, nullable=False, server_default=false()),
    Column("words", Text),
    Column("question", JSON(none_as_null=True)),
)
"""Which people (by their private chats) and groups may use the bridge: `asked`, `allowed`, `denied`
or `blocked`, and by whom; `channels` says that posts under channels' names are answered there.
Who waits has `words` for the card, and a person the `question` that is asked once they are let in."""


agents = Table(
    "agents",
    metadata,
    Column("agent_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("since", Float, nullable=False),
)
"""The agents that chats can choose from."""


operators = Table(
    "operators",
    metadata,
    Column("person_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("since", Float, nullable=False),
    Column("removed", Boolean, nullable=False, server_default=false()),
)
"""Who became an operator by the one-time code or by another operator, and who was `removed`."""


people = Table(
    "people",
    metadata,
    Column("person_id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("first_seen", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
    Index(None, "username"),
    Index(None, "last_seen"),
)
"""Who has written to the bot; the username in lower case, empty for none."""


quotas = Table(
    "quotas",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("unit", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("amount", BigInteger, nullable=False),
)
"""How much is allowed: to each `person` or `chat`, or in `all`; the subject is one's id, a role, or
empty for everybody. What was used is counted from the turns."""


tallies = Table(
    "tallies",
    metadata,
    Column("person_id", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Text, primary_key=True),
    Column("messages", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
)
"""What people have used whose turns were deleted at their wish: a quota does not begin anew by that."""


chat_tallies = Table(
    "chat_tallies",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("day", Text, primary_key=True),
    Column("messages", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
)
"""The same by chats, for their quotas."""


audit = Table(
    "audit",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at", Float, nullable=False),
    Column("operator_id", BigInteger, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "at"),
)
"""What operators did. An id of 0 is the dashboard's."""


broadcasts = Table(
    "broadcasts",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("operator_id", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("post_id", BigInteger),
    Column("created_at", Float, nullable=False),
    Index(None, "state"),
)
"""Messages to everybody: `preview`, `sending`, `done` or `cancelled`; the post shows how far it is."""


deliveries = Table(
    "deliveries",
    metadata,
    Column("broadcast_id", BigInteger, primary_key=True, autoincrement=False),
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Index(None, "broadcast_id", "state"),
)
"""`due`, then `sending`, then `delivered`, `blocked`, `failed`, or `unknown` after a crash."""


alarms = Table(
    "alarms",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("what", Text, nullable=False),
    Column("since", Float, nullable=False),
)
"""What is wrong now and was told to the operators."""


invites = Table(
    "invites",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("for_groups", Boolean, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("used", Integer, nullable=False, server_default=text("0")),
    Column("until", Float, nullable=False),
    Column("agent", Text),
    Column("payload", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_by", BigInteger, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("withdrawn", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("digest"),
)
"""Links and codes that let people in, or groups: how many, until when, and what comes with it."""


invite_uses = Table(
    "invite_uses",
    metadata,
    Column("invite_id", BigInteger, primary_key=True, autoincrement=False),
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
)
"""Which chats each invite has let in."""
