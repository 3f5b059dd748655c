"""The tree of troubles: each error carries its consequences, so that no caller decides them again.

A trouble knows whether it is permanent, whether the act may have happened all the same, which
sentence the person reads, and what the operator should do.
"""

from enum import Enum
from typing import ClassVar, Self, TypeVar

from bridge.redaction import redacted, without_words

_Kind = TypeVar("_Kind", bound="Trouble")


class Happened(Enum):
    """Whether the act that failed took effect on the other side."""

    NO = "no"
    """Certainly not: it may be repeated."""
    UNKNOWN = "unknown"
    """Nobody can tell: repeating it could do it twice."""
    YES = "yes"
    """It did; only what came after it failed."""


class Retry(Enum):
    """When it is worth trying the same thing again without a person's word."""

    NO = "no"
    ONCE = "once"
    """At once, after the cause was mended (a new token, a new conversation)."""
    WAIT = "wait"
    """After a growing pause, a few times."""
    LATER = "later"
    """Minutes or days later: tell the person, do not try by itself."""


class Trouble(Exception):
    """Something that went wrong, worded for the operator, with what follows from it.

    `doing` says what was tried, `what` says what happened; neither ever holds a token or the text
    of a message.
    """

    retry: ClassVar[Retry] = Retry.NO
    happened: Happened = Happened.NO
    sentence: str = "trouble.inside"
    """The key of the sentence that the person reads."""
    cure: str = "Report this with the log lines around it."
    """What the operator should do."""

    def __init__(
        self,
        doing: str,
        what: str,
        *,
        code: int | str | None = None,
        log_id: str | None = None,
        cure: str | None = None,
        sentence: str | None = None,
        happened: Happened | None = None,
    ) -> None:
        doing, what = redacted(doing), redacted(what)  # whoever tells it on tells no secret
        super().__init__(doing, what)
        self.doing = doing
        self.what = what
        self.code = code
        self.log_id = log_id
        self.cure = cure or self.cure
        self.sentence = sentence or self.sentence
        self.happened = happened or self.happened

    def turned_into(
        self,
        kind: type[_Kind],
        *,
        happened: Happened | None = None,
        what: str | None = None,
        cure: str | None = None,
    ) -> _Kind:
        """Return the same trouble with the consequences of another kind; it is not changed itself."""
        found = kind(
            self.doing,
            self.what if what is None else what,
            code=self.code,
            log_id=self.log_id,
            cure=cure or self.cure,
            sentence=self.sentence,
            happened=happened or self.happened,
        )
        found.__cause__ = self.__cause__
        return found

    def with_(self, *, happened: Happened | None = None, cure: str | None = None) -> Self:
        """Return the same trouble with other consequences; it is not changed itself."""
        return self.turned_into(type(self), happened=happened, cure=cure)

    def without(self, words: str) -> Self:
        """Return it without what it quotes of somebody's words: Coze's own sentences may."""
        return self.turned_into(type(self), what=without_words(self.what, words))

    @property
    def permanent(self) -> bool:
        """Whether trying again without a change by the operator is of no use."""
        return self.retry is Retry.NO

    def __str__(self) -> str:
        """One line for the operator: what was tried, what happened, what to do."""
        marks = [f"code {self.code}"] if self.code is not None else []
        marks += [f"log id {self.log_id}"] if self.log_id else []
        where = f" ({', '.join(marks)})" if marks else ""
        return f"{self.doing}: {self.what}{where}. {self.cure}"


class SettingsTrouble(Trouble):
    """The settings cannot be used; every fault is listed at once."""

    sentence = "trouble.inside"

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("Reading the settings", "; ".join(faults), cure="See .env.example.")
        self.faults = faults

    def __str__(self) -> str:
        """All faults, one a line, each with its variable and cure."""
        return "The settings need a change:\n" + "\n".join(f"  - {fault}" for fault in self.faults)


class StoreTrouble(Trouble):
    """The database cannot be used."""

    sentence = "trouble.store"
    cure = "Check DATABASE_URL, the folder's rights and the free disk space."
    retry = Retry.WAIT


class Unstorable(StoreTrouble):
    """The database works, and does not take this: trying again is of no use."""

    retry = Retry.NO
    cure = "Report this with the log lines around it."


class CozeTrouble(Trouble):
    """Coze refused or failed; the class says what follows."""

    sentence = "trouble.coze"


class Unauthorized(CozeTrouble):
    """The token is invalid or expired, or could not be had."""

    retry = Retry.ONCE
    sentence = "trouble.closed"
    cure = (
        "Replace COZE_API_TOKEN with a valid token of the same region as COZE_API_BASE, "
        "or check the JWT settings."
    )


class TokenRefused(Unauthorized):
    """The token is refused, and there is no way to have another: asking again is of no use."""

    retry = Retry.NO


class SignInRefused(Unauthorized):
    """The OAuth server refused our JWT: a new one of the same kind is refused just so."""

    retry = Retry.NO


class Forbidden(CozeTrouble):
    """The token lacks a permission, or belongs to another workspace or region."""

    sentence = "trouble.closed"
    cure = (
        "Give the token the permission and the agent's workspace in Coze; a change there takes "
        "some seconds to count."
    )


class AgentUnavailable(CozeTrouble):
    """The agent is unknown, unpublished or misconfigured."""

    sentence = "trouble.agent"
    cure = "Check COZE_BOT_ID and publish the agent with the channel 'API'."


class ConversationLost(CozeTrouble):
    """Coze no longer knows the conversation: a new one cures it."""

    retry = Retry.ONCE
    sentence = "trouble.conversation"
    cure = "Nothing: a new conversation is made by itself."


