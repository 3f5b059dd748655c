"""Which agents there are, by the keys under which chats choose them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.coze.kinds.agent import Agent, Kind
from bridge.coze.kinds.gone import GoneAgent
from bridge.errors import Trouble
from bridge.model import AgentAccount
from bridge.relay.attachments import Attachments
from bridge.store.operators.agents import DeclaredAgents


@dataclass(frozen=True, kw_only=True)
class OfferedAgent:
    """An agent that chats can choose, with all that is needed to ask it."""

    key: str
    """What is stored of the choice: its name in the configuration, or its id at Coze."""
    home: AgentAccount
    """What its conversations belong to."""
    client: Agent
    attachments: Attachments | None = None
    """What brings files to it; None where none are to be brought."""
    told_facts: frozenset[str] = frozenset()
    """What it is told of whom it serves, by the names of the facts."""

    names: Mapping[str, str] = field(default_factory=dict)
    """What its settings are called in cures, where they do not stand in the environment."""

    kind: Kind = Kind.CHAT

    def said(self, trouble: Trouble) -> str:
        """Return a trouble as the operator reads it: with the agent's name, if it has one."""
        return str(trouble) if self.key.isdecimal() else f"Agent {self.key}: {trouble}"

    @property
    def label(self) -> str:
        """What metrics call it: its name; those that have only an id are counted together."""
        return "by-id" if self.key.isdecimal() else self.key


class Agents:
    """The agents of the settings, and those that operators have added by their ids."""

    def __init__(
        self,
        declared: Sequence[OfferedAgent],
        default: str | None = None,
        by_id: Callable[[str], OfferedAgent] | None = None,
    ) -> None:
        """`by_id` makes an agent of an id; without it none can be added. The first is the default."""
        self._declared = {one.key: one for one in declared}
        self._by_id = by_id
        self._added: dict[str, OfferedAgent] = {}
        self.declared = DeclaredAgents(
            tuple(self._declared), default or declared[0].key, takes_ids=by_id is not None
        )

    @property
    def default(self) -> OfferedAgent:
        """The one of the settings that answers chats which have chosen none."""
        return self._declared[self.declared.default]

    @property
    def all_declared(self) -> Sequence[OfferedAgent]:
        """Those of the settings."""
        return tuple(self._declared.values())

    @property
    def token_seconds_left(self) -> float | None:
        """Seconds until the first of their tokens ends; None where that is not known."""
        left = [one.client.token_seconds_left for one in self._declared.values()]
        return min((one for one in left if one is not None), default=None)

    def keeping(self, key: str | None, home: AgentAccount) -> OfferedAgent:
        """Return the agent of a conversation; an earlier release did not write its `key` down."""
        return self.of(key) if key else self.at(home)

    def at(self, home: AgentAccount) -> OfferedAgent:
        """Return the agent to which a conversation belongs."""
        known = [*self._declared.values()]
        known += [self.of(home.agent_id)] if home.agent_id.isdecimal() else []
        return next((one for one in known if one.home == home), gone(home.agent_id))

    def of(self, key: str | None) -> OfferedAgent:
        """Return the agent of that key; of one that is gone, one that says so when it is asked.

        A turn of a release that knew one agent only has no key: it is the one of the environment.
        """
        if key is None:
            first = next((one for one in self._declared.values() if one.key.isdecimal()), None)
            return first or gone("of before")
        if key in self._declared:
            return self._declared[key]
        if key not in self._added:
            self._added[key] = self._made(key)
        return self._added[key]

    def _made(self, key: str) -> OfferedAgent:
        if self._by_id is not None and key.isdecimal():
            return self._by_id(key)
        return gone(key)


def gone(key: str) -> OfferedAgent:
    """Return what stands for an agent that cannot be asked any more."""
    return OfferedAgent(key=key, home=AgentAccount(key, "", ""), client=GoneAgent(key))
