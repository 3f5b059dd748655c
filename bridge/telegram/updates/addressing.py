"""Is a group's message for us? Pure.

Names count only where Telegram has marked them: an entity covers a part of the text whose places
count UTF-16 units, and what merely looks like our name inside a word or a link is none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from telegram import Message as RawMessage
from telegram import MessageEntity
from telegram.constants import MessageEntityType

from bridge.telegram.updates.rich_text import rich_mentions

ANONYMOUS_ADMIN, CHANNEL_BOT, TELEGRAM = 1087968824, 136817688, 777000
"""Telegram's stand-ins as the author: for an administrator who writes in the group's name, for a
channel, and for a channel's post that Telegram forwards by itself."""


@dataclass(frozen=True)
class Us:
    """By what others know our bot."""

    id: int
    username: str


@dataclass(frozen=True)
class Command:
    """A slash command at the beginning of a text."""

    name: str
    addressee: str
    """The bot that it names behind an `@`; empty when it names none."""
    argument: str
    argument_at: int = 0
    """Where it begins in the text, in UTF-16 units."""


def text_of(raw: RawMessage) -> str:
    """Return a message's text, or its caption."""
    return raw.text or raw.caption or ""


def marks(raw: RawMessage) -> Sequence[MessageEntity]:
    """Return the entities of its text, or of its caption."""
    return raw.entities if raw.text else raw.caption_entities


def addressed(raw: RawMessage, us: Us) -> bool:
    """Return whether it speaks to us by our name or as an answer to a post of ours."""
    if answers_us(raw, us) or any(_names(raw, mark, us) for mark in marks(raw)):
        return True
    return any(
        one.user_id == us.id or (one.username and one.username.casefold() == us.username.casefold())
        for one in rich_mentions(raw.api_kwargs.get("rich_message"))
    )


def answers_us(raw: RawMessage, us: Us) -> bool:
    """Return whether it answers a post of ours.

    In a forum every message answers the one that opened its topic, which says nothing.
    """
    answered = raw.reply_to_message
    if answered is None or answered.from_user is None or answered.from_user.id != us.id:
        return False
    return answered.forum_topic_created is None


def wakes(text: str, word: str) -> bool:
    """Return whether a text begins with the wake word, in any case, as a word of its own."""
    start, word = text.lstrip().casefold(), word.casefold()
    if not word or not start.startswith(word):
        return False
    after = start[len(word) : len(word) + 1]
    return not after.isalnum() or not word[-1].isascii()  # CJK puts no space between words


def without_word(text: str, word: str) -> str:
    """Return a text that begins with the wake word, without it."""
    start, folded = text.lstrip(), word.casefold()
    ends = (end for end in range(1, len(start) + 1) if start[:end].casefold() == folded)
    return start[next(ends, 0) :].lstrip(" ,.:;!–—-、，。：！") or start


def command(raw: RawMessage, us: Us) -> Command | None:
    """Return the command that a message begins with, perhaps after our name; None when there is none."""
    text, found = text_of(raw), sorted(marks(raw), key=lambda mark: mark.offset)
    if found and _mentions(text, found[0], us) and not _before(text, found[0]).strip():
        lead, found = found[0], found[1:]
        between = _slice(text, lead.offset + lead.length, found[0].offset) if found else "x"
        if between.strip():
            return None
    elif not found or found[0].offset != 0:
        return None
    if not found or found[0].type != MessageEntityType.BOT_COMMAND:
        return None
    mark = found[0]
    if _slice(text, mark.offset + mark.length, mark.offset + mark.length + 1).strip():
        return None  # the beginning of a path, such as /etc/hosts
    name, _, addressee = _covered(text, mark).removeprefix("/").partition("@")
    begin = mark.offset + mark.length
    argument = _slice(text, begin, None).strip()
    return Command(name.casefold(), addressee, argument, begin)


Read = Callable[[RawMessage, int, int | None], str]
"""Read a part of a message's text by UTF-16 units; None is its end."""


def read_plainly(raw: RawMessage, begin: int, end: int | None) -> str:
    """Return a part of the text as it stands."""
    return _slice(text_of(raw), begin, end)


def without_name(raw: RawMessage, us: Us, read: Read = read_plainly) -> str:
    """Return the text without our name at its beginning or end, where it only says whom it is for."""
    text = text_of(raw)
    for mark in marks(raw):
        if not _mentions(text, mark, us) or _stands_among_names(raw, mark):
            continue
        before, after = read(raw, 0, mark.offset), read(raw, mark.offset + mark.length, None)
        if not before.strip():
            return after.lstrip().removeprefix(",").removeprefix(":").strip()
        if not after.strip(" .!?…。！？"):
            return (before.rstrip().removesuffix(",") + after.strip()).strip()
    return read(raw, 0, None).strip()


def _stands_among_names(raw: RawMessage, mark: MessageEntity) -> bool:
    """Return whether somebody else is named right beside us: then it says who is meant, too."""
    text, ours = text_of(raw), (mark.offset, mark.offset + mark.length)
    for other in marks(raw):
        if other is mark or other.type not in _NAMES:
            continue
        ends = other.offset + other.length
        between = (
            _slice(text, ends, ours[0]) if ends <= ours[0] else _slice(text, ours[1], other.offset)
        )
        if not between.strip(" ,;&") or between.strip(" ,;&").casefold() in (
            "and",
            "und",
            "和",
            "、",
        ):
            return True
    return False


_NAMES = (MessageEntityType.MENTION, MessageEntityType.TEXT_MENTION)


def _names(raw: RawMessage, mark: MessageEntity, us: Us) -> bool:
    """Return whether an entity is our name, or a command that names us."""
    text = text_of(raw)
    if mark.type == MessageEntityType.BOT_COMMAND:
        return _covered(text, mark).casefold().endswith(f"@{us.username}".casefold())
    return _mentions(text, mark, us)


def _mentions(text: str, mark: MessageEntity, us: Us) -> bool:
    if mark.type == MessageEntityType.TEXT_MENTION:
        return mark.user is not None and mark.user.id == us.id
    if mark.type != MessageEntityType.MENTION:
        return False
    return _covered(text, mark).casefold() == f"@{us.username}".casefold()


def _covered(text: str, mark: MessageEntity) -> str:
    return _slice(text, mark.offset, mark.offset + mark.length)


def _before(text: str, mark: MessageEntity) -> str:
    return _slice(text, 0, mark.offset)


def _slice(text: str, begin: int, end: int | None) -> str:
    """Return a part of a text by UTF-16 units; a forged place cuts nothing out."""
    raw = text.encode("utf-16-le", "surrogatepass")
    if begin < 0 or (end is not None and end < begin):
        return ""
    part = raw[2 * begin : None if end is None else 2 * end]
    return part.decode("utf-16-le", "replace")
