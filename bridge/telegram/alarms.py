"""What operators must know at once: told when it begins, with what to do, and when it is over."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import structlog
from telegram.error import TelegramError

from bridge.errors import StoreTrouble, Trouble
from bridge.errors.coze import (
    AgentUnavailable,
    Forbidden,
    Interrupted,
    NeverAsked,
    QuotaGone,
    RunLost,
    ServerTrouble,
    Unauthorized,
    Unreachable,
    WrongAddress,
)
from bridge.model import ChatKey, Outcome, State
from bridge.sharing.coordinator import Bell
from bridge.store.operators import alarms
from bridge.store.operators.agents import DeclaredAgents
from bridge.telegram.access.people import People
from bridge.telegram.access.rights import Rights
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.post import Cause, PostContent, Rendered, shortened
from bridge.texts import DEFAULT, age, translate

log = structlog.get_logger(__name__)
LOOK_SECONDS = 15.0
TELLING_SECONDS = 86400.0
"""How old an alarm may be that an operator still hears of; the outbox remembers for longer."""
_OF_RUNS: dict[type[Trouble], str] = {
    Unauthorized: "token",
    Forbidden: "token",
    AgentUnavailable: "agent",
    QuotaGone: "quota",
    WrongAddress: "address",
    Unreachable: "coze",
    NeverAsked: "coze",
}
"""Which troubles of a run are the operators' business; an answer says that they are over.

Who cannot be reached was tried for a minute before a run ends so.
"""
_AGAIN_AND_AGAIN = (ServerTrouble, Interrupted)
ALARM_KINDS = (
    *sorted({*_OF_RUNS.values()}),
    "telegram",
    "updates",
    "store",
    "file",
    "clock",
    "process",
)
"""All that an alarm can be about; the catalogues say each."""
MOST_FAILURES = 3
"""So many runs of an agent in a row that Coze fails or breaks off are the operators' business, too."""

Faults = Callable[[], Awaitable[Sequence[tuple[str, str]]]]
"""What is wrong with the bridge itself now: kinds and descriptions."""


