"""The tree of troubles: each error carries its consequences, so that no caller decides them again.

A trouble knows whether to try again, whether the act may have happened all the same, which sentence
the person reads, and what the operator should do.
"""

from collections.abc import Mapping
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

    def with_names(self, names: Mapping[str, str]) -> Self:
        """Return it with a cure that calls the settings by other names."""
        cure = self.cure
        for name, other in names.items():
            cure = cure.replace(name, other)
        return self if cure == self.cure else self.with_(cure=cure)

    def without(self, words: str) -> Self:
        """Return it without what it quotes of somebody's words: Coze's own sentences may."""
        return self.turned_into(type(self), what=without_words(self.what, words))

    def __str__(self) -> str:
        """One line for the operator: what was tried, what happened, what to do."""
        marks = [f"code {self.code}"] if self.code is not None else []
        marks += [f"log id {self.log_id}"] if self.log_id else []
        where = f" ({', '.join(marks)})" if marks else ""
        return f"{self.doing}: {self.what}{where}. {self.cure}"


class SettingsTrouble(Trouble):
    """The settings cannot be used; every fault is listed at once."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        faults = tuple(redacted(one if one.endswith((".", "?")) else f"{one}.") for one in faults)
        super().__init__("Reading the settings", " ".join(faults), cure="See .env.example.")
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


class LeaseLost(StoreTrouble):
    """Another process may work for this chat now: whoever hears it does nothing more for it."""

    cure = "Nothing is to be done: another process goes on, or this one when it has the chat again."


class TelegramTrouble(Trouble):
    """Telegram refused or could not be reached."""


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
    cure = "Nothing to do: the person was told."


class TelegramUnreachable(TelegramTrouble):
    """No answer came from Telegram."""

    retry = Retry.WAIT
    happened = Happened.UNKNOWN
    cure = "Check the network, TELEGRAM_API_BASE_URL and TELEGRAM_PROXY."
