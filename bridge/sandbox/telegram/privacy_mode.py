"""Which of a group's messages reach a bot: privacy mode. Pure."""

from __future__ import annotations

from bridge.sandbox.telegram.content.entities import Entity
from bridge.sandbox.telegram.people.actors import Bot
from bridge.sandbox.telegram.world import Chat, Message


def reaches_bot(
    bot: Bot, chat: Chat, message: Message, target: Message | None, *, bots_talk: bool = False
) -> bool:
    """Return whether the bot gets a person's message; `target` is what it answers by the person's wish.

    In privacy mode a bot gets what names it, what answers it, what happens to the group, and bare
    commands while it is the last bot that wrote. Another bot it hears only where bots may talk
    to each other, and then only what names or answers it.
    """
    if chat.type == "private":
        return True
    if chat.closed:
        return False
    if message.guise.by_a_bot:
        return bots_talk and (
            (target is not None and target.by_bot)
            or any(_means(bot, chat, message, entity) for entity in message.frame.formatting)
        )
    if message.service is not None or chat.bot_reads_all or chat.standing == "administrator":
        return True
    if target is not None and target.by_bot:
        return True
    if message.rich is not None:
        return _is_named_in(message.rich, bot)
    return any(_means(bot, chat, message, entity) for entity in message.frame.formatting)


def _is_named_in(part: object, bot: Bot) -> bool:
    """Return whether a mention anywhere in a rich message is the bot's."""
    if isinstance(part, list):
        return any(_is_named_in(inner, bot) for inner in part)
    if not isinstance(part, dict):
        return False
    if part.get("type") == "mention":
        return str(part.get("username")).removeprefix("@").lower() == bot.username.lower()
    return any(_is_named_in(inner, bot) for inner in part.values())


def _means(bot: Bot, chat: Chat, message: Message, entity: Entity) -> bool:
    name = f"@{bot.username}".lower()
    if entity.type == "text_mention":
        return entity.user_id == bot.id
    words = covered(message.text, entity).lower()
    if entity.type == "mention":
        return words == name
    if entity.type != "bot_command":
        return False
    if "@" in words:
        return words.endswith(name)
    return entity.offset == 0 and chat.bot_wrote


def covered(text: str, entity: Entity) -> str:
    """Return the part of a text under an entity, whose places count UTF-16 units."""
    units = text.encode("utf-16-le")
    return units[2 * entity.offset : 2 * entity.end].decode("utf-16-le")
