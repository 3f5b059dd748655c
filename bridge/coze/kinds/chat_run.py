"""Ask once and hear the run to its end, whatever the connection does on the way.

Coze has no resume offset, but it finishes and keeps a run by itself: a broken stream is
followed by looking the run up until it is over and reading its messages. Asking again would
answer (and charge) twice.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import assert_never

from bridge.coze.client import Coze
from bridge.coze.conversations import newest_messages
from bridge.coze.events import (
    ALL_ANSWERED,
    Began,
    Broke,
    Completed,
    Delta,
    Done,
    Ended,
    Event,
    MessageKind,
    Recovered,
    Remark,
    Run,
    RunMessage,
    Sound,
    Status,
    Unknown,
    remark,
)
from bridge.coze.runs import RunRequest, list_run, refuse_tools, retrieve_run, start_run
from bridge.errors import Happened, Retry
from bridge.errors.coze import (
    BadRequest,
    CozeTrouble,
    Interrupted,
    NeverAsked,
    NotOffered,
    NotTaken,
    RunUnknown,
    ToolsRefused,
)

PATIENCE_SECONDS = 15 * 60.0
"""How long a run may take in all: a workflow may run for ten minutes."""
FIND_SECONDS = 60.0
"""How long a question is looked for while Coze does not answer."""
_LOOKUPS = 4
_LOOKING = "Looking for the question"


@dataclass
class _Heard:
    """What the stream has told so far."""

    began: Run | None = None
    ended: Run | None = None
    text: bool = False


async def rejoin(
    coze: Coze, question: RunRequest, run_id: str | None, cause: CozeTrouble | None = None
) -> AsyncGenerator[Event, None]:
    """Finish a run that was asked before: by its id, or found by the question's mark.

    `cause` is the trouble after which it has to be looked for: when nothing is found, that is what
    is told. Raises NeverAsked when Coze keeps no run for the question, and Interrupted when it cannot
    tell.
    """
    if run_id is None:
        run_id = await _found(coze, question, cause)
        yield Began(Run(run_id, question.conversation_id, Status.IN_PROGRESS))
    try:
        async with aclosing(_to_the_end(coze, question.conversation_id, run_id)) as rest:
            async for event in rest:
                yield event
    except (RunUnknown, Interrupted) as lost:
        if cause is None:
            raise
        raise cause.with_(happened=Happened.YES) from lost


async def _found(coze: Coze, question: RunRequest, cause: CozeTrouble | None) -> str:
    """Return the id of the question's run."""
    answered = cause is not None and not isinstance(cause, Interrupted)
    try:
        with _asked(Happened.UNKNOWN):
            run_id = await find(coze, question)
    except CozeTrouble as lost:
        if cause is None:
            raise
        raise cause from lost
    if run_id is not None:
        return run_id
    if cause is None:
        raise NeverAsked("Asking the agent", "Coze keeps no run for the question")
    raise cause.turned_into(NotTaken if answered else NeverAsked, happened=Happened.NO) from cause


@contextmanager
def _asked(happened: Happened) -> Iterator[None]:
    """Give what fails in here fails after the question: whoever asks again would ask twice."""
    try:
        yield
    except CozeTrouble as trouble:
        raise trouble.with_(happened=happened) from trouble.__cause__


async def follow(
    coze: Coze, question: RunRequest, *, stream: bool = True
) -> AsyncGenerator[Event, None]:
    """Ask, and give every event until the run is over: the last one is `Ended`.

    An answer that only says that the run began is followed by looking it up. Raises the CozeTrouble
    that kept the run from beginning; `happened` says whether it may have begun all the same. Close
    the iterator to stop listening (the run itself goes on).
    """
    heard = _Heard()
    try:
        async with start_run(coze, question, stream=stream) as arriving:
            async for event in arriving:
                if isinstance(event, Done):
                    break
                if isinstance(event, Broke):
                    raise _after(event.trouble, heard)
                if _new(event, heard):
                    yield event
            else:
                raise Interrupted("Hearing the agent", "the stream ended before the run")
    except CozeTrouble as error:
        if heard.ended is None:
            async for event in _recover(coze, question, heard, error):
                yield event
            return
    async for event in _close(coze, question, heard):
        yield event


def _new(event: Event, heard: _Heard) -> bool:
    """Remember what the event says; whether the reader should see it now."""
    match event:
        case Began(run):
            first = heard.began is None
            heard.began = heard.began or run
            return first
        case Delta(message) | Completed(message):
            heard.text = heard.text or (
                message.kind is MessageKind.ANSWER and bool(message.text.strip())
            )
            return True
        case Remark():
            return True
        case Ended(run):
            heard.ended = run.with_ids_of(heard.began)
        case Sound() | Recovered() | Broke() | Done() | Unknown():
            pass
        case _:
            assert_never(event)
    return False


def _after(trouble: CozeTrouble, heard: _Heard) -> CozeTrouble:
    return trouble if heard.began is None else trouble.with_(happened=Happened.YES)


async def _close(coze: Coze, question: RunRequest, heard: _Heard) -> AsyncGenerator[Event, None]:
    """Yield the end of a stream that ended well: with a last look where it left doubts."""
    # a chatflow's question ends with `done` alone
    nameless = Run("", question.conversation_id, Status.COMPLETED)
    run = heard.ended or nameless.with_ids_of(heard.began)
    doubtful = run.status is Status.COMPLETED and not heard.text
    if run.id and (doubtful or _wants_tools(run)):
        async with aclosing(_to_the_end(coze, run.conversation_id, run.id, run)) as rest:
            async for event in rest:
                yield event
        return
    yield Ended(run)