class Alarms:
    """Tells the operators."""

    def __init__(
        self, notices: NoticeQueue, rights: Rights, people: People, agents: DeclaredAgents
    ) -> None:
        self._calls = notices.calls
        self._notices = notices
        self._store = notices.calls.store
        self._rights = rights
        self._people = people
        self._agents = agents
        self._heard: asyncio.Queue[tuple[str, Trouble | None]] = asyncio.Queue()
        self._telling = asyncio.Lock()
        self._unstored: set[str] = set()
        """What was told without the database, which is what is wrong."""
        self._quiet: set[str] = set()
        """Agents whose last run was fine, and of which nothing of its kind is wrong."""
        self._failures: Counter[str] = Counter()
        """How many runs in a row Coze failed, by the agent."""
        self.failing: set[str] = set()
        """Agents whose runs fail though they can be reached: only an answer says that it is over."""

    def ended(self, end: Outcome, trouble: Trouble | None, agent: str) -> None:
        """Note how a run of an agent has ended. Only an answer says that all is well."""
        if trouble is None and (_named(agent) in self._quiet or end.state is not State.ANSWERED):
            return  # as nearly always
        if trouble is None or self._kind(agent, trouble) is not None:
            self._heard.put_nowait((agent, trouble))

    def _kind(self, agent: str, trouble: Trouble) -> str | None:
        """Return what kind of alarm the end of a run is; None for one that concerns only its person."""
        if (found := kind_of(trouble)) is not None:
            return found
        if not isinstance(trouble, _AGAIN_AND_AGAIN) or isinstance(trouble, RunLost):
            return None
        self._quiet.discard(_named(agent))
        self._failures[agent] += 1
        if self._failures[agent] < MOST_FAILURES:
            return None
        self.failing.add(agent)
        return "coze"

    def listen(self) -> None:
        """Let the next answer say that all is well: another process may have begun an alarm."""
        self._quiet.clear()

    async def follow_runs(self) -> None:
        """Tell, for ever, what runs ended in; first, what an earlier process did not come to tell."""
        try:
            await self._tell_again()
        except StoreTrouble as error:
            log.error("alarm not delivered", trouble=str(error))
        while True:
            agent, trouble = await self._heard.get()
            try:
                await self._judge(agent, trouble)
            except StoreTrouble as error:
                log.error("alarm not delivered", trouble=str(error))

    async def _judge(self, agent: str, trouble: Trouble | None) -> None:
        named = _named(agent)
        if trouble is not None:
            self._quiet.discard(named)
            await self.begin_for(agent, kind_of(trouble) or "coze", trouble)
            return
        self._failures.pop(agent, None)
        self.failing.discard(agent)
        for each in sorted(set(_OF_RUNS.values())):
            await self.end(f"{each}{named}")
        self._quiet.add(named)

    async def begin_for(self, agent: str, kind: str, trouble: Trouble) -> None:
        """Tell the operators what is wrong with an agent. Raises StoreTrouble."""
        named = _named(agent)
        await self.begin(f"{kind}{named}", f"Agent{named}: {trouble}" if named else str(trouble))

    async def found(self, agent: str) -> None:
        """Note that an agent was looked up and can be asked: what a look finds is over then.

        Raises StoreTrouble.
        """
        kinds = {"token", "agent", "address", *(() if agent in self.failing else ("coze",))}
        for kind in sorted(kinds):
            await self.end(f"{kind}{_named(agent)}")

    async def stands_for(self, agent: str, kind: str) -> bool:
        """Return whether the operators were told, and it is not over. Raises StoreTrouble."""
        async with self._store.reading() as tx:
            return f"{kind}{_named(agent)}" in {one.kind for one in await alarms.current(tx)}

    async def watch(self, faults: Faults) -> None:
        """Look, for ever, whether the bridge itself is well."""
        while True:
            try:
                now = dict(await faults())
                for kind, what in now.items():
                    if kind in self._unstored:  # told already: is it over, if somebody writes?
                        await self.end(kind)
                    else:
                        await self.begin(kind, what)
                for kind in await self._known() - now.keys():
                    await self.end(kind)
                if not now and self._unstored:
                    self._unstored.clear()
                    await self._tell(f"alarm store over {time.time():.0f}", "store", "alarm.stored")
            except StoreTrouble as error:
                await self._tell_unstored(str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def _known(self) -> set[str]:
        async with self._store.reading() as tx:
            kinds = {one.kind for one in await alarms.current(tx)}
        return {one for one in kinds if not self._of_a_run(one)}

    def _of_a_run(self, kind: str) -> bool:
        """Return whether only an answer ends an alarm: of an agent that is still offered."""
        word, _, agent = kind.partition(" ")
        if word not in _OF_RUNS.values():
            return False
        return agent in self._agents.keys if agent else self._agents.takes_ids

    async def begin(self, kind: str, what: str) -> None:
        """Tell the operators, once, that something is wrong. Raises StoreTrouble."""
        async with self._store.writing() as tx:
            fresh = await alarms.begin(tx, kind, what)
            if fresh:
                await self._calls.sharing.ring(tx, Bell.ALARM)
        if fresh:
            log.error("alarm", kind=kind, what=what)
            await self._tell_again()

    async def end(self, kind: str) -> None:
        """Tell those who heard of it that it is over. Raises StoreTrouble."""
        async with self._store.writing() as tx:
            was = await alarms.end(tx, kind)
        if was is not None:
            log.warning("alarm over", kind=kind)
            seconds = max(1.0, time.time() - was.since)
            name = f"alarm {kind} over {time.time():.0f}"
            await self._tell(name, kind, "alarm.over", seconds)

    async def _tell_again(self) -> None:
        """Tell what is wrong; who was told reads it only once, also after a crash."""
        async with self._telling:
            async with self._store.reading() as tx:
                found = await alarms.current(tx)
            for one in found:
                if time.time() - one.since < TELLING_SECONDS:
                    name = f"alarm {one.kind} {one.since:.3f}"
                    await self._tell(name, one.kind, "alarm.begins", details=one.what)

    async def _tell(
        self, name: str, kind: str, key: str, seconds: float = 0.0, details: str = ""
    ) -> None:
        """Tell all operators, each in their language; the details stay as the log has them."""

        async def tell(operator: int) -> None:
            language = await self._people.language_of(operator)
            what = "\n\n".join(one for one in (described(kind, language), details) if one)
            text = translate(language, key, what=what, age=age(seconds, language))
            frame = PostContent(Rendered(shortened(text, 4000)))
            await self._notices.send(ChatKey(operator), frame, Cause(f"{name} {operator}", 0))

        # One whose chat wants silence does not keep it from the others.
        await asyncio.gather(*(tell(one) for one in sorted(self._rights.operators)))

    async def _tell_unstored(self, what: str) -> None:
        """Tell, without writing it down, that the database itself is what is wrong."""
        if "store" in self._unstored:
            return
        self._unstored.add("store")
        what = f"{described('store', DEFAULT)}\n\n{what}"
        text = translate(DEFAULT, "alarm.begins", what=what)  # whose language nobody can look up
        for operator in sorted(self._rights.operators):
            try:
                await self._calls.raw("sendmessage", chat_id=operator, text=text)
            except TelegramError as error:
                log.warning("operator notification failed", error=type(error).__name__)


def _named(agent: str) -> str:
    """Return what stands behind the kind of an alarm; those that have only an id share theirs."""
    return "" if agent.isdecimal() else f" {agent}"


def kind_of(trouble: Trouble) -> str | None:
    """Return the kind of alarm that a single trouble with an agent is; None for a passing one."""
    found = (name for kind, name in _OF_RUNS.items() if isinstance(trouble, kind))
    return next(found, None)


def described(kind: str, language: str) -> str:
    """Return what is wrong and what to do, in the reader's language; with the agent's name, if any."""
    word, _, agent = kind.partition(" ")
    text = translate(language, f"alarm.is.{word}")
    return f"{agent}: {text}" if agent else text


def updates_stuck(seconds: float) -> str:
    """Return what operators read when updates come and none is settled."""
    return (
        f"Updates come from Telegram, and none has been settled for {age(seconds, 'en')}. "
        "Restart the bridge, and report this with the log lines around it."
    )


def clock_off(ahead_seconds: float) -> str:
    """Return what operators read when our clock is not Telegram's."""
    how = "ahead of" if ahead_seconds > 0 else "behind"
    return (
        f"The clock of this machine is {age(abs(ahead_seconds), 'en')} {how} Telegram's. Set it, "
        "best by NTP: quotas, ages and what is kept how long go by it."
    )


def file_lost(fault: str) -> str:
    """Return what operators read when the database lies elsewhere than it did."""
    return (
        f"The database: {fault}. What is written now is lost when the bridge ends. "
        "Stop it, put the file back from a backup, and start it again."
    )
