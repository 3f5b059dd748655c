"""The operators' commands: one table; their menu, the help and the README come from it."""

from collections.abc import Awaitable, Callable

from bridge.telegram.commands.operators import access, agents, broadcast, control, quota, reports
from bridge.telegram.commands.operators.context import Desk, language_of, operator_of
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import translate

Act = Callable[[Desk, CommandCall], Awaitable[None]]
Tap = Callable[[Desk, CallbackPress, str], Awaitable[None]]

OPERATOR_COMMANDS: dict[str, Act] = {
    "status": reports.status,
    "stats": reports.statistics,
    "errors": reports.errors,
    "users": access.users,
    "allow": access.allow,
    "block": access.block,
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
_TAPS: dict[str, Tap] = {
    "users": access.turn_users,
    "leave": access.leave_now,
    "broadcast": broadcast.press,
    "reload": control.reload_now,
}


class Operators:
    """Carries out operators' commands."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def carry_out(self, order: CommandCall) -> bool:
        """Do what an operator's command says; False when it is none, or not an operator's.

        Raises StoreTrouble.
        """
        act = OPERATOR_COMMANDS.get(order.name)
        here = order.chat.private and operator_of(order) in self._desk.rights.operators
        if act is None or not here:
            return False
        await act(self._desk, order)
        return True

    async def press(self, press: CallbackPress, rest: str) -> str | None:
        """Do what a button of ours says; the key of what is said in passing.

        Raises StoreTrouble.
        """
        verb, _, rest = rest.partition(":")
        if not press.chat.private or operator_of(press) not in self._desk.rights.operators:
            return "button.old"
        if verb == "no":
            self._desk.show(press, translate(language_of(press), "confirm.no"))
            return None
        tap = _TAPS.get(verb)
        if tap is None:
            return "button.old"
        await tap(self._desk, press, rest)
        return None
