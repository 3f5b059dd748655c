"""A window of a minute is suspected, tested and proved; limits of another form are not taken for one."""

from math import inf

import pytest

from bridge.sandbox.telegram import read_budgets
from bridge.telegram.pace.budget import BudgetKind, Priority
from bridge.telegram.pace.evidence import FORGET_SECONDS
from bridge.telegram.pace.minute import LEAST_A_MINUTE, MOST_A_MINUTE, TEST_SECONDS, MinuteWindow
from bridge.telegram.pace.pacing import Pacing
from bridge.telegram.pace.ticket import Ticket
from tests.telegram.pace.test_estimates import Telegram

LATER = 22.0 + TEST_SECONDS


def refused(
    minute: MinuteWindow, now: float, chat_id: int, count: int, rest: float
) -> float | None:
    """Refuse a call that was sent a moment ago by a chat that had rested for so long."""
    minute.suspect(now, chat_id, count, now - 0.1)
    return minute.refused(now, chat_id, count, sent_at=now - 0.1, made_at=now - rest)


def suspected() -> MinuteWindow:
    """Chat 1 was refused its twenty-first call, where nobody had made more than eighteen."""
    minute = MinuteWindow()
    minute.answered(21.0, 18)
    assert refused(minute, 22.0, 1, 20, 1.0) is None
    return minute


def test_others_stop_where_one_was_refused_until_that_one_is_answered() -> None:
    minute = suspected()
    assert minute.most(22.0, 2, 21.0) == 20
    assert minute.most(22.0, 1, 21.0) == inf
    minute.called(26.0, 21)
    assert minute.most(26.0, 2, 21.0) == 20
    minute.answered(26.0, 20)  # as many were allowed all along
    assert minute.limited
    minute.answered(26.1, 21)
    assert minute.most(26.1, 2, 21.0) == inf


def test_one_that_has_rested_tries_after_a_while_and_only_one() -> None:
    minute = suspected()
    assert minute.most(LATER, 2, LATER - 1) == 20
    assert minute.most(LATER, 3, 21.0) == inf
    minute.called(LATER, 21)
    assert minute.most(LATER, 4, 21.0) == 20


def test_one_that_has_rested_and_is_refused_proves_it_for_all() -> None:
    minute = suspected()
    minute.called(LATER, 21)
    minute.suspect(LATER + 0.9, 3, 20, LATER)  # it is late: it may be held only
    assert not minute.proved
    assert refused(minute, LATER + 8, 3, 20, 17.0) == 20
    assert minute.proved
    assert [minute.most(LATER + 60, chat_id, 0.0) for chat_id in (1, 2, 3)] == [20, 20, 20]
    minute.answered(LATER + 61, 25)
    assert refused(minute, LATER + 62, 1, 20, 30.0) is None
    assert minute.most(LATER + 62, 2, 0.0) == 20
    assert minute.most(LATER + 8 + FORGET_SECONDS + 1, 2, 0.0) == inf
    assert not minute.proved


@pytest.mark.parametrize(("count", "rest"), [(20, 1.0), (12, 30.0)])
def test_who_did_not_rest_or_not_go_beyond_it_proves_nothing(count: int, rest: float) -> None:
    minute = suspected()
    assert refused(minute, LATER + 1, 2, count, rest) is None
    assert not minute.proved


def test_the_first_chat_tries_once_more_and_then_rests_as_others_do() -> None:
    minute = suspected()
    assert minute.refused(28.0, 1, 20, sent_at=21.9, made_at=21.0) is None  # the same call, held
    assert minute.most(29.0, 1, 21.9) == inf
    assert refused(minute, 29.1, 1, 20, 8.1) is None
    assert minute.most(29.2, 1, 29.0) == 20
    assert minute.most(29.0 + TEST_SECONDS, 1, 29.0) == inf


@pytest.mark.parametrize("count", [LEAST_A_MINUTE - 1, 17, MOST_A_MINUTE])
def test_what_is_few_or_many_or_was_answered_is_not_suspected(count: int) -> None:
    minute = MinuteWindow()
    minute.answered(21.0, 18 if count == 17 else 0)
    refused(minute, 22.0, 1, count, 1.0)
    assert not minute.limited


def test_what_was_answered_long_ago_does_not_count() -> None:
    minute = MinuteWindow()
    minute.answered(0.0, 60)
    minute.answered(FORGET_SECONDS + 1, 18)
    refused(minute, FORGET_SECONDS + 2, 1, 20, 1.0)
    assert minute.limited


@pytest.mark.parametrize("limits", ["20/60", "20/60,hold=8", "20/60,whole=1"])
def test_a_window_that_many_chats_run_into_is_learned_from_few_of_them(limits: str) -> None:
    telegram = Telegram(read_budgets(f"private={limits}"), list(range(1, 21)))
    telegram.run(180)
    assert telegram.pacing.estimates["private"].minute.proved
    assert len(telegram.refused) <= 5
    assert telegram.rate(120, 180) >= 0.25


@pytest.mark.parametrize("limits", ["1/1:3", "2/5:10,hold=8", "1/4:10", "1/4:3", "2/1:5,whole=1"])
@pytest.mark.parametrize("chats", [1, 3, 20])
def test_a_bucket_is_not_taken_for_a_window(limits: str, chats: int) -> None:
    telegram = Telegram(read_budgets(f"private={limits}"), list(range(1, chats + 1)))
    telegram.run(200)
    assert not telegram.pacing.estimates["private"].minute.proved


def test_a_chat_alone_that_begins_in_an_used_up_window_is_not_held_to_nothing() -> None:
    """As after a restart: 20 calls were made which this process knows nothing of."""
    telegram = Telegram(read_budgets("private=20/60"), [1])
    telegram.run(25)
    telegram.pacing, telegram.pending = Pacing(), []
    telegram.run(200)
    assert telegram.rate(125, 225) >= 0.2


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
    assert minute.most(12.0, 2, 11.0) == 8
    pacing.ask(16.0, 1, Priority.FINAL)
    assert isinstance(pacing.next(16.0), Ticket)
    call = pacing.began(16.0, 1, BudgetKind.MESSAGE)
    pacing.next(17.0)  # it is late
    assert minute.limited
    pacing.ended(19.0, call, well=True)
    assert not minute.limited
