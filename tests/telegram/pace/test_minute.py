"""A window of a minute is suspected, tested and proved; limits of another form are not taken for one."""

from math import inf

import pytest

from bridge.sandbox.telegram import read_budgets
from bridge.telegram.pace.budget import BudgetKind, Priority
from bridge.telegram.pace.evidence import FORGET_SECONDS, Evidence
from bridge.telegram.pace.minute import MOST_A_MINUTE, TEST_SECONDS, MinuteWindow
from bridge.telegram.pace.pacing import Pacing
from bridge.telegram.pace.ticket import Ticket
from bridge.telegram.pace.tokens import Recent
from tests.telegram.pace.test_estimates import Telegram


def suspected() -> MinuteWindow:
    """Chat 1 was refused its twenty-first call, where nobody had made more than eighteen."""
    minute = MinuteWindow()
    minute.answered(18)
    assert minute.refused(22.0, 1, 21, again=False) is None
    return minute


def test_others_stop_where_one_was_refused_until_that_one_has_tried_again() -> None:
    minute = suspected()
    assert minute.most(22.0, 2) == 20
    assert minute.most(22.0, 1) == inf
    minute.called(26.0, 1, 21)
    assert minute.most(26.0, 2) == 20
    minute.answered(21)
    assert minute.most(26.1, 2) == inf


def test_another_one_tries_when_the_first_has_nothing_to_say() -> None:
    minute, later = suspected(), 22.0 + TEST_SECONDS + 0.1
    assert minute.most(later, 2) == inf
    minute.called(later, 2, 21)
    assert minute.most(later, 2) == inf
    assert minute.most(later, 3) == 20


def test_who_is_refused_twice_in_a_row_proves_it_for_all() -> None:
    minute = suspected()
    assert minute.refused(25.6, 2, 21, again=True) is None
    assert minute.refused(25.6, 1, 21, again=True) == 20
    assert minute.proved
    assert [minute.most(40.0, chat_id) for chat_id in (1, 2)] == [20, 20]
    minute.answered(25)
    assert minute.refused(50.0, 1, 9, again=True) is None
    assert minute.most(60.0, 2) == 20
    assert minute.most(26.0 + FORGET_SECONDS, 2) == inf
    assert not minute.proved


@pytest.mark.parametrize("count", [0, 18, MOST_A_MINUTE])
def test_what_was_answered_elsewhere_is_not_suspected(count: int) -> None:
    minute = MinuteWindow()
    minute.answered(18)
    minute.refused(22.0, 1, count, again=False)
    assert minute.most(22.0, 2) == inf


def test_two_refusals_are_in_a_row_if_nothing_was_answered_between() -> None:
    evidence = Evidence(Recent())
    evidence.answered(1.0)
    evidence.refused(2.0)
    assert not evidence.again(2.0)  # a late answer that became a refusal
    assert evidence.again(6.0)
    evidence.answered(5.0)
    assert not evidence.again(6.0)


def test_what_nobody_waits_for_is_evidence_too() -> None:
    """Typing is refused twice, but was answered between."""
    pacing, now = Pacing(), 0.0
    for well in (*[True] * 12, *[False, True, True] * 3, False):
        now += 1.0
        while not pacing.at_once(now, 1, Priority.TYPING, BudgetKind.ACTION):
            now += 0.5
        call = pacing.began(now, 1, BudgetKind.ACTION)
        pacing.ended(now + 0.04, call, well=well)
        if not well:
            pacing.refused(now + 0.04, 1, 3.0, BudgetKind.ACTION)
    assert not pacing.estimates["typing"].minute.proved


@pytest.mark.parametrize("hold", [0, 8])
def test_a_window_that_many_chats_run_into_is_learned_from_one_of_them(hold: int) -> None:
    telegram = Telegram(read_budgets(f"private=20/60,hold={hold}"), list(range(1, 21)))
    telegram.run(180)
    assert len(telegram.refused) <= 3
    assert telegram.rate(120, 180) >= 0.25


def test_a_bucket_is_not_taken_for_a_window() -> None:
    telegram = Telegram(read_budgets("private=1/1:3"), list(range(1, 21)))
    telegram.run(120)
    assert not telegram.pacing.estimates["private"].minute.proved
    assert telegram.rate(60, 120) >= 0.75


def test_a_call_that_was_held_and_then_answered_clears_the_suspicion() -> None:
    pacing = Pacing()
    for number in range(9):
        pacing.ask(number * 1.5, 1, Priority.FINAL)
        assert isinstance(pacing.next(number * 1.5), Ticket)
        call = pacing.began(number * 1.5, 1, BudgetKind.MESSAGE)
        pacing.ended(number * 1.5 + (0.04 if number < 8 else 0.0), call, well=number < 8)
        pacing.done()
    pacing.refused(12.0, 1, 3.0)
    minute = pacing.estimates["private"].minute
    assert minute.most(12.0, 2) == 8
    pacing.ask(16.0, 1, Priority.FINAL)
    assert isinstance(pacing.next(16.0), Ticket)
    call = pacing.began(16.0, 1, BudgetKind.MESSAGE)
    pacing.next(18.0)  # it is late
    assert minute.most(18.0, 2) == 8
    pacing.ended(19.0, call, well=True)
    assert minute.most(19.0, 2) == inf
