"""Scripts in which something goes wrong."""

from bridge.sandbox.coze.scripts.steps import (
    Completed,
    Cut,
    Delta,
    Event,
    Fail,
    Raw,
    Steps,
    Turn,
    ending,
    pieces,
)

CUT_TEXT = (
    "The line goes dead in the middle of this sentence, yet I *finish it all the same*: ask for "
    "the result and you will find **every word**."
)
NOISE_TEXT = "A clean answer\u2028in a **noisy** stream\x85with odd line ends."


def fail(turn: Turn) -> Steps:
    """Fail the run after it began to answer."""
    for piece in list(pieces("I was about to say something clever"))[:4]:
        yield Delta("answer", piece)
    yield Fail(5000, "event interval error")


def quota(turn: Turn) -> Steps:
    """Fail since the account's free quota is used up, which shows in the run only."""
    yield Fail(
        4028, "Your free quota has been used up. Please upgrade your plan to continue using Coze."
    )


def cut(turn: Turn) -> Steps:
    """Break the connection after a few events; the run finishes by itself."""
    for number, piece in enumerate(pieces(CUT_TEXT)):
        yield Delta("answer", piece)
        if number == 5:
            yield Cut()
    yield Completed("answer", CUT_TEXT)
    yield from ending()


def noise(turn: Turn) -> Steps:
    """Return everything a parser may meet and must not trip over."""
    yield Raw(": keep-alive\n\n")
    yield Event("conversation.weather.changed", '{"sky":"grey"}')
    yield Raw("id:0\nevent:PING\ndata:{}\n\n")
    yield Raw("event: conversation.unknown\r\ndata: {}\r\n\r\n")
    for number, piece in enumerate(pieces(NOISE_TEXT)):
        yield Delta("answer", piece)
        if number % 3 == 0:
            yield Raw("id:7\nretry:1000\n: noise\n")
    yield Event("invalid", '{"code": "0","msg": ""}')
    yield Completed("answer", NOISE_TEXT)
    yield Completed("answer", NOISE_TEXT, again=True)
    yield from ending()


def string_code(turn: Turn) -> Steps:
    """Return a failure whose code is a string, without ids."""
    yield Fail("720702204", "会话名不存在", "string")


def bare(turn: Turn) -> Steps:
    """Return a failure without a chat around it."""
    yield Fail(701231, "error", "bare")


def error_event(turn: Turn) -> Steps:
    """Return an `error` event in the middle of the answer."""
    yield from (Delta("answer", piece) for piece in list(pieces("Half an answer, then"))[:3])
    yield Fail(5000, "event interval error", "event")
