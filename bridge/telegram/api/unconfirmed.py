"""Where a message stands, if it stands at all, whose sending got no answer. Pure.

Bots hear nothing of their own messages, and nothing names a call so that Telegram would know it
again. But the ids of a chat's messages only grow, and only our own messages can be edited: so the
text is put into the first message after the last known one that takes it. Where many other messages
came in between this may miss. Short messages and files are looked for so before they are sent again;
a post of an answer goes out anew at once, and its copy is looked for afterwards (`orphans.py`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bridge.store.outbox import Sent

AMBIGUOUS_SECONDS = 10.0
"""How long Telegram may still be busy with a call after the connection broke."""
MOST_LOOKS = 6


@dataclass(frozen=True)
class UnconfirmedSend:
    """A message whose sending got no answer."""

    cause: str
    begun: float
    """When its sending was begun, in Unix seconds."""
    heard: float
    """When it was last in Telegram's hands, as far as we know."""

    def wait(self, now: float) -> float:
        """Return seconds until Telegram is done with it; a clock that was set back changes little."""
        return min(AMBIGUOUS_SECONDS, max(0.0, self.heard + AMBIGUOUS_SECONDS - now))


@dataclass(frozen=True)
class Search:
    """What came of the search."""

    post: int | None
    """The id of the message; None when none was found."""
    looked_to: int
    """The last id that was tried. A message sent later has a greater id than one that was begun
    before: if it is the next one, there is no other."""

    def copied_by(self, post: int) -> bool:
        """Return whether a copy may stand above a message that is sent anew."""
        return post > self.looked_to + 1


GIVEN_UP = Search(None, -2)
"""It was not looked for at all."""


def alone(doubt: UnconfirmedSend, known: Collection[Sent]) -> bool:
    """Return whether it is the only message of the chat of which nobody knows; else one might be taken
    for the other."""
    return not any(not one.message_id and one.cause != doubt.cause for one in known)


def candidates(after: int, doubt: UnconfirmedSend, known: Collection[Sent]) -> Sequence[int]:
    """Return the ids that a message may have that stands below message `after`."""
    ours = {one.message_id: one.since for one in known if one.message_id}
    last = max([after, *(id_ for id_, begun in ours.items() if begun < doubt.begun)])
    return [id_ for id_ in range(last + 1, last + 1 + MOST_LOOKS) if id_ not in ours]
