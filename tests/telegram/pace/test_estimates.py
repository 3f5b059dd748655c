"""What Telegram allows is found out: tried against limits that the pace is not told."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.model import LearnedLimit
from bridge.sandbox.telegram import Budgets, read_budgets
from bridge.sandbox.telegram.rate_limits import RateModel
from bridge.telegram.pace.bucket_fit import BucketFit
from bridge.telegram.pace.budget import BudgetKind, Priority
from bridge.telegram.pace.chat_limits import GROUP, PRIVATE, Limits
from bridge.telegram.pace.estimates import BOT, Estimate, Range, Rates
from bridge.telegram.pace.evidence import Evidence
from bridge.telegram.pace.overall import NEW, OVERALL, Overall
from bridge.telegram.pace.pacing import Pacing
from bridge.telegram.pace.ticket import Ticket
from bridge.telegram.pace.tokens import Recent, Tokens

LATENCY = 0.04


@dataclass
class Telegram:
    """Chats that always have something to show, and a server whose limits only it knows."""

    limits: Budgets
    chats: list[int]
    pacing: Pacing = field(default_factory=Pacing)
    now: float = 0.0
    sent: list[tuple[float, int]] = field(default_factory=list)
    refused: list[tuple[float, int]] = field(default_factory=list)
    pending: list[tuple[float, int, Ticket, float, int]] = field(default_factory=list)
    """Calls on their way: when they are answered, with the silence they earned and their number."""
    floods: list[tuple[float, int]] = field(default_factory=list)
    """When silence is asked of which chat, whatever was called."""

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        model, numbers, end = RateModel(self.limits), count(), self.now + seconds
        for chat_id in self.chats:
            self.pacing.grows(self.now, chat_id, 1)
            self.pacing.ask(self.now, chat_id, Priority.INTERIM)
        while self.now < end:
            found = self.pacing.next(self.now)
            if isinstance(found, Ticket):
                begun = self.pacing.began(self.now, found.chat_id, BudgetKind.MESSAGE)
                arrives, wait = self.arrival(model, found.chat_id)
                heappush(self.pending, (arrives + LATENCY / 2, next(numbers), found, wait, begun))
                continue
            later = self.pending[0][0] if self.pending else end
            self.now = min(end, later, self.now + (end if found is None else found))
            while self.pending and self.pending[0][0] <= self.now:
                self.answer(*heappop(self.pending)[2:])

    def arrival(self, model: RateModel, chat_id: int) -> tuple[float, float]:
        """Return when the server has taken or refused a call, and the silence that it asks for."""
        begun = at = self.now + LATENCY / 2
        while self.floods and self.floods[0][0] <= at:
            model.flood(self.floods.pop(0)[1], 3.0, at)
        while wait := model.held(chat_id, "messages", at):
            if at + wait - begun > self.limits.inner_wait:
                return at, model.charge(chat_id, "messages", at)
            at += wait
        return at, 0.0

    def answer(self, ticket: Ticket, wait: float, begun: int) -> None:
        """Telegram answers a call; the chat has the next text to show at once."""
        self.pacing.ended(self.now, begun, well=not wait)
        if wait:
            self.refused.append((self.now, ticket.chat_id))
            self.pacing.refused(self.now, ticket.chat_id, wait)
        else:
            self.sent.append((self.now, ticket.chat_id))
        self.pacing.done()
        self.pacing.ask(self.now, ticket.chat_id, Priority.INTERIM)

    def rate(self, begin: float, end: float) -> float:
        """Return how many calls a second each chat made."""
        return sum(begin <= at < end for at, _ in self.sent) / (end - begin) / len(self.chats)

    def refusals(self, begin: float) -> int:
        """Return how many calls were refused from then on."""
        return sum(at >= begin for at, _ in self.refused)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "chats", "each"),
    [
        ("private=1/1:3", [1], 1.0),
        ("private=1/1:3", list(range(1, 21)), 1.0),
        ("private=4/10:10", [1], 0.4),
        ("private=2/1:5", [1], 2.0),
        ("private=20/60", [1], 1 / 3),
        ("group=20/60:5", [-1], 1 / 3),
        ("private=none,overall=30/1", list(range(1, 101)), 0.3),
        ("private=1/1:3,overall=none,new=none", list(range(1, 51)), 0.9),
    ],
)
def test_hidden_limits_are_found_out_and_used(limits: str, chats: list[int], each: float) -> None:
    telegram = Telegram(read_budgets(limits), chats)
    telegram.run(100)
    before = len(telegram.refused)
    telegram.run(300)
    assert telegram.rate(100, 400) >= 0.75 * each
    assert len(telegram.refused) - before <= (2 if len(chats) == 1 else 5)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([0.25, 0.4, 0.5, 0.8, 1.0, 1.5, 2.0]),
    st.integers(3, 12),
    st.integers(1, 8),
    st.booleans(),
)
def test_any_limits_are_respected_after_a_while(
    rate: float, burst: int, chats: int, whole: bool
) -> None:
    text = f"private={round(rate * 100)}/100:{burst},whole={whole:d}"
    telegram = Telegram(read_budgets(text), list(range(1, chats + 1)))
    telegram.run(200)
    before = len(telegram.refused)
    telegram.run(300)
    assert len(telegram.refused) - before <= 6 + chats
    assert telegram.rate(200, 500) >= 0.5 * rate


def test_a_chat_that_goes_on_has_more_within_its_first_answers() -> None:
    telegram = Telegram(read_budgets("private=none"), [1])
    telegram.run(30)
    assert telegram.pacing.estimates["private"].rate_for(1) >= 0.9
    assert telegram.rate(20, 30) >= 0.9


def test_what_many_groups_run_into_at_once_is_learned_once() -> None:
    telegram = Telegram(read_budgets("group=20/60:5"), [])
    for chat_id in range(-10, 0):
        for _ in range(7):
            telegram.pacing.ask(0.0, chat_id, Priority.FIRST)
    telegram.run(5)
    assert 4 <= telegram.pacing.estimates["group"].burst <= 5
    assert len(telegram.refused) <= 3


def test_calls_that_were_made_count_when_a_burst_turns_out_smaller() -> None:
    estimate, now = Estimate(Range(rate=0.1, burst=6.0, most_burst=10.0)), 0.0
    tokens = Tokens(estimate, 1, now)
    tokens.take(now, 4)
    estimate.smaller_burst(now, now, 4.0)
    assert tokens.level(now) == pytest.approx(0.0)
    assert Tokens(estimate, 2, now).level(now) == pytest.approx(4.0)


def test_limits_that_fall_are_found_out_anew() -> None:
    telegram = Telegram(read_budgets("private=2/1:5"), [1, 2, 3])
    telegram.run(120)
    telegram.limits = read_budgets("private=1/2:5")
    telegram.run(60)
    before = len(telegram.refused)
    telegram.run(200)
    assert len(telegram.refused) - before <= 6
    assert telegram.rate(180, 380) >= 0.3


def calls(pacing: Pacing, begin: float, counts: Mapping[int, int]) -> None:
    """Make so many calls into chats, one each 1.5 s, which are answered promptly."""
    for number in range(max(counts.values())):
        for chat_id in [one for one, many in counts.items() if number < many]:
            now = begin + 1.5 * number + 0.1 * chat_id
            pacing.ask(now, chat_id, Priority.FINAL)
            assert isinstance(pacing.next(now), Ticket)
            call = pacing.began(now, chat_id, BudgetKind.MESSAGE)
            pacing.ended(now + LATENCY, call, well=True)
            pacing.done()


@pytest.mark.parametrize(
    ("others", "own", "falls"),
    [(6, 6, False), (7, 5, False), (4, 6, True), (0, 6, True), (17, 17, False)],
)
def test_a_refusal_lowers_only_what_it_may_be_explained_by(
    others: int, own: int, falls: bool
) -> None:
    """A flood in one chat, while as much is answered in others, is no limit of all chats."""
    pacing = Pacing()
    calls(pacing, 0.0, dict.fromkeys(range(2, 6), others) | {6: own})
    before = pacing.estimates["private"].learned
    now = 1.5 * max(own, others)
    pacing.refused(now, 6, 3.0)
    after = pacing.estimates["private"].learned
    assert ((after.rate, after.burst) < (before.rate, before.burst)) is falls
    assert pacing.silence(now, 6) > 3.0
    assert pacing.silence(now, 2) == 0.0


def test_a_refused_first_text_is_laid_to_new_messages_where_those_are_many() -> None:
    """A chat keeps calls for its first texts: it seldom is the chat's own limit that refuses one."""
    pacing = Pacing()
    calls(pacing, 0.0, {1: 8})
    before = pacing.estimates["private"].learned
    now = 15.0
    for chat_id in [*range(2, 26), 1]:
        pacing.ask(now, chat_id, Priority.FIRST, new=True)
    granted = list[int]()
    while len(granted) < 25:
        found = pacing.next(now)
        if isinstance(found, Ticket):
            granted.append(found.chat_id)
        else:
            now += found or 0.0
    assert granted[-1] == 1
    pacing.refused(now + LATENCY, 1, 3.0)
    assert pacing.estimates["private"].learned == before
    assert pacing.estimates["new messages"].rate < NEW.rate


