"""What a reply should show now: the newest state, and since when somebody waits to see it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from bridge.model import ReplyState


class NewestState:
    """The state that the relay wished for last; only the end of the reply freezes it."""

    def __init__(self) -> None:
        self._state: ReplyState | None = ReplyState()
        self._draw: Callable[[], ReplyState] = ReplyState
        self.changed = asyncio.Event()
        self.complete = asyncio.Event()
        """Set while the text is complete, though its run may go on."""
        self.ended = asyncio.Event()
        """Set when nothing is shown any more until the final state."""
        self.frozen = False
        """Whether nothing is shown until the final state."""
        self.unseen_since: float | None = None
        """When the oldest text came that nobody has seen; on the loop's clock."""

    @property
    def says_something(self) -> bool:
        """Whether it holds words of the agent."""
        return bool(self.state.answers)

    @property
    def state(self) -> ReplyState:
        """The newest state, drawn when somebody looks at it."""
        if self._state is None:
            self._state = self._draw()
        return self._state

    def show(self, draw: Callable[[], ReplyState], *, complete: bool) -> None:
        """Wish for a state; `complete` says that its text may be."""
        self._state, self._draw = None, draw
        if self.unseen_since is None:
            self.unseen_since = asyncio.get_running_loop().time()
        self.changed.set()
        if complete and self.state.whole:
            self.complete.set()
        else:
            self.complete.clear()

    def freeze(self) -> None:
        """Wake up who waits: nothing interim is shown any more."""
        self.frozen = True
        self.ended.set()
        self.changed.set()
        self.complete.set()

    def take(self) -> float | None:
        """Take it for being shown; returns since when somebody waits for it."""
        self.changed.clear()
        since, self.unseen_since = self.unseen_since, None
        return since

    def give_back(self, since: float | None) -> None:
        """Give a state back that was not shown, or not all of it."""
        self.unseen_since = since
        self.changed.set()

    async def until_changed(self, seconds: float | None) -> None:
        """Wait for another state, for so many seconds at most."""
        self.changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()
