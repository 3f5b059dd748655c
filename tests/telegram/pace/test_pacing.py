"""Which call goes next, and when: everything here runs on a virtual clock."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import LearnedLimit
from bridge.telegram.pace.budget import Budget, BudgetKind, Priority
from bridge.telegram.pace.chat_limits import (
    ACTION_TOPS,
    ACTIONS,
    GROUP,
    PRIVATE,
    ChatLimits,
    Limits,
)
from bridge.telegram.pace.outcomes import MARGIN_SECONDS
from bridge.telegram.pace.overall import NEW, OVERALL
from bridge.telegram.pace.pacing import Pacing
from bridge.telegram.pace.scheduler import Pacer
from bridge.telegram.pace.ticket import Ticket

PRIVATE_CHAT, GROUP_CHAT = ChatLimits(PRIVATE, fixed=True), ChatLimits(GROUP, fixed=True)
FINAL, FIRST, INTERIM = Priority.FINAL, Priority.FIRST, Priority.INTERIM


def test_the_first_call_goes_at_once_and_the_next_edit_waits_for_the_gap() -> None:
    budget = Budget(PRIVATE_CHAT, 1, 0)
    assert budget.wait(0, INTERIM) == 0
    budget.spend(0)
    assert budget.wait(0, INTERIM) == PRIVATE.gap
    assert budget.wait(0, FINAL) == 0


def test_a_final_call_is_kept_back_from_a_stream_of_edits() -> None:
    for limits in (PRIVATE_CHAT, GROUP_CHAT):
        budget = Budget(limits, 1, 0)
        now = 0.0
        for _ in range(50):
            now += budget.wait(now, INTERIM)
            budget.spend(now)
        assert budget.wait(now, FINAL) == 0


@pytest.mark.parametrize("replies", [1, 2, 3, 4, 5])
def test_a_group_keeps_a_call_back_for_each_reply_that_grows_there(replies: int) -> None:
    budget = Budget(GROUP_CHAT, -1, 0)
    budget.replies = replies
    now = 0.0
    for _ in range(50):
        now += budget.wait(now, INTERIM)
        budget.spend(now)
    for _ in range(replies):
        assert budget.wait(now, FINAL) == pytest.approx(0)
        budget.spend(now)


def test_a_refusal_closes_the_chat_for_everything_and_slows_it_for_a_minute() -> None:
    budget = Budget(PRIVATE_CHAT, 1, 0)
    budget.spend(0)
    budget.silenced(10, 5)
    budget.slowed()
    assert budget.wait(10, FINAL) == 5 + MARGIN_SECONDS
    budget.spend(16)
    assert budget.wait(16, INTERIM) == pytest.approx(2 * PRIVATE.gap)
    budget.spend(90)
    assert budget.wait(90, INTERIM) == pytest.approx(PRIVATE.gap)


@pytest.mark.parametrize("taken_over", [True, False])
def test_what_goes_through_where_another_process_called_proves_nothing(taken_over: bool) -> None:
    """Its budget is taken for empty, and seldom is."""
    limits = ChatLimits(PRIVATE)
    budget, now = Budget(limits, 1, 0), 0.0
    budget.replies = 1
    if taken_over:
        budget.begin_empty(0)
    for _ in range(20):
        now += budget.wait(now, Priority.FINAL)
        budget.spend(now)
        budget.answered(now + 0.04)
    assert (limits.estimate.rate_for(1) > 1 / PRIVATE.every) is not taken_over


def test_a_call_that_was_not_made_does_not_count() -> None:
    for budget in (Budget(PRIVATE_CHAT, 1, 0), Budget(ChatLimits(ACTIONS, ACTION_TOPS), 1, 0)):
        for priority in (INTERIM, FINAL):
            budget.spend(1)
            before = budget.wait(1.5, priority)
            budget.spend(1.5)
            budget.give_back()
            assert budget.wait(1.5, priority) == pytest.approx(before)


def test_an_idle_chat_can_be_forgotten() -> None:
    budget = Budget(PRIVATE_CHAT, 1, 0)
    assert budget.idle(0.0)
    budget.spend(0)
    assert not budget.idle(2.0)
    assert budget.idle(60.0)
    budget.replies = 1
    assert not budget.idle(60.0)


@dataclass
class Schedule:
    """Runs a `Pacing` on a virtual clock; calls take some time, as real ones do."""

    pacing: Pacing = field(default_factory=Pacing)
    now: float = 0.0
    granted: list[tuple[float, Ticket]] = field(default_factory=list)
    """When each call went out."""

    def ask(
        self,
        chat_id: int,
        priority: Priority,
        family: BudgetKind = BudgetKind.MESSAGE,
        *,
        new: bool = False,
    ) -> Ticket:
        return self.pacing.ask(self.now, chat_id, priority, family=family, new=new)

    def run_until(self, end: float, then: Callable[[Ticket], None] = lambda _: None) -> None:
        """Grant what may go until that time; `then` may ask for more."""
        while True:
            found = self.pacing.next(self.now)
            if isinstance(found, Ticket):
                self.granted.append((self.now, found))
                self.pacing.done()
                then(found)
            elif found is None or self.now + found > end:
                self.now = end
                return
            else:
                self.now += found

    def times(self, chat_id: int, family: BudgetKind = BudgetKind.MESSAGE) -> list[float]:
        return [at for at, one in self.granted if one.chat_id == chat_id and one.family is family]


def most_within(times: list[float], seconds: float) -> int:
    """The most calls in any window of that length."""
    return max((sum(start <= at < start + seconds for at in times) for start in times), default=0)


@settings(max_examples=15)
@given(st.integers())
def test_no_schedule_of_a_thousand_requests_exceeds_any_budget(seed: int) -> None:
    chance = random.Random(seed)
    schedule = Schedule()
    for _ in range(1000):
        chat_id = chance.choice((1, 2, 3, 4, 5, -1, -2))
        family = chance.choice(
            (BudgetKind.MESSAGE, BudgetKind.MESSAGE, BudgetKind.ACTION, BudgetKind.FREE)
        )
        if family is BudgetKind.MESSAGE:
            schedule.ask(chat_id, chance.choice(list(Priority)[:4]), new=chance.random() < 0.4)
        else:
            schedule.ask(chat_id, INTERIM, family)
        schedule.run_until(schedule.now + chance.choice((0, 0, 0, 0.02, 0.3, 2)))
    schedule.run_until(schedule.now + 10_000)
    assert len(schedule.granted) == 1000
    for chat_id in (1, 2, 3, 4, 5, -1, -2):
        limits = PRIVATE if chat_id > 0 else GROUP
        check_bucket(schedule.times(chat_id), limits)
        actions = schedule.times(chat_id, BudgetKind.ACTION)
        for most, window in ACTION_TOPS:
            assert most_within(actions, window - 1e-6) <= most
    for chat_id in (-1, -2):
        assert most_within(schedule.times(chat_id), 60.0) <= 20
    new = [at for at, one in schedule.granted if one.new]
    assert most_within(new, 1.0) <= NEW.burst + NEW.rate
    every = [at for at, _ in schedule.granted]
    assert most_within(every, 1.0) <= OVERALL.burst + OVERALL.rate


def check_bucket(calls: list[float], limits: Limits) -> None:
    for first in range(0, len(calls), 7):
        for last in range(first, len(calls)):
            seconds = calls[last] - calls[first]
            assert last - first + 1 <= limits.burst + seconds / limits.every + 1e-6
            assert last - first + 1 <= limits.quick + seconds / limits.gap + 1e-6


@settings(max_examples=25)
@given(st.integers())
def test_a_final_text_never_waits_behind_a_picture(seed: int) -> None:
    """Whenever a final text could go in some chat, nothing less urgent goes anywhere."""
    chance = random.Random(seed)
    schedule = Schedule()
    waiting: set[int] = set()

    def check(ticket: Ticket) -> None:
        waiting.discard(ticket.number)
        if ticket.priority > Priority.COMMAND:
            assert not [number for number in waiting if number in finals and ready(finals[number])]

    finals: dict[int, Ticket] = {}

    def ready(final: Ticket) -> bool:
        chat = schedule.pacing._chats[final.chat_id, BudgetKind.MESSAGE]
        return chat.budget is not None and chat.budget.wait(schedule.now - 1e-6, FINAL) <= 0

    for _ in range(300):
        ticket = schedule.ask(chance.choice((1, 2, -1)), chance.choice((FINAL, FIRST, INTERIM)))
        waiting.add(ticket.number)
        if ticket.priority is FINAL:
            finals[ticket.number] = ticket
        if chance.random() < 0.5:
            schedule.run_until(schedule.now + chance.choice((0, 0.1, 1.0, 5.0)), check)
    schedule.run_until(schedule.now + 5000, check)
    assert not waiting


def test_a_final_text_goes_at_once_amid_a_stream_of_edits() -> None:
    schedule = Schedule()

    def again(ticket: Ticket) -> None:
        schedule.ask(ticket.chat_id, INTERIM)

    for chat_id in (1, -1):
        schedule.pacing.grows(0, chat_id, 1)
        schedule.ask(chat_id, FIRST, new=True)
    schedule.run_until(60, again)
    finals = [schedule.ask(chat_id, FINAL) for chat_id in (1, -1)]
    schedule.run_until(60)
    assert [(60, one) for one in finals] == schedule.granted[-2:]


def test_among_replies_the_one_whose_unseen_text_is_oldest_goes_first() -> None:
    schedule = Schedule()
    for _ in range(4):
        schedule.ask(-1, FINAL)
    schedule.run_until(0)
    young = schedule.pacing.ask(0, -1, INTERIM, since=9.0)
    old = schedule.pacing.ask(0, -1, INTERIM, since=3.0)
    schedule.run_until(100)
    assert [one for _, one in schedule.granted[4:]] == [old, young]


def test_five_topics_of_one_forum_share_its_calls_evenly() -> None:
    schedule = Schedule()
    served: dict[int, int] = defaultdict(int)
    topic_of = {schedule.pacing.ask(0, -1, INTERIM, since=0).number: topic for topic in range(5)}

    def again(ticket: Ticket) -> None:
        topic = topic_of.pop(ticket.number)
        served[topic] += 1
        ticket = schedule.pacing.ask(schedule.now, -1, INTERIM, since=schedule.now)
        topic_of[ticket.number] = topic

    schedule.run_until(300, again)
    assert max(served.values()) - min(served.values()) <= 1


def test_many_first_texts_share_what_all_chats_may_send() -> None:
    schedule = Schedule()
    for chat_id in range(1, 501):
        schedule.ask(chat_id, FIRST, new=True)
    schedule.run_until(60)
    at = [at for at, _ in schedule.granted]
    assert len(at) == 500
    assert at[-1] == pytest.approx(500 / NEW.rate, rel=0.1)
    assert most_within(at, 1.0) <= 30
    assert [one.chat_id for _, one in schedule.granted] == list(range(1, 501))


def test_edits_go_on_while_new_messages_wait() -> None:
    schedule = Schedule()
    schedule.pacing.recall(
        0, {"all calls": LearnedLimit(200, 4), "new messages": LearnedLimit(10, 4)}
    )
    for chat_id in range(1, 101):
        schedule.ask(chat_id, FIRST, new=True)
    edit = schedule.ask(1000, INTERIM)
    schedule.run_until(0.1)
    assert edit in [one for _, one in schedule.granted]


def run_of_four_chats(*, refused: bool) -> dict[int, list[float]]:
    """Four chats that stream for two minutes; the first may earn a penalty of 30 s at 20 s."""
    schedule = Schedule()
    chats = (1, 2, 3, -4)

    def again(ticket: Ticket) -> None:
        if (
            sum(at > 20 for at in schedule.times(2)) == 1
        ):  # one answer is enough to clear a suspicion
            call = schedule.pacing.began(schedule.now, ticket.chat_id, ticket.family)
            schedule.pacing.ended(schedule.now, call, well=True)
        schedule.ask(ticket.chat_id, INTERIM)

    for chat_id in chats:
        schedule.ask(chat_id, FIRST, new=True)
    schedule.run_until(20, again)
    if refused:
        schedule.pacing.refused(20, 1, 30)
        assert not schedule.pacing.at_once(21, 1, Priority.TYPING, BudgetKind.ACTION)
        assert schedule.pacing.silence(21, 1)
    schedule.run_until(120, again)
    return {chat_id: schedule.times(chat_id) for chat_id in chats}


def test_one_chats_penalty_silences_nobody_else() -> None:
    usual, penalty = run_of_four_chats(refused=False), run_of_four_chats(refused=True)
    assert usual[-4] == pytest.approx(penalty[-4], abs=0.01)  # no other kind of chat hears of it
    for chat_id in (2, 3):
        assert (
            max(b - a for a, b in pairwise(penalty[chat_id])) < 12
        )  # a window of a minute is suspected
        assert len(penalty[chat_id]) > 0.6 * len(usual[chat_id])
    assert [at for at in penalty[1] if 20 < at < 50 + MARGIN_SECONDS] == []


def test_three_refused_chats_close_the_bot() -> None:
    schedule = Schedule()
    for chat_id in (1, 2):
        schedule.pacing.refused(float(chat_id), chat_id, 5)
    assert not schedule.pacing.silence(3, 9)
    schedule.pacing.refused(3, 3, 5)
    schedule.now = 3
    schedule.ask(9, FINAL)
    schedule.run_until(20)
    assert schedule.granted[0][0] == pytest.approx(3 + 5 + MARGIN_SECONDS)


def test_idle_chats_are_forgotten_and_busy_ones_are_not() -> None:
    schedule = Schedule()
    schedule.pacing.refused(0, 5, 3000)
    for chat_id in range(10, 3000):
        schedule.ask(chat_id, FINAL)
        schedule.run_until(schedule.now + 1)
    assert len(schedule.pacing._chats) < 1500
    assert schedule.pacing.silence(2990, 5)


async def test_a_cancelled_wait_gives_its_place_to_the_next() -> None:
    pacer = Pacer()
    async with pacer.slot(1, FINAL):
        pass

    async def wait() -> None:
        async with pacer.slot(1, INTERIM):
            raise AssertionError("it was cancelled before its slot")

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(0.5), pacer.slot(1, FINAL):
        pass


async def test_a_slot_that_is_skipped_does_not_count() -> None:
    pacer = Pacer()
    for _ in range(50):
        async with asyncio.timeout(0.5), pacer.slot(1, FINAL) as slot:
            slot.skip()


async def test_a_chat_that_wants_silence_hears_no_typing() -> None:
    pacer = Pacer()
    assert pacer.may_type(1)
    pacer.refused(2, 5)
    assert not pacer.may_type(2)
    assert pacer.may_type(3)


def test_a_withdrawn_wish_of_a_forgotten_chat_harms_nobody() -> None:
    schedule = Schedule()
    for chat_id in range(1, 8):
        schedule.ask(chat_id, FIRST, new=True)
    schedule.run_until(0)
    ticket = schedule.ask(99, FIRST, new=True)
    schedule.pacing.withdraw(ticket)
    schedule.pacing._forget_idle(0)
    schedule.run_until(5)
    last = schedule.ask(99, FINAL)
    schedule.run_until(5)
    assert schedule.granted[-1][1] is last


def test_what_is_left_of_a_chats_calls_is_told_until_all_is_back() -> None:
    schedule = Schedule()
    for _ in range(5):
        schedule.ask(1, FINAL)
    schedule.run_until(0)
    assert schedule.pacing.left(0)[1] <= 0.8
    assert schedule.pacing.left(1000) == {}


def test_an_album_counts_as_its_messages() -> None:
    schedule = Schedule()
    for chat_id in (1, -1):
        for _ in range(3):
            schedule.pacing.ask(schedule.now, chat_id, FINAL, new=True, count=6)
    schedule.run_until(300)
    private = [at for at, one in schedule.granted if one.chat_id == 1]
    group = [at for at, one in schedule.granted if one.chat_id == -1]
    assert private[1] - private[0] >= 2 * 2.5  # ten at once, one more each 2.5 s
    assert group[2] - group[0] >= 12 * 3.5 - 1e-6
