"""Who and what there is in the emulated Telegram: the bot, people, groups, topics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bot:
    """The bot of the token; `id` is the number before the token's colon."""

    id: int
    username: str
    first_name: str


@dataclass(frozen=True)
class Person:
    """A human in the sandbox; the private chat with them has their id."""

    id: int
    first_name: str
    username: str = ""
    language_code: str = ""


@dataclass(frozen=True)
class Group:
    """A group, by which tests name its chat."""

    id: int
    title: str
    forum: bool = False


@dataclass(frozen=True)
class Topic:
    """A topic of a forum, whose id is that of the message that opened it, or of a private chat."""

    id: int
    name: str
    closed: bool = False
    by_bot: bool = False
    """Whether the bot made it."""
    icon: str = ""
    """A custom emoji's id."""
