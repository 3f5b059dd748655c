"""Read what a message says, who wrote it, and what it answers. Pure."""

from telegram import Message as RawMessage
from telegram import MessageEntity, MessageOrigin, MessageOriginUser
from telegram import User as RawUser
from telegram.constants import ChatType

from bridge.model import Attachment, AttachmentKind, ChatKey, Message, Quote, Sender
from bridge.telegram.updates.addressing import (
    TELEGRAM,
    Us,
    marks,
    read_plainly,
    text_of,
    without_name,
)
from bridge.telegram.updates.attachments import attachments, in_words, location
from bridge.telegram.updates.rich_text import rich_text, with_addresses


def read_message(raw: RawMessage, sender: Sender, us: Us) -> Message:
    """Return what the message says, without our name where that only calls us."""
    private = raw.chat.type == ChatType.PRIVATE
    text = storable(_own_words(raw) if private else without_name(raw, us, read_with_addresses))
    text = "\n\n".join(part for part in (storable(rich_text(_rich(raw))), text) if part)
    text = "\n".join(part for part in (storable(in_words(raw)), text) if part)
    quote = _quote(raw, us)
    files = attachments(raw) + _files_of_answered(raw, us)
    if not text and quote is None and not files:
        text = storable(text_of(raw))  # naming us under somebody's words asks about those words
    return Message(
        chat=chat_key(raw),
        id=whole_number(raw.message_id),
        sender=sender,
        text=_passed_on(raw, text),
        written_at=raw.date.timestamp(),
        quote=quote,
        album=storable(raw.media_group_id or ""),
        attachments=files,
        location=location(raw),
    )


def _passed_on(raw: RawMessage, text: str) -> str:
    """Return a message that was forwarded says whose it is."""
    if raw.forward_origin is None or not text:
        return text
    whose = _whose(raw.forward_origin)
    cited = "\n".join(f"> {line}" for line in text.splitlines())
    return f"(Forwarded from {' '.join(storable(whose).split())}:)\n{cited}"


def _whose(origin: MessageOrigin) -> str:
    if isinstance(origin, MessageOriginUser):
        return origin.sender_user.full_name
    chat = getattr(origin, "sender_chat", None) or getattr(origin, "chat", None)
    return str(getattr(origin, "sender_user_name", None) or getattr(chat, "title", None) or "?")


def _quote(raw: RawMessage, us: Us) -> Quote | None:
    """Return what the message answers: the part that was chosen, or all of it, or which file it is."""
    answered = message_answered(raw)
    chosen = storable(with_addresses(raw.quote.text, raw.quote.entities or ())) if raw.quote else ""
    words = chosen or _words_of_answered(raw, answered)
    if not words:
        return None
    if answered is None or answered.from_user is None:
        return Quote(_whose_elsewhere(raw) or "?", words)
    if answered.from_user.id == us.id:
        return Quote("", words)
    author = author_of(answered)
    return Quote(author.name if author is not None else answered.from_user.full_name, words)


def message_answered(raw: RawMessage) -> RawMessage | None:
    """Return what the message answers; in a topic, every one merely stands below its first."""
    answered = raw.reply_to_message
    return None if answered is None or answered.forum_topic_created is not None else answered


def _files_of_answered(raw: RawMessage, us: Us) -> tuple[Attachment, ...]:
    """Return the files of the message that it answers; what we have spoken ourselves is known already."""
    answered = message_answered(raw)
    if answered is None:  # a message of another chat comes along as a sketch
        return attachments(raw.external_reply) if raw.external_reply is not None else ()
    ours = answered.from_user is not None and answered.from_user.id == us.id
    return tuple(
        one for one in attachments(answered) if not ours or one.kind is not AttachmentKind.VOICE
    )


def _words_of(raw: RawMessage) -> str:
    """Its words, or which file it is."""
    names = ", ".join(one.name for one in attachments(raw))
    words = _own_words(raw) or rich_text(_rich(raw)) or in_words(raw)
    return storable(words) or (f"({names})" if names else "")


def _words_of_answered(raw: RawMessage, answered: RawMessage | None) -> str:
    """Return the words of what it answers, here or in another chat."""
    if answered is not None:
        return _words_of(answered)
    if raw.reply_to_story is not None:
        return "(A story)"
    return storable(in_words(raw.external_reply)) if raw.external_reply is not None else ""


def _whose_elsewhere(raw: RawMessage) -> str:
    """Return who wrote what it answers in another chat."""
    if raw.external_reply is None:
        return ""
    return " ".join(storable(_whose(raw.external_reply.origin)).split())


def _own_words(raw: RawMessage) -> str:
    """Its text with the addresses that lie behind words."""
    return read_with_addresses(raw, 0, None)


def read_with_addresses(raw: RawMessage, begin: int, end: int | None) -> str:
    """Return a part of the text (in UTF-16 units) with the addresses behind its words."""
    stop = end if end is not None else len(text_of(raw).encode("utf-16-le", "surrogatepass")) // 2
    inside = [
        MessageEntity(one.type, one.offset - begin, min(one.length, stop - one.offset), url=one.url)
        for one in marks(raw)
        if begin <= one.offset < stop
    ]
    return with_addresses(read_plainly(raw, begin, end), inside)


def _rich(raw: RawMessage) -> object:
    """Return the rich message in it, which the library does not know yet."""
    return raw.api_kwargs.get("rich_message")


def author_of(raw: RawMessage) -> Sender | None:
    """Return who wrote it; None for other bots, and for channels' posts that Telegram forwards by itself.

    In the name of the group only its administrators write. What comes from a channel's name was
    written by a person.
    """
    if raw.is_automatic_forward or (raw.from_user is not None and raw.from_user.id == TELEGRAM):
        return None
    if raw.sender_chat is not None and raw.chat.type != ChatType.PRIVATE:
        name = storable(raw.sender_chat.title or "")
        ours = raw.sender_chat.id == raw.chat.id
        return Sender(whole_number(raw.sender_chat.id), name, is_admin=ours)
    if raw.from_user is None or raw.from_user.is_bot:
        return None
    return sender_of(raw.from_user)


def chat_key(raw: RawMessage) -> ChatKey:
    """Return the chat; in a group a thread id counts only in a topic (plain replies carry one, too).

    In a private chat only topics have one, and the mark that says so was seen missing.
    """
    counts = raw.is_topic_message or raw.chat.type == ChatType.PRIVATE
    thread = raw.message_thread_id if counts else None
    return ChatKey(whole_number(raw.chat.id), whole_number(thread or 0))


def sender_of(raw: RawUser) -> Sender:
    """Return who somebody is."""
    name = " ".join(storable(part) for part in (raw.first_name, raw.last_name) if part is not None)
    username = storable(raw.username or "")
    return Sender(whole_number(raw.id), name, storable(raw.language_code or ""), username)


def whole_number(found: object) -> int:
    """Return a number that the store can hold. Raises TypeError: the library passes on what it gets."""
    if isinstance(found, bool) or not isinstance(found, int) or abs(found) >= 1 << 63:
        raise TypeError("not a whole number of 64 bits")
    return found


def storable(found: object) -> str:
    """Return text that can be stored and sent: without half characters and zeros. Raises TypeError."""
    if not isinstance(found, str):
        raise TypeError("not a text")
    whole = found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "")  # PostgreSQL takes none
