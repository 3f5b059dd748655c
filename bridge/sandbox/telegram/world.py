"""What exists in the emulated Telegram: one bot, people, chats, messages, drafts, files.

Message ids count from 1 in each chat, so equal ids in different chats are normal. Ids of people and
groups do not fit into 32 bits. Every change wakes those who wait for one and is told to the page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from bridge.sandbox.telegram.content.entities import Entity
from bridge.sandbox.telegram.content.file_types import StoredFile
from bridge.sandbox.telegram.feed import Closing, Feed
from bridge.sandbox.telegram.people.actors import Bot, Person, Topic

Json = dict[str, object]
FIRST_PERSON_ID = 5_000_000_001
FIRST_GROUP_ID = -1_002_000_000_001
FIRST_BASIC_GROUP_ID = -5_000_000_001
Standing = Literal["creator", "administrator", "member", "restricted", "left", "kicked"]
"""What somebody is in a chat; `restricted`: present, and not allowed to write."""
CAPTIONED = ("photo", "video", "animation", "audio", "document", "voice")
"""The attachments under which words can stand."""
OUTSIDE: tuple[Standing, ...] = ("left", "kicked")


@dataclass(frozen=True)
class Frame:
    """What a message showed from one moment on."""

    at_loop_time: float
    text: str
    """The caption, if the message carries a file."""
    entities: list[Json]
    reply_markup: Json | None
    link_preview_options: Json | None = None
    formatting: tuple[Entity, ...] = ()
    """The same as `entities`, typed."""
    rich: Json | None = None
    """A rich message's `blocks` and perhaps `is_rtl`; it has no text."""


@dataclass(frozen=True)
class Attachment:
    """What a message carries beside words: a file mostly, perhaps a place or a person."""

    kind: str
    """`document`, `photo`, `voice` …: the field of the message that describes it."""
    description: object
    """That field's value in the Bot API."""
    also: Json = field(default_factory=dict)
    """Fields that say the same again, such as `document` beside `animation`."""
    content: bytes = b""
    """The bytes as somebody sent them; a photo is kept in other sizes than that."""

    @property
    def captioned(self) -> bool:
        """Whether words can stand under it."""
        return self.kind in CAPTIONED


@dataclass(frozen=True)
class Guise:
    """In whose name a message stands when it is not simply a person's."""

    user: Json | None = None
    """`from`: a stand-in of Telegram's, or another bot; None for the person."""
    extra: Json = field(default_factory=dict)
    """The fields that say more, such as `sender_chat`."""

    @property
    def by_a_bot(self) -> bool:
        """Whether another bot wrote it: stand-ins only look like one."""
        return bool(self.user and self.user.get("is_bot")) and "sender_chat" not in self.extra


PLAIN = Guise()


@dataclass
class Message:
    """One message of either side. It stays the same object through edits: frames are added."""

    message_id: int
    chat_id: int
    sender_id: int
    by_bot: bool
    date: int
    """Unix time in seconds."""
    history: list[Frame]
    reply_to_message_id: int | None = None
    thread_id: int = 0
    """The topic, or in a group without topics the first message of the replies; 0 for none."""
    service: Json | None = None
    """What it reports, such as a new topic, by the name of the Bot API's field."""
    quote: Json | None = None
    guise: Guise = PLAIN
    attachment: Attachment | None = None
    media_group_id: str = ""
    """What the messages of one album have in common."""
    protected: bool = False
    edit_date: int | None = None
    deleted: bool = False
    reactions: list[Json] = field(default_factory=list)
    """The bot's reactions to it."""

    @property
    def frame(self) -> Frame:
        """What it shows now."""
        return self.history[-1]

    @property
    def text(self) -> str:
        """The text, or the caption, as shown now."""
        return self.frame.text

    @property
    def rich(self) -> Json | None:
        """The rich message as the Bot API shows it now; None for one with a text."""
        return self.frame.rich

    @property
    def entities(self) -> list[Json]:
        """The entities as the Bot API lists them, automatic ones included."""
        return self.frame.entities

    @property
    def reply_markup(self) -> Json | None:
        """The keyboard of any kind, None without one."""
        return self.frame.reply_markup

    @property
    def link_preview_options(self) -> Json | None:
        """As last set; None when the last edit left them out."""
        return self.frame.link_preview_options


@dataclass(frozen=True)
class Draft:
    """Text that the bot shows while it writes; no message, gone 30 s after it was last sent."""

    chat_id: int
    draft_id: int
    text: str
    """Empty: a placeholder that says that the bot thinks."""
    entities: list[Json]
    can_stop: bool
    at_loop_time: float
    thread_id: int = 0
    keep_on_stop: bool = False
    """Whether it stays when the person presses Stop, until its time is over."""
    rich: Json | None = None
    """A rich draft's blocks; it has no text."""


@dataclass(frozen=True)
class Query:
    """A pressed button that waits for its answer."""

    query_id: str
    person_id: int
    expires: float
    """Unix time in seconds."""


@dataclass(frozen=True)
class Action:
    """One chat action."""

    at_loop_time: float
    name: str
    thread_id: int = 0