@pytest.mark.parametrize("somebody_answered", [False, True])
def test_a_network_that_stands_still_is_no_limit(somebody_answered: bool) -> None:
    """Calls that Telegram holds are late while others are answered; where nothing moves, nothing is held."""
    pacing, now, chats = Pacing(), 13.0, {1: 8} | dict.fromkeys(range(2, 7), 4)
    calls(pacing, 0.0, chats)
    before = pacing.estimates["private"].learned
    for chat_id in chats:
        pacing.ask(now, chat_id, Priority.FINAL)
        assert isinstance(pacing.next(now), Ticket)
    numbers = [pacing.began(now, chat_id, BudgetKind.MESSAGE) for chat_id in chats]
    if somebody_answered:
        pacing.ended(now + 0.7, numbers.pop(), well=True)
    pacing.next(now + 0.9)
    for number in numbers:
        pacing.ended(now + 0.9, number, well=True)
    after = pacing.estimates["private"].learned
    assert ((after.rate, after.burst) < (before.rate, before.burst)) is somebody_answered


def test_who_is_refused_again_and_again_is_refused_for_what_they_call() -> None:
    pacing = Pacing()
    calls(pacing, 0.0, {1: 7, 2: 4})
    before = pacing.estimates["private"].learned
    for now in (13.0, 17.0):
        pacing.refused(now, 2, 3.0)
        calls(pacing, now + 3.6, {2: 1})
    assert pacing.estimates["private"].learned == before
    pacing.refused(21.0, 2, 3.0)
    assert pacing.estimates["private"].learned != before