async def _recover(
    coze: Coze, question: RunRequest, heard: _Heard, error: CozeTrouble
) -> AsyncGenerator[Event, None]:
    """Finish a run whose stream broke, found by its mark when its id was never heard."""
    if error.happened is not Happened.UNKNOWN:
        raise error  # Coze said itself that it did not run, or how it failed
    run_id = heard.began.id if heard.began else None
    async with aclosing(rejoin(coze, question, run_id, error)) as rest:
        async for event in rest:
            yield event


async def _to_the_end(
    coze: Coze, conversation_id: str, run_id: str, run: Run | None = None
) -> AsyncGenerator[Event, None]:
    """Wait until the run is over, refuse its tools once, then tell all that it said."""
    refused = False
    while True:
        with _asked(Happened.YES):
            run = run or await _over(coze, conversation_id, run_id)
        if refused or not _wants_tools(run):
            break
        refused = True
        try:
            with _asked(Happened.YES):
                await refuse_tools(coze, run, run.tool_calls)
        except NotOffered:
            break
        except BadRequest as error:
            raise ToolsRefused(
                error.doing, error.what, code=error.code, log_id=error.log_id
            ) from error
        run = None
    if run.status is not Status.FAILED:
        with _asked(Happened.YES):
            messages = await _patiently_list(coze, conversation_id, run_id)
        yield Recovered(tuple(messages))
    elif messages := await _all_answered(coze, conversation_id, run_id):
        yield Recovered(tuple(messages))
        yield Remark(ALL_ANSWERED)
    yield Ended(run.with_ids_of(Run(run_id, conversation_id, run.status)))


async def _all_answered(coze: Coze, conversation_id: str, run_id: str) -> list[RunMessage]:
    """Return the messages of a failed run if all answers were given before it failed; else none."""
    try:
        messages = list(await list_run(coze, conversation_id, run_id))
    except CozeTrouble:
        return []  # how the run failed is what counts
    finished = any(
        message.kind is MessageKind.VERBOSE and remark(message) == Remark(ALL_ANSWERED)
        for message in messages
    )
    return messages if finished else []


def _wants_tools(run: Run) -> bool:
    """Return whether it waits for tools of ours; a `reply_message` waits for the person instead."""
    return run.status is Status.REQUIRES_ACTION and any(
        call.kind == "function" for call in run.tool_calls
    )


async def _over(coze: Coze, conversation_id: str, run_id: str) -> Run:
    """Return the run once it is over. Raises Interrupted when patience ends."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_SECONDS
    for pause in _pauses():
        try:
            run = await retrieve_run(coze, conversation_id, run_id)
            if run.status.over:
                return run
        except CozeTrouble as error:
            if error.retry is not Retry.WAIT and not isinstance(error, Interrupted):
                raise
        if loop.time() + pause > deadline:
            break
        await asyncio.sleep(pause)
    raise Interrupted("Waiting for the run", f"it was not over after {PATIENCE_SECONDS:.0f} s")


def _pauses() -> Iterator[float]:
    """Yield seconds between looks: Coze asks for at most one a second, and slower is kinder."""
    for _ in range(10):
        yield 1.0
    for _ in range(10):
        yield 2.0
    while True:
        yield 3.0


async def _patiently_list(coze: Coze, conversation_id: str, run_id: str) -> list[RunMessage]:
    for last in (*[False] * (_LOOKUPS - 1), True):
        try:
            return list(await list_run(coze, conversation_id, run_id))
        except CozeTrouble as error:
            if last or (error.retry is not Retry.WAIT and not isinstance(error, Interrupted)):
                raise
        await asyncio.sleep(1.0)
    raise AssertionError("the last look returns or raises")


async def find(coze: Coze, question: RunRequest) -> str | None:
    """Return the id of the run that answers the question, by the mark in its `meta_data`.

    None when Coze, asked several times, keeps no such question: it never arrived. Raises
    Interrupted when that cannot be told.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + FIND_SECONDS
    looked = 0
    while looked < _LOOKUPS and loop.time() < deadline:
        try:
            for message in await newest_messages(coze, question.conversation_id):
                if message.correlation_id == question.correlation_id and message.run_id:
                    return message.run_id
                if not message.correlation_id and _may_be(message, question):
                    raise Interrupted(_LOOKING, "Coze does not keep the marks of questions")
            looked += 1
        except (NotOffered, RunUnknown) as error:
            raise Interrupted(_LOOKING, "this Coze does not list its questions") from error
        except CozeTrouble as error:
            if error.retry is not Retry.WAIT and (
                not isinstance(error, Interrupted) or error.doing == _LOOKING
            ):
                raise
        await asyncio.sleep(1.0)
    if looked < _LOOKUPS:
        raise Interrupted(_LOOKING, f"Coze did not answer for {FIND_SECONDS:.0f} s")
    return None


def _may_be(message: RunMessage, question: RunRequest) -> bool:
    """Return whether a message without a mark may be the question; what its files say is not known here."""
    if message.kind is MessageKind.ANSWER:
        return False
    return message.content_type == "object_string" or message.text.startswith(question.text)
