"""A strict, local Telegram: the Bot API over real HTTP, and the people on the other side."""

from bridge.sandbox.telegram.content.entities import Entity
from bridge.sandbox.telegram.content.rich import plain_text
from bridge.sandbox.telegram.emulator import TelegramEmulator
from bridge.sandbox.telegram.people.actors import Bot, Group, Person
from bridge.sandbox.telegram.people.albums import AlbumItem
from bridge.sandbox.telegram.rate_limits import Budgets, read_budgets
from bridge.sandbox.telegram.server import Call
from bridge.sandbox.telegram.world import Action, Attachment, Draft, Frame, Message

Post = Message
"""One message of the bot, as `TelegramEmulator.posts` lists them."""

__all__ = [
    "Action",
    "AlbumItem",
    "Attachment",
    "Bot",
    "Budgets",
    "Call",
    "Draft",
    "Entity",
    "Frame",
    "Group",
    "Message",
    "Person",
    "Post",
    "TelegramEmulator",
    "plain_text",
    "read_budgets",
]
