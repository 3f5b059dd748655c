"""User variables: what a bot or an application may remember of each of its users."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

CONNECTORS = ("1024", "999")

Place = tuple[str, str | None, str, str, str]
"""Account, session, user, connector, and the bot or application."""


@dataclass(frozen=True)
class Variable:
    """A variable as the settings of a bot or an application define it."""

    keyword: str
    default: str = ""
    description: str = ""
    enabled: bool = True
    prompt_enable: bool = True
    """Whether the prompt sees it; else workflows only."""


def definition_view(variable: Variable) -> dict[str, object]:
    """Return a definition as the endpoint of agents shows it."""
    return {
        "keyword": variable.keyword,
        "description": variable.description,
        "default_value": variable.default,
        "enable": variable.enabled,
        "channel": "custom",
        "prompt_enable": variable.prompt_enable,
    }


@dataclass(frozen=True)
class Kept:
    """A value that was written."""

    value: str
    create_time: int
    """Unix time in seconds; 0 while it is the default."""
    update_time: int


@dataclass(eq=False)
class Variables:
    """The definitions by owner, and the values by place and keyword."""

    clock: Callable[[], float]
    defined: dict[str, dict[str, Variable]] = field(default_factory=dict)
    kept: dict[Place, dict[str, Kept]] = field(default_factory=dict)

    def define(self, owner_id: str, variable: Variable) -> None:
        """Define a variable of a bot or an application, or replace the one of that keyword."""
        self.defined.setdefault(owner_id, {})[variable.keyword] = variable

    def enabled(self, owner_id: str) -> list[Variable]:
        """Return the variables that are in force for a bot or an application."""
        return [one for one in self.defined.get(owner_id, {}).values() if one.enabled]

    def read(self, place: Place, keywords: Collection[str] = ()) -> dict[str, Kept]:
        """Return the values at one place, or those of some keywords; unknown ones are missing."""
        kept = self.kept.get(place, {})
        return {
            one.keyword: kept.get(one.keyword, Kept(one.default, 0, 0))
            for one in self.enabled(place[-1])
            if not keywords or one.keyword in keywords
        }

    def write(self, place: Place, pairs: Sequence[tuple[str, str]]) -> None:
        """Write values at one place."""
        now, kept = int(self.clock()), self.kept.setdefault(place, {})
        for keyword, value in pairs:
            before = kept.get(keyword)
            kept[keyword] = Kept(value, before.create_time if before else now, now)