def test_a_chat_that_is_flooded_again_and_again_takes_nothing_from_the_others() -> None:
    telegram = Telegram(read_budgets("private=1/1:8,new=none"), list(range(1, 7)))
    telegram.run(200)
    before = telegram.pacing.estimates["private"].rate
    telegram.floods = [(telegram.now + 15.0 * number, 1) for number in range(1, 20)]
    telegram.run(300)
    assert telegram.floods == []
    assert telegram.pacing.estimates["private"].rate >= 0.9 * before


def test_a_limit_may_be_met_over_any_time_between_a_second_and_a_minute() -> None:
    recent = Recent()
    for now in (0, 1, 2, 3, 11, 12, 13, 14, 15):
        recent.add(now)
    other = Evidence(recent)
    other.answered(15.1)
    refused = Recent()
    for now in range(8, 16):  # in eight seconds nobody called as much
        refused.add(now)
    assert not other.speaks_against(Evidence(refused).counts(15.0), 15.2)
    refused.take_back(4)
    assert other.speaks_against(Evidence(refused).counts(15.0), 15.2)


def test_a_call_that_is_held_and_then_refused_is_refused_once() -> None:
    evidence = Evidence(Recent())
    for _ in range(2):
        evidence.refused(10.0)
    assert not evidence.often(18.0)
    evidence.refused(17.0)
    assert evidence.often(18.0)


def test_a_group_never_gets_more_than_is_published() -> None:
    telegram = Telegram(Budgets(group=(), new=()), [-1])
    telegram.run(600)
    times = [at for at, _ in telegram.sent]
    assert all(sum(begin <= at < begin + 60 for at in times) <= 19 for begin in times)


def test_what_the_operator_fixed_is_not_learned() -> None:
    fixed = Limits(burst=4, every=5.0, gap=2.0, kept=1, quick=2)
    telegram = Telegram(read_budgets("private=1/20:2"), [1], pacing=Pacing(private=fixed))
    telegram.run(300)
    assert telegram.pacing.estimates["private"].rate == pytest.approx(0.2)
    assert telegram.refusals(100) > 5


def estimate() -> Estimate:
    return Estimate(Range(rate=1.0, burst=5.0, most_rate=4.0, most_burst=10.0, least_rate=0.1))


def test_an_estimate_rises_only_with_calls_that_had_to_wait_for_it() -> None:
    one = estimate()
    for second in range(60):
        one.answered(float(second), 1)
    assert one.rate_for(1) > 2
    assert 1 < one.rate_for(2) < one.rate_for(1)  # the others follow the scout


def test_new_messages_soon_come_near_what_is_published_and_no_nearer() -> None:
    """A moment in which many turns begin, as after a take-over, must not be refused."""
    estimate = Estimate(NEW)
    for tenth in range(50):
        estimate.answered(tenth / 10, BOT)
    assert 26.0 < estimate.rate_for(BOT) < 28.0
    estimate.recall(5.0, LearnedLimit(25.0, NEW.burst))
    assert estimate.learned.near == NEW.near


def test_the_longer_nothing_is_refused_the_faster_it_rises_again() -> None:
    estimate, rises = Estimate(NEW), list[float]()
    for second in (0.0, 100.0):
        estimate.refused(second, BOT, second - 0.1, Rates(20.0, 20.0), late=False)
    for begin in (200.0, 1000.0, 7 * 86400.0):
        for second in range(60):
            estimate.answered(begin + second, BOT)
        before = estimate.rate_for(BOT)
        for second in range(60):
            estimate.answered(begin + 60 + second, BOT)
        rises.append(estimate.rate_for(BOT) / before)
    assert 1.0 < rises[0] < rises[1] < 1.2
    assert rises[2] < 1.5


