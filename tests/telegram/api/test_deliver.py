"""One durable call until it is done: how long is waited between tries, and when it is given up."""

import asyncio

import pytest
from fast import run_fast

from bridge.errors import StoreTrouble, TelegramUnreachable, Trouble
from bridge.relay.protocols import ReplyImpossible, ReplyLater
from bridge.telegram.api.deliver import MOVING_SECONDS, Patience, deliver, postponed
from bridge.telegram.api.errors import ChatClosed, ChatMoved, ContentRejected, FloodWait
from bridge.telegram.pace.scheduler import Pacer

AWAY = TelegramUnreachable("Sending", "ConnectError")


def tried(
    *outcomes: Exception | str, patience: Patience | None = None
) -> tuple[object, list[float]]:
    """What comes of a call with these outcomes, and when each try was made."""
    times: list[float] = []
    found: list[object] = []

    async def journey() -> None:
        left = list(outcomes)

        async def attempt() -> str:
            times.append(asyncio.get_running_loop().time())
            outcome = left.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        patience_ = patience or Patience()
        try:
            found.append(await deliver(Pacer(), 5, attempt, patience_, outlives=(StoreTrouble,)))
        except (Trouble, ReplyLater, ContentRejected, ChatClosed, ChatMoved) as error:
            found.append(error)

    run_fast(journey(), speed=500)
    return found[0], [at - times[0] for at in times]


def test_only_lost_connections_lengthen_the_pauses() -> None:
    came, times = tried(*[FloodWait()] * 8, AWAY, AWAY, "done")
    assert came == "done"
    assert times[8] < 1
    assert times[9] - times[8] == pytest.approx(0.2, abs=0.2)  # doubt never delays
    assert times[10] - times[9] == pytest.approx(1, abs=0.5)


def test_it_is_given_up_after_so_many_tries_or_seconds() -> None:
    came, times = tried(*[AWAY] * 9, patience=Patience(tries=3))
    assert (came, len(times)) == (AWAY, 3)
    came, times = tried(*[AWAY] * 99, patience=Patience(seconds=60))
    assert isinstance(came, ReplyLater)
    assert 60 < times[-1] < 100


def test_what_no_try_cures_is_not_tried_again() -> None:
    for error in (ContentRejected("odd"), ChatClosed("blocked"), ChatMoved(-7)):
        assert tried(error, "never") == (error, [0.0])
    locked = StoreTrouble("Writing", "locked")
    assert tried(locked, "done")[0] == "done"


def test_where_nothing_can_be_written_an_answer_waits_or_never_comes() -> None:
    moved, muted = postponed(ChatMoved(-7)), postponed(ChatClosed("bot was muted"))
    assert isinstance(moved, ReplyLater)
    assert moved.seconds == MOVING_SECONDS
    assert isinstance(muted, ReplyLater)
    stale = postponed(ChatClosed("thread not found", again_seconds=3))
    assert isinstance(stale, ReplyLater)
    assert stale.seconds == 3
    gone = postponed(ChatClosed("bot was blocked by the user"), nothing_stands=True)
    assert isinstance(gone, ReplyImpossible)
    assert gone.nothing_stands
