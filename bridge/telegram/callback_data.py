"""What a button carries: one value for each kind of button, in at most 64 bytes. Pure.

A value only names what is looked up when the button is pressed: anybody can send any data.
"""

import re
from dataclasses import dataclass

MOST_BYTES = 64
"""Of a button's data, as the Bot API allows."""
_ID = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True)
class StopAnswer:
    """Stop the answer that is being written."""

    turn_id: int

    def __str__(self) -> str:
        return f"stop:{self.turn_id}"


@dataclass(frozen=True)
class RetryQuestion:
    """Ask a turn's question once more."""

    turn_id: int

    def __str__(self) -> str:
        return f"retry:{self.turn_id}"


@dataclass(frozen=True)
class AskSuggestion:
    """Ask the question that was offered by that number, under an unguessable token."""

    token: str
    number: int

    def __str__(self) -> str:
        return f"ask:{self.token}:{self.number}"


@dataclass(frozen=True)
class RateAnswer:
    """Say what one thinks of an answer."""

    turn_id: int
    like: bool

    def __str__(self) -> str:
        return f"{'like' if self.like else 'dislike'}:{self.turn_id}"


@dataclass(frozen=True)
class ChangeSetting:
    """Choose a value for one of the chat's settings."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"set:{self.name}:{self.value}"


@dataclass(frozen=True)
class DecideAccess:
    """Decide who asks to be let in: `allow`, `deny` or `block`."""

    decision: str
    chat_id: int

    def __str__(self) -> str:
        return f"access:{self.decision}:{self.chat_id}"


@dataclass(frozen=True)
class ShowApprovals:
    """Show another page of those who ask to be let in."""

    page: int

    def __str__(self) -> str:
        return f"access:page:{self.page}"


@dataclass(frozen=True)
class ForgetPerson:
    """Delete what is stored about somebody."""

    person_id: int

    def __str__(self) -> str:
        return f"forget:{self.person_id}"


@dataclass(frozen=True)
class KeepPerson:
    """Delete nothing after all."""

    def __str__(self) -> str:
        return "forget:no"


@dataclass(frozen=True)
class ListConversations:
    """Show a page of the chat's conversations, or of those with some words."""

    page: int
    words: str

    def __str__(self) -> str:
        return f"conv:list:{self.page}:{self.words}"


@dataclass(frozen=True)
class OpenConversation:
    """Go on with an earlier conversation."""

    id: int

    def __str__(self) -> str:
        return f"conv:open:{self.id}"


@dataclass(frozen=True)
class DeleteConversation:
    """Delete a conversation, once they are `sure`."""

    id: int
    sure: bool = False

    def __str__(self) -> str:
        return f"conv:{'gone' if self.sure else 'delete'}:{self.id}"


@dataclass(frozen=True)
class CancelAction:
    """Do nothing of what an operator was asked to confirm."""

    def __str__(self) -> str:
        return "op:no:"


@dataclass(frozen=True)
class ShowUsers:
    """Show another page of a search among the users."""

    page: int
    words: str

    def __str__(self) -> str:
        return f"op:users:{self.page}:{self.words}"


@dataclass(frozen=True)
class LeaveGroup:
    """Have the bot leave a group."""

    chat_id: int

    def __str__(self) -> str:
        return f"op:leave:{self.chat_id}"


@dataclass(frozen=True)
class ControlBroadcast:
    """Send (`send`) or stop (`cancel`) a message to everybody."""

    verb: str
    number: int

    def __str__(self) -> str:
        return f"op:broadcast:{self.verb}:{self.number}"


@dataclass(frozen=True)
class MakeInvite:
    """Make a link that lets one person in, or one group."""

    for_groups: bool

    def __str__(self) -> str:
        return f"op:invite:{'group' if self.for_groups else 'person'}"


@dataclass(frozen=True)
class WithdrawInvite:
    """Let a link count no more."""

    id: int

    def __str__(self) -> str:
        return f"op:withdraw:{self.id}"


@dataclass(frozen=True)
class Reload:
    """Restart with the new settings."""

    def __str__(self) -> str:
        return "op:reload:"


CallbackData = (
    StopAnswer
    | RetryQuestion
    | AskSuggestion
    | RateAnswer
    | ChangeSetting
    | DecideAccess
    | ShowApprovals
    | ForgetPerson
    | KeepPerson
    | ListConversations
    | OpenConversation
    | DeleteConversation
    | CancelAction
    | ShowUsers
    | LeaveGroup
    | ControlBroadcast
    | MakeInvite
    | WithdrawInvite
    | Reload
)


def encode(data: CallbackData) -> str:
    """Return what the button carries. Raises ValueError when that is over 64 bytes."""
    text = str(data)
    if len(text.encode()) > MOST_BYTES:
        raise ValueError(f"{type(data).__name__} does not fit into a button.")
    return text


def parse(text: str) -> CallbackData | None:
    """Return what a button means; None for one that no release of ours has made."""
    kind, _, rest = text.partition(":")
    number = _number(rest)
    match kind:
        case "stop" if number is not None:
            return StopAnswer(number)
        case "retry" if number is not None:
            return RetryQuestion(number)
        case "like" | "dislike" if number is not None:
            return RateAnswer(number, like=kind == "like")
        case "forget" if number is not None:
            return ForgetPerson(number)
        case "forget" if rest == "no":
            return KeepPerson()
        case "ask":
            token, _, last = rest.rpartition(":")
            number = _number(last)
            return AskSuggestion(token, number) if token and number is not None else None
        case "set":
            name, _, value = rest.partition(":")
            return ChangeSetting(name, value)
        case "access":
            return _parse_access(rest)
        case "conv":
            return _parse_conversations(rest)
        case "op":
            return _parse_operators(rest)
        case _:
            return None


def _parse_access(rest: str) -> DecideAccess | ShowApprovals | None:
    verb, _, word = rest.partition(":")
    if verb == "page":
        page = _number(word)
        return None if page is None else ShowApprovals(page)
    known = verb in ("allow", "deny", "block") and _ID.fullmatch(word)
    return DecideAccess(verb, int(word)) if known else None


def _parse_conversations(rest: str) -> CallbackData | None:
    verb, _, rest = rest.partition(":")
    first, _, words = rest.partition(":")
    number = _number(first)
    match verb:
        case "list" if number is not None:
            return ListConversations(number, words)
        case "open" if number is not None:
            return OpenConversation(number)
        case "delete" | "gone" if number is not None:
            return DeleteConversation(number, sure=verb == "gone")
        case _:
            return None


def _parse_operators(rest: str) -> CallbackData | None:
    verb, _, rest = rest.partition(":")
    first, _, last = rest.partition(":")
    match verb:
        case "no":
            return CancelAction()
        case "reload":
            return Reload()
        case "leave" if _ID.fullmatch(rest):
            return LeaveGroup(int(rest))
        case "users":
            return ShowUsers(_number(first) or 0, last)
        case "invite" if rest in ("person", "group"):
            return MakeInvite(for_groups=rest == "group")
        case "withdraw":
            number = _number(rest)
            return None if number is None else WithdrawInvite(number)
        case "broadcast" if first in ("send", "cancel"):
            number = _number(last)
            return None if number is None else ControlBroadcast(first, number)
        case _:
            return None


def _number(text: str) -> int | None:
    """Return a number of ours: not negative, and of 64 bits."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