def test_a_refusal_lowers_it_at_once_and_further_ones_of_the_same_moment_do_not() -> None:
    one = estimate()
    one.refused(10.0, 1, 9.9, Rates(1.0, 0.0), late=False)
    fallen = one.rate
    assert 0.5 < fallen < 0.75
    for chat_id in range(2, 50):
        one.refused(10.0 + chat_id / 100, chat_id, 9.95, Rates(1.0, 0.0), late=False)
    assert one.rate == fallen


def test_many_that_are_refused_soon_after_a_fall_lower_it_further() -> None:
    one = estimate()
    one.refused(10.0, 1, 9.9, Rates(1.0, 0.0), late=False)
    fallen = one.rate
    for now, chat_id in ((12.0, 2), (12.1, 2), (12.2, 3)):
        one.refused(now, chat_id, now - 0.1, Rates(1.0, 0.0), late=False)
    assert one.rate == fallen  # what they sent before the fall is still counted there
    one.refused(12.3, 4, 12.2, Rates(1.0, 0.0), late=False)
    assert one.rate < 0.8 * fallen
    fallen = one.rate
    one.refused(12.4, 5, 12.25, Rates(1.0, 0.0), late=False)
    assert one.rate == fallen  # and now it begins anew


@pytest.mark.parametrize("before", [31, 36])
def test_what_clearly_went_well_is_no_limit_of_all_chats_and_as_much_may_be(before: int) -> None:
    overall = Overall(NEW)
    for number in range(before):
        overall.take(10 + number / before, 1)
        overall.answered(10 + number / before + LATENCY)
    for number in range(30):
        overall.take(50 + number / 30, 1)
    assert overall.explained(51.0) is (before == 31)


def test_what_hundreds_of_chats_called_is_remembered_for_longer_than_a_moment() -> None:
    overall = Overall(OVERALL)
    for number in range(200 * 12):
        now = number / 200 if number < 200 * 6 else number / 170
        overall.take(now, 1)
        if number < 200 * 6:
            overall.answered(now + LATENCY)
    assert not overall.explained(now)


def test_who_calls_most_is_refused_for_that_though_all_together_call_much() -> None:
    pacing = Pacing()
    calls(pacing, 0.0, {1: 9})
    for chat_id in range(2, 26):
        calls(pacing, 20.0 + chat_id / 40 - 0.1 * chat_id, {chat_id: 1})
    calls(pacing, 20.6, {1: 1})
    before = {name: one.learned for name, one in pacing.estimates.items()}
    pacing.refused(20.8, 1, 3.0)
    after = {name: one.learned for name, one in pacing.estimates.items()}
    assert {name for name in before if before[name] != after[name]} == {"private"}


@given(st.lists(st.tuples(st.floats(0.01, 30), st.booleans(), st.integers(1, 3)), max_size=60))
def test_it_never_leaves_its_range(events: list[tuple[float, bool, int]]) -> None:
    one, now, chance = estimate(), 0.0, random.Random(0)
    for passed, well, chat_id in events:
        now += passed
        if well:
            one.answered(now, chat_id)
            one.larger_burst(now, chat_id)
        else:
            rates = Rates(chance.uniform(0, 5), chance.uniform(0, 5), chance.choice((0, 30)))
            low, late = chance.uniform(0.04, 4), chance.random() < 0.5
            fit = BucketFit(low, low * chance.uniform(1, 2), chance.uniform(1, 20), 1.0)
            known = chance.choice((fit, None))
            one.refused(now, chat_id, now - 0.01, rates, late=late, fit=known)
            one.smaller_burst(now, now - 0.01, chance.uniform(0, 9))
        for chat in (1, 2, 3):
            assert 0.1 * 0.93 - 1e-9 <= one.rate_for(chat) <= 4.0 + 1e-9
        assert 1.0 <= one.burst <= 10.0


def test_what_was_learned_is_recalled_within_the_range() -> None:
    one = estimate()
    one.recall(0.0, LearnedLimit(100.0, 100.0, 2.0))
    assert (one.rate, one.burst) == (4.0, 10.0)
    one.recall(0.0, LearnedLimit(0.5, 3.0, 0.6))
    assert one.learned == LearnedLimit(0.5, 3.0, 0.6)


def test_the_defaults_are_todays_caution() -> None:
    pacing = Pacing()
    assert pacing.estimates["private"].rate == pytest.approx(1 / PRIVATE.every)
    assert pacing.estimates["group"].burst == GROUP.burst
    assert pacing.estimates["all calls"].rate == 25
