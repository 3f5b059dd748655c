"""All commands: the menus, `/help` and the manual's lists come from these two tables."""

from collections.abc import Awaitable, Callable, Mapping

from bridge.telegram.commands import basic, conversations, privacy, settings
from bridge.telegram.commands.context import BotContext, language_of
from bridge.telegram.commands.operators import (
    access,
    agents,
    broadcast,
    control,
    invite,
    quota,
    reports,
)
from bridge.telegram.updates.events import CommandCall
from bridge.texts import translate

Handler = Callable[[BotContext, CommandCall], Awaitable[None]]


async def carry_out(context: BotContext, call: CommandCall) -> None:
    """Do what a command says; an unknown one is told so. Raises StoreTrouble.

    Operators' commands are unknown to everybody else, and in groups.
    """
    handler = COMMANDS.get(call.name)
    if handler is None and context.by_operator(call):
        handler = OPERATOR_COMMANDS.get(call.name)
    await (handler or _unknown)(context, call)


async def _unknown(context: BotContext, call: CommandCall) -> None:
    await context.answer(call, "command.unknown")


async def show_help(context: BotContext, call: CommandCall) -> None:
    """Say what there is."""
    language = language_of(call)
    lines = [f"/{name} – {description(name, language)}" for name in COMMANDS]
    if context.by_operator(call):
        lines += ["", translate(language, "help.operators")]
        lines += [f"/{name} – {description(name, language)}" for name in OPERATOR_COMMANDS]
    if not call.chat.private:
        bot = context.approval.introduction.bot_name
        lines += ["", translate(language, "help.group", bot=bot)]
    await context.answer(call, "help.intro", commands="\n".join(lines))


def description(name: str, language: str) -> str:
    """Return what a command does, in one line."""
    return translate(language, f"command.{name}")


COMMANDS: Mapping[str, Handler] = {
    "start": basic.start,
    "help": show_help,
    "new": basic.new,
    "conversations": conversations.show,
    "ask": basic.ask,
    "stop": basic.stop,
    "retry": basic.retry,
    "settings": settings.settings,
    "agent": settings.agent,
    "privacy": privacy.privacy,
    "forget": privacy.forget,
}
WITHOUT_ACCESS = ("privacy", "forget")
"""What everybody may do in private, also who is not let in."""
OPERATOR_COMMANDS: Mapping[str, Handler] = {
    "status": reports.status,
    "stats": reports.statistics,
    "errors": reports.errors,
    "users": access.users,
    "allow": access.allow,
    "block": access.block,
    "invite": invite.invite,
    "operators": access.operators,
    "chats": access.chats,
    "leave": access.leave,
    "quota": quota.manage,
    "agents": agents.manage,
    "broadcast": broadcast.compose,
    "pause": control.pause,
    "resume": control.resume,
    "audit": reports.acts,
    "loglevel": control.loglevel,
    "reload": control.reload,
}
