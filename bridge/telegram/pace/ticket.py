"""Wishes to make a call, and the line of those that wait in one chat. Pure."""

from dataclasses import dataclass, field
from heapq import heappop

from bridge.telegram.pace.budget import Budget, BudgetKind, Priority


@dataclass(order=True)
class Ticket:
    """A wish to make one call. Earlier ones compare smaller: by priority, then by age."""

    priority: Priority
    since: float
    """Since when there is something to say: the oldest unseen text goes first."""
    number: int
    chat_id: int = field(compare=False, default=0)
    family: BudgetKind = field(compare=False, default=BudgetKind.MESSAGE)
    new: bool = field(compare=False, default=False)
    """Whether it makes a new message."""
    count: int = field(compare=False, default=1)
    """How many: an album is one call and several messages."""
    withdrawn: bool = field(compare=False, default=False)


class ChatLine:
    """One chat's budget in one family, and who waits for it."""

    def __init__(self, budget: Budget | None) -> None:
        self.budget = budget
        self.waiting: list[Ticket] = []
        self.place = 0
        """Its place in the lines of `Pacing`; a place with an earlier number is given up."""
        self.last: Ticket | None = None
        """What was granted last."""

    @property
    def made_message(self) -> bool:
        """Whether the last call made a new message."""
        return self.last is not None and self.last.new

    @property
    def for_people(self) -> bool:
        """Whether people waited for the last call: only these try how much is allowed."""
        return self.last is not None and self.last.priority < Priority.TYPING

    def first(self) -> Ticket | None:
        """Return who goes next there."""
        while self.waiting and self.waiting[0].withdrawn:
            heappop(self.waiting)
        return self.waiting[0] if self.waiting else None
