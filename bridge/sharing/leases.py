"""Which leases a process holds, and for how long it may be sure of them."""

import time
from collections.abc import Callable, Collection, Mapping

from bridge.errors import LeaseLost
from bridge.sharing.shards import shard_of

FENCE_SECONDS = 3.0
"""After so long without a word from the database nothing is sure: it gives leases away after four."""
_DOING = "Working for a chat"
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_seconds() -> float:
    """Return a clock that also runs while the machine is frozen, where there is one."""
    return time.clock_gettime(_CLOCK)


class Leases:
    """The leases of this process, each with its epoch."""

    def __init__(self, clock: Callable[[], float] = boot_seconds) -> None:
        """`clock` runs in seconds, also while the machine stands still."""
        self.clock = clock
        self._epochs: dict[int, int] = {}
        self._confirmed = float("-inf")

    def __contains__(self, number: int) -> bool:
        """Whether the lease was held when that was last looked at."""
        return number in self._epochs

    @property
    def held(self) -> frozenset[int]:
        """The numbers of the leases that are held."""
        return frozenset(self._epochs)

    def confirm(self, asked_at: float) -> None:
        """Note that the database has answered what it was asked at that time of the clock."""
        self._confirmed = max(self._confirmed, asked_at)

    def take(self, epochs: Mapping[int, int]) -> None:
        """Hold leases from now on, each in its epoch."""
        self._epochs.update(epochs)

    def give_up(self, numbers: Collection[int]) -> None:
        """Hold these no more."""
        for number in numbers:
            self._epochs.pop(number, None)

    def lose_all(self) -> frozenset[int]:
        """Hold nothing any more; returns what was held."""
        held = self.held
        self._epochs.clear()
        self._confirmed = float("-inf")
        return held

    def owns(self, chat_id: int) -> bool:
        """Return whether the chat is this process's."""
        return shard_of(chat_id) in self._epochs

    def check(self) -> None:
        """Raise LeaseLost when what was held may be another's meanwhile, as after a freeze.

        It is asked right before an act that cannot be taken back.
        """
        silent = self.clock() - self._confirmed
        if silent >= FENCE_SECONDS:
            known = f"{silent:.1f} s ago" if self._epochs else "lost"
            raise LeaseLost(_DOING, f"the session that holds the leases was last heard: {known}")

    def epochs(self, chats: Collection[int]) -> Mapping[int, int]:
        """Return the leases of chats and their epochs. Raises LeaseLost for another process's chat."""
        numbers = {shard_of(chat_id) for chat_id in chats}
        if not numbers <= self._epochs.keys():
            raise LeaseLost(_DOING, "it is another process's now")
        return {number: self._epochs[number] for number in sorted(numbers)}
