"""Coze's error codes, each turned into the trouble that it means.

Codes are matched, never texts: the language of `msg` follows Accept-Language. (Of 4200 the name of
the parameter is read, which is in no language, and of one code of coze-studio its English words.)
Business errors arrive with HTTP 200 as often as not, in an envelope, in a run's `last_error` or in an
event.
"""

import re

from bridge.errors import Happened
from bridge.errors.coze import (
    AgentUnavailable,
    BadRequest,
    Busy,
    ConversationLost,
    CozeTrouble,
    FileRefused,
    Forbidden,
    NotCancellable,
    NotOffered,
    QuotaGone,
    RateLimited,
    Refused,
    ResourceUnknown,
    RunFailed,
    RunUnknown,
    ServerTrouble,
    TooLong,
    Unauthorized,
)

_NUMBER = re.compile(r"-?\d{1,12}")
"""Codes are numbers; what else stands in their place is somebody's words."""
_STUDIO_FLOW = "777777775"
"""What coze-studio says of all that is wrong with a question to a chatflow; its words tell what."""

_BY_CODE: dict[str, type[CozeTrouble]] = {
    "4001": RunUnknown,
    "4002": ConversationLost,
    "4006": AgentUnavailable,
    "4008": QuotaGone,
    "4009": RateLimited,
    "4010": TooLong,
    "4011": QuotaGone,
    "4012": AgentUnavailable,
    "4013": RateLimited,
    "4014": Refused,
    "4015": AgentUnavailable,
    "4016": Busy,
    "4019": QuotaGone,
    "4020": RateLimited,
    "4021": AgentUnavailable,
    "4022": QuotaGone,
    "4027": QuotaGone,
    "4028": QuotaGone,
    "4100": Unauthorized,
    "4101": Forbidden,
    "4102": Refused,
    "4104": NotCancellable,
    "4105": Refused,
    **dict.fromkeys(("4300", "4301", "4302", "4303", "4304"), FileRefused),
    "4200": ResourceUnknown,
    "5000": ServerTrouble,
    "6023": RunFailed,
    "6031": AgentUnavailable,
    "700012006": Unauthorized,
    "702093018": RateLimited,
    "702242003": AgentUnavailable,
    "708230702": ServerTrouble,
    "710005002": RateLimited,
    "788788103": QuotaGone,
    # coze-studio, the self-hosted deployment
    "103000001": Forbidden,
    "103000002": ConversationLost,
    "103100002": AgentUnavailable,
    "103200003": RunUnknown,
    "103200004": AgentUnavailable,
    "103200005": NotCancellable,
    _STUDIO_FLOW: RunFailed,
    # of workflows
    "720702004": AgentUnavailable,
    "720702011": AgentUnavailable,
    "777777762": ConversationLost,
    "777777765": Forbidden,
}

_CURES: dict[str, str] = {
    "4006": "COZE_BOT_ID is unknown to this account: check the id, the workspace and the region.",
    "4008": "The agent's daily use limit is reached: wait for tomorrow or upgrade the plan.",
    "4011": "The Coze token balance is used up: top it up.",
    "4012": "The agent's model was withdrawn: choose another model and publish again.",
    "4015": (
        "Publish the agent with the channel 'API' ticked (it takes some minutes), and check that "
        "the token and COZE_API_BASE are of the same region."
    ),
    "4019": "The Coze account is overdue: pay the balance.",
    "4020": "The purchased requests per minute are exceeded: raise them in Coze.",
    "4021": "The agent's chatflow or workflow is not configured: fix it and publish again.",
    "4022": "The model account behind the agent is in arrears: pay it.",
    "4102": "Coze's risk control blocks this account: write to Coze's support with the log id.",
    "4105": "Coze finds sensitive content in the agent's configuration: edit the agent.",
    "6031": "The workflow is not published: publish it and the agent.",
    "702242003": "The agent is no longer bound to this channel: publish it again.",
}

_BY_STATUS: dict[int, type[CozeTrouble]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotOffered,
    405: NotOffered,
    408: ServerTrouble,
    413: BadRequest,
    429: RateLimited,
}


_IN_OUR_WORDS: dict[type[CozeTrouble], str] = {
    AgentUnavailable: "the agent cannot be used",
    Busy: "another run is going in the conversation",
    ConversationLost: "Coze does not know the conversation",
    FileRefused: "Coze does not take the file",
    NotCancellable: "the run cannot be cancelled",
    QuotaGone: "what the plan allows is used up",
    RateLimited: "too many requests",
    Refused: "Coze's content rules refuse it",
    ResourceUnknown: "Coze does not know what was asked for",
    RunUnknown: "Coze does not know the run",
    TooLong: "the question is too long",
}
"""What codes mean of which Coze's own sentence may quote people. That about a token or a right names
the right that is missing, and quotes nobody."""


def trouble(
    doing: str,
    *,
    code: int | str | None,
    msg: str,
    log_id: str | None = None,
    status: int = 200,
    in_run: bool = False,
) -> CozeTrouble:
    """Return the trouble that an error code (or, without one, an HTTP status) means.

    `in_run` says that the run had begun when it failed: then it happened, whatever the code.
    """
    number = str(code) if code is not None else ""
    if not _NUMBER.fullmatch(number):
        number, code = "", None
    found = _BY_CODE.get(number) or _by_family(number, status, in_run=in_run)
    if found is ResourceUnknown:
        found = _named(msg)
    if number == _STUDIO_FLOW and "conversation not found" in msg.casefold():
        found = ConversationLost
    ours = _IN_OUR_WORDS.get(found) if number in _BY_CODE and not in_run else None
    what = ours or _plain(msg) or (f"HTTP {status}" if status != 200 else "no reason was given")
    happened = None
    if in_run:
        happened = Happened.YES
    elif number in _BY_CODE:
        happened = Happened.NO  # an envelope with a code means: rejected before it ran
    cure = _CURES.get(number)
    return found(doing, what, code=code, log_id=log_id, cure=cure, happened=happened)


def meaning(code: str) -> str:
    """Return what a code of Coze means, in a few words; empty where that is not known."""
    kind = _BY_CODE.get(code)
    return _IN_OUR_WORDS.get(kind, "") if kind else ""


def _named(msg: str) -> type[CozeTrouble]:
    """Return which resource is unknown: the message may name the parameter that names it."""
    if "bot_id=" in msg:
        return AgentUnavailable
    return RunUnknown if "chat_id=" in msg else ResourceUnknown


def _by_family(number: str, status: int, *, in_run: bool) -> type[CozeTrouble]:
    """Return what an unlisted code means: 4xxx is ours to mend, anything in a run is the agent's."""
    if in_run:
        return RunFailed
    if status >= 500:
        return ServerTrouble
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if number.startswith("4") and len(number) == 4:
        return BadRequest
    return RunFailed


def _plain(msg: str) -> str:
    """Coze's sentence on one line of at most 300 characters, without its full stop."""
    return " ".join(msg.split())[:300].rstrip(".。 ")