class ResourceUnknown(ConversationLost, AgentUnavailable):
    """Coze does not know something that the question names (4200).

    If that is the conversation, a new one cures it; if a new one does not, it is the agent.
    """

    sentence = AgentUnavailable.sentence
    cure = "Coze does not know this id: check COZE_BOT_ID, the region and the publication."


class Busy(CozeTrouble):
    """Another run is going in this conversation (4016)."""

    retry = Retry.WAIT
    sentence = "trouble.busy"
    cure = "Nothing, if it passes; else see whether another program uses the same conversation."


class RateLimited(CozeTrouble):
    """Too many calls for now."""

    retry = Retry.WAIT
    sentence = "trouble.crowded"
    cure = "If it lasts, reduce the load or raise the plan's rate in Coze."


class QuotaGone(CozeTrouble):
    """Money, credits or the day's use are gone."""

    retry = Retry.LATER
    sentence = "trouble.quota"
    cure = "Top up or upgrade the Coze account, or wait for its quota to renew."


class TooLong(CozeTrouble):
    """The conversation does not fit the model any more."""

    sentence = "trouble.too_long"
    cure = "A new conversation (/new) or a shorter question."


class Refused(CozeTrouble):
    """The agent may not or cannot answer this."""

    sentence = "trouble.refused"
    cure = "If it happens to harmless questions, look at the agent's configuration."


class FileRefused(CozeTrouble):
    """Coze does not take this file: its type, its size, or what is in it."""

    sentence = "file.refused"
    cure = "Nothing: the person was told. Coze's documentation lists the types that it takes."


class ToolsRefused(CozeTrouble):
    """The agent waits for a tool on our side, and does not take that we have none."""

    happened = Happened.YES
    cure = (
        "The agent asks for a local tool, which the bridge has none of: take it out of the agent."
    )


class BadRequest(CozeTrouble):
    """Coze did not accept the request as it was."""

    cure = "Report this with the log id: the bridge should not have sent it."


class RunUnknown(CozeTrouble):
    """Coze does not know the run that we ask about."""

    cure = "Nothing: the run is gone and cannot be finished."
    happened = Happened.UNKNOWN


class NotCancellable(CozeTrouble):
    """The run is over already: asking to stop it came too late (4104)."""

    happened = Happened.YES


class NotOffered(CozeTrouble):
    """This deployment does not have the endpoint: the feature is off there."""

    cure = "Nothing: this Coze deployment does not offer it."


class WrongAddress(CozeTrouble):
    """What every Coze has is not there: this address is none."""

    sentence = "trouble.closed"
    cure = "Check COZE_API_BASE: it is not the address of a Coze API."


class ServerTrouble(CozeTrouble):
    """Coze failed inside."""

    retry = Retry.WAIT
    happened = Happened.UNKNOWN
    cure = "If it lasts, report the log id to Coze."


class Unreachable(CozeTrouble):
    """No connection to Coze came about: certainly nothing happened."""

    retry = Retry.WAIT
    sentence = "trouble.unreachable"
    cure = "Check the network, COZE_API_BASE and COZE_PROXY."


class Interrupted(CozeTrouble):
    """The connection broke, or nothing was heard for too long, after the request was sent."""

    happened = Happened.UNKNOWN
    sentence = "trouble.unreachable"
    cure = "Check the network and any proxy between the bridge and Coze (it must not buffer)."


class NeverAsked(CozeTrouble):
    """The connection broke while we asked, and the question did not arrive: it may be asked."""

    retry = Retry.WAIT
    sentence = "trouble.unreachable"
    cure = "Check the network and any proxy between the bridge and Coze."


class NotTaken(NeverAsked):
    """Coze answered our question with an error, and does not keep it: it may be asked once more."""


class Garbled(CozeTrouble):
    """What arrived is not what Coze documents."""

    happened = Happened.UNKNOWN
    cure = "Check that COZE_API_BASE is a Coze API and that no proxy changes its answers."


class RunFailed(CozeTrouble):
    """The run began and ended in failure without a code that says more."""

    happened = Happened.YES
    cure = (
        "Look at the run in the agent's log in Coze, by the log id if there is one, else by the "
        "time. If every question in a chat ends so, its history may be what breaks it: /new."
    )


class NothingToAsk(CozeTrouble):
    """Of a message only files came, and none of them can reach the agent; `sentence` says why."""

    cure = "Nothing: the person was told why."


class TelegramTrouble(Trouble):
    """Telegram refused or could not be reached."""

    sentence = "trouble.inside"


class TokenRevoked(TelegramTrouble):
    """Telegram does not know our token (any more)."""

    cure = "Set TELEGRAM_BOT_TOKEN to the token that BotFather shows for the bot."


class SecondPoller(TelegramTrouble):
    """Another program takes the bot's updates, by polling or by a webhook."""

    cure = "Stop the other program that uses this bot's token, or delete its webhook."


class NotShown(TelegramTrouble):
    """An answer was given, and nothing of it could be written into its chat."""

    cure = "Nothing, if the person blocked the bot or the topic is gone; else look at the log."


class FileGone(TelegramTrouble):
    """Telegram does not give us a file (any more), or it is too large for bots."""

    sentence = "file.gone"
    cure = "Nothing: the person was told."


class TelegramUnreachable(TelegramTrouble):
    """No answer came from Telegram."""

    retry = Retry.WAIT
    happened = Happened.UNKNOWN
    cure = "Check the network, TELEGRAM_API_BASE_URL and TELEGRAM_PROXY."
