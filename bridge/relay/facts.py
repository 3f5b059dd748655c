"""What an agent may be told of whom it serves, from a closed list. Pure.

Nothing of it goes anywhere unless the agent's table in `bridge.toml` names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.coze.values import Value
from bridge.model import AboutChat, Turn


@dataclass(frozen=True)
class Whom:
    """Who asks, as the agent hears of them."""

    user_id: str = ""
    """Coze's `user_id`."""
    facts: Mapping[str, Value] = field(default_factory=dict)


def facts_of(turn: Turn, about: AboutChat) -> Mapping[str, Value]:
    """Return all facts by their names; what is not known is empty."""
    return {
        "first_name": next(iter(turn.sender.name.split()), ""),
        "language": turn.sender.language,
        "chat_title": about.title,
        "is_group": not turn.chat.private,
        "telegram_id": turn.sender.id,
        "start_payload": about.start_payload,
    }
