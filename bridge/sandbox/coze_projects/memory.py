"""What an agent remembers, by the session that the caller names."""

from dataclasses import dataclass, field

from bridge.sandbox.coze_projects.quirks import Quirks


@dataclass(frozen=True)
class Remembered:
    """One message of a session."""

    role: str
    """`user` or `assistant`."""
    text: str
    run_id: str


@dataclass(eq=False)
class Memory:
    """The messages of every session, which no API can list or delete."""

    quirks: Quirks
    sessions: dict[str, list[Remembered]] = field(default_factory=dict)
    poisoned: set[str] = field(default_factory=set)
    """Sessions with a broken history, in which every run fails."""

    def earlier(self, session_id: str) -> tuple[tuple[str, str], ...]:
        """Return what the agent sees of a session now."""
        messages = self.sessions.get(session_id, [])
        newest = messages[-self.quirks.memory_messages :] if self.quirks.memory_messages else []
        return tuple((one.role, one.text) for one in newest)

    def keep(self, session_id: str, message: Remembered) -> None:
        """Keep a message at the end, or behind what its own run said."""
        if self.quirks.memory == "none":
            return
        messages = self.sessions.setdefault(session_id, [])
        own = [place for place, one in enumerate(messages) if one.run_id == message.run_id]
        together = bool(own) and self.quirks.parallel_runs == "apart"
        messages.insert(own[-1] + 1 if together else len(messages), message)

    def redeployed(self) -> None:
        """Forget what was kept in the process only."""
        if self.quirks.memory_store == "process":
            self.sessions.clear()
            self.poisoned.clear()
