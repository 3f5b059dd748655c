"""The methods about the bot itself: who it is, its menu, its descriptions, its chats' cards."""

from __future__ import annotations

import re

from bridge.sandbox.telegram.calls import MethodCall, chat_of, object_of
from bridge.sandbox.telegram.content.shapes import full_chat_json, me_json
from bridge.sandbox.telegram.params import Broken, Params
from bridge.sandbox.telegram.refusals import bad_request
from bridge.sandbox.telegram.world import Json, World

MOST_COMMANDS = 100
MOST_COMMAND_DESCRIPTION = 256
MOST_DESCRIPTION = 512
MOST_SHORT_DESCRIPTION = 120
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_SIMPLE_SCOPES = (
    "default",
    "all_private_chats",
    "all_group_chats",
    "all_chat_administrators",
)


async def get_me(call: MethodCall) -> object:
    """Return the bot."""
    return me_json(call.world)


async def get_chat(call: MethodCall) -> object:
    """Return a chat's full card."""
    return full_chat_json(call.world, chat_of(call))


async def set_my_commands(call: MethodCall) -> object:
    """Set the menu of one scope and language, or delete it when there are no commands."""
    commands = _commands(call.params)
    key = _key(call)
    if commands:
        call.world.commands[key] = commands
    else:
        call.world.commands.pop(key, None)
    _tell(call.world)
    return True


async def get_my_commands(call: MethodCall) -> object:
    """Return the menu of exactly this scope and language."""
    return call.world.commands.get(_key(call), [])


async def delete_my_commands(call: MethodCall) -> object:
    """Remove the menu of exactly this scope and language."""
    call.world.commands.pop(_key(call), None)
    _tell(call.world)
    return True


async def set_my_description(call: MethodCall) -> object:
    """Return the text in an empty chat."""
    return _describe(call, call.world.descriptions, "description", MOST_DESCRIPTION)


async def set_my_short_description(call: MethodCall) -> object:
    """Return the text on the profile."""
    texts = call.world.short_descriptions
    return _describe(call, texts, "short_description", MOST_SHORT_DESCRIPTION)


def menu(world: World, chat_id: int, language: str) -> list[Json]:
    """Return the commands that a person sees in their private chat: the nearest scope that has any.

    In each scope the person's language comes first, then the menu without a language.
    """
    for scope in (f"chat:{chat_id}", "all_private_chats", "default"):
        for spoken in (language[:2], ""):  # menus know a language by its first two letters
            if found := world.commands.get((scope, spoken)):
                return found
    return []


def _tell(world: World) -> None:
    world.feed.tell("commands", {"commands": menu(world, 0, ""), "people": menus(world)})


def menus(world: World) -> dict[str, Json]:
    """Return by each person's id what they see in their private chat, and in groups."""
    return {
        str(each.id): {
            "commands": menu(world, each.id, each.language_code),
            "group_commands": menu(world, 0, each.language_code),
        }
        for each in world.people.values()
    }


def _describe(call: MethodCall, texts: dict[str, str], name: str, most: int) -> bool:
    text = call.params.text(name)
    if len(text) > most:
        raise bad_request(f"{name.replace('_', ' ')} is too long")
    language = _language(call.params)
    if text:
        texts[language] = text
    else:
        texts.pop(language, None)
    call.world.feed.wake()
    return True


def _language(params: Params) -> str:
    language = params.text("language_code")
    if language and not re.fullmatch(r"[a-z]{2}", language):
        raise bad_request("invalid language code specified")
    return language


def _key(call: MethodCall) -> tuple[str, str]:
    return _scope(call), _language(call.params)


def _scope(call: MethodCall) -> str:
    sent = object_of(call.params, "scope", "bot command scope")
    if sent is None:
        return "default"
    kind = sent.get("type")
    if kind in _SIMPLE_SCOPES:
        return str(kind)
    if kind not in ("chat", "chat_administrators", "chat_member"):
        raise bad_request("Can't parse BotCommandScope: unsupported type specified")
    chat_id = _number(sent.get("chat_id"))
    chat = call.world.chats.get(chat_id)
    if chat is None or not chat.known:
        raise bad_request("chat not found")
    if kind == "chat":
        return f"chat:{chat_id}"
    if chat.type == "private":
        raise bad_request("BOT_COMMAND_SCOPE_INVALID")
    return ":".join([kind, str(chat_id), *_member(kind, sent)])


def _member(kind: str, sent: Json) -> list[str]:
    return [str(_number(sent.get("user_id")))] if kind == "chat_member" else []


def _number(value: object) -> int:
    return (
        int(value)
        if isinstance(value, int | str) and re.fullmatch("-?[0-9]{1,19}", str(value))
        else 0
    )


def _commands(params: Params) -> list[Json]:
    try:
        sent = params.decoded("commands")
    except Broken:
        raise bad_request("Can't parse commands JSON object") from None
    if sent is None:
        return []
    if not isinstance(sent, list):
        raise bad_request("Expected an Array of BotCommand")
    if len(sent) > MOST_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    return [_command(each) for each in sent]


def _command(sent: object) -> Json:
    if not isinstance(sent, dict):
        raise bad_request("Can't parse BotCommand: expected an Object")
    name, description = sent.get("command"), sent.get("description")
    if not isinstance(name, str) or not _COMMAND.fullmatch(name.removeprefix("/")):
        raise bad_request("BOT_COMMAND_INVALID")
    if not isinstance(description, str):
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    if not 1 <= len(description.strip()) <= MOST_COMMAND_DESCRIPTION:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": name.removeprefix("/"), "description": description.strip()}