@dataclass
class Chat:
    """One chat: its members and its messages."""

    id: int
    type: Literal["private", "group", "supergroup"]
    members: list[int]
    title: str = ""
    """A group's."""
    is_forum: bool = False
    topics: dict[int, Topic] = field(default_factory=dict)
    """By id; a forum's General is not among them."""
    moved_to: int = 0
    """The supergroup that a basic group was upgraded to."""
    slow_seconds: int = 0
    """Slow mode: how long everybody but administrators must wait between messages."""
    creator_id: int = 0
    admins: set[int] = field(default_factory=set)
    """People who are administrators, without the creator."""
    messages: dict[int, Message] = field(default_factory=dict)
    last_message_id: int = 0
    known: bool = False
    """Whether the bot has ever met it; nobody can be written to before."""
    standing: Standing = "member"
    """What the bot is there; in a private chat `kicked` means that it is blocked."""
    bot_reads_all: bool = False
    """Whether privacy mode was off when the bot was added."""
    bot_wrote: bool = False
    """Whether the bot was the last bot that wrote, as it is after its first message."""
    showing: dict[int, Draft] = field(default_factory=dict)
    """The draft that shows now, by topic; 0 outside of topics."""
    drafts: list[Draft] = field(default_factory=list)
    """All that ever showed."""
    topics_made: int = 0
    """How many topics there ever were."""
    returning_topics: dict[int, Topic] = field(default_factory=dict)
    """The bot's own topics that a person deleted: its next message brings them back."""
    refused_topics: set[int] = field(default_factory=set)
    """Topics that are there, and refused by their number."""
    actions: list[Action] = field(default_factory=list)

    @property
    def closed(self) -> bool:
        """Whether the bot is blocked or not in it."""
        return self.standing in OUTSIDE


class World:
    """All state but the updates that wait to be fetched."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.feed = Feed()
        self.closing = Closing()
        self.bots: dict[str, Bot] = {}
        """By token; every token belongs to the same bot."""
        self.revoked: set[str] = set()
        self.people: dict[int, Person] = {}
        self.chats: dict[int, Chat] = {}
        self.files: dict[str, StoredFile] = {}
        """By file_id."""
        self.attached: dict[str, Attachment] = {}
        """What a file_id stands for when the bot sends it again."""
        self.linked: dict[str, StoredFile] = {}
        """By path, from the first getFile on."""
        self.albums = 0
        self.refusing_voice: set[int] = set()
        """The ids of people who take no voice messages."""
        self.queries: dict[str, Query] = {}
        self.answers: dict[str, str] = {}
        self.commands: dict[tuple[str, str], list[Json]] = {}
        """By scope (`default`, `chat:7` …) and language."""
        self.descriptions: dict[str, str] = {}
        self.short_descriptions: dict[str, str] = {}
        self.privacy = True
        """Whether a bot that joins a group gets only what is meant for it."""
        self.private_topics: bool | None = None
        """Whether private chats with the bot have topics; None: as soon as there is one."""
        self.people_open_topics = True
        """Whether people open topics in private chats: by anything that they write at the root."""
        self.bots_talk = False
        """Whether the bot may hear other bots that name or answer it."""
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def bot(self) -> Bot:
        """The one bot. Raises LookupError before `add_bot`."""
        for bot in self.bots.values():
            return bot
        raise LookupError("There is no bot yet: call add_bot first.")

    @property
    def has_topics(self) -> bool:
        """Whether private chats with the bot have topics: its owner's setting at BotFather."""
        if self.private_topics is not None:
            return self.private_topics
        return any(chat.type == "private" and chat.topics for chat in self.chats.values())

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something after so many seconds, unless the emulator closes before."""
        timer = asyncio.get_running_loop().call_later(seconds, act)
        now = loop_time()
        self._timers = [*(each for each in self._timers if each.when() > now), timer]

    def close(self) -> None:
        """End every wait, listener and timer."""
        for timer in self._timers:
            timer.cancel()
        self.closing.close()
        self.feed.close()

    def now(self) -> int:
        """Return the Unix time in whole seconds."""
        return int(self.clock())

    def add_person(
        self, first_name: str, username: str, language_code: str, person_id: int | None
    ) -> Person:
        """Return a new person and the private chat with them. Raises ValueError for a taken id."""
        free = max([FIRST_PERSON_ID - 1, *self.people]) + 1
        number = free if person_id is None else person_id
        if number <= 0 or number in self.chats:
            raise ValueError(f"{number} cannot be the id of a new person.")
        person = Person(number, first_name, username, language_code)
        self.people[number] = person
        self.chats[number] = Chat(number, "private", [number])
        return person

    def add_group(
        self, title: str, members: list[int], *, forum: bool = False, basic: bool = False
    ) -> Chat:
        """Return a new supergroup or basic group, which the first member made; the bot is not in it yet."""
        first = FIRST_BASIC_GROUP_ID if basic else FIRST_GROUP_ID
        same = [each for each in self.chats if each < 0 and (each > FIRST_GROUP_ID) == basic]
        number = min([first + 1, *same]) - 1
        chat = Chat(
            id=number,
            type="group" if basic else "supergroup",
            members=members,
            title=title,
            is_forum=forum,
            standing="left",
        )
        chat.creator_id = members[0]
        self.chats[number] = chat
        return chat

    def add_message(self, chat: Chat, message: Message) -> None:
        """Put a message, whose id is the next one, at the end of its chat."""
        chat.last_message_id = message.message_id
        chat.messages[message.message_id] = message

    def message(self, chat: Chat, message_id: int) -> Message | None:
        """Return a message that exists and was not deleted."""
        message = chat.messages.get(message_id)
        return None if message is None or message.deleted else message

    def person(self, person_id: object) -> Person:
        """Return the person with this id. Raises ValueError when nobody has it."""
        if not isinstance(person_id, int) or person_id not in self.people:
            raise ValueError(f"Nobody here has the id {person_id}.")
        return self.people[person_id]

    def chat(self, chat_id: int) -> Chat:
        """Return the chat with this id. Raises ValueError when there is none."""
        if chat_id not in self.chats:
            raise ValueError(f"There is no chat {chat_id}.")
        return self.chats[chat_id]


def loop_time() -> float:
    """Return the running loop's time in seconds, by which rates, waits and frames are measured."""
    return asyncio.get_running_loop().time()
