"""Runs that a crash or a long silence left behind: a conversation takes one run at a time."""

import asyncio

import structlog

from bridge.coze.client import Coze
from bridge.coze.kinds.chat_run import find
from bridge.coze.runs import RunRequest, cancel_run, retrieve_run
from bridge.errors import Happened, Retry
from bridge.errors.coze import (
    ConversationLost,
    CozeTrouble,
    Interrupted,
    QuotaGone,
    RunUnknown,
    ServerTrouble,
    Unauthorized,
)

log = structlog.get_logger(__name__)
CANCEL_PAUSES = (1.0, 2.0)
"""Seconds between tries to cancel a run that Coze fails to cancel."""


async def end_lingering_run(coze: Coze, question: RunRequest, run_id: str | None) -> bool:
    """See to it that the run of a settled turn is over; one that still goes is cancelled.

    False when that cannot be had: then its conversation is no place for another question. Raises
    the CozeTrouble after which it is worth trying again.
    """
    try:
        run_id = run_id or await find(coze, question)
        return run_id is None or await _end(coze, question.conversation_id, run_id)
    except (RunUnknown, ConversationLost):
        return True  # nothing of it is left
    except CozeTrouble as trouble:
        passes = trouble.retry is Retry.WAIT and not isinstance(trouble, Interrupted)
        if passes or isinstance(trouble, (Unauthorized, QuotaGone)):
            raise trouble.with_(happened=Happened.NO) from trouble  # of the question that waits
        log.warning("earlier run may still be running", trouble=str(trouble))
        return False


async def _end(coze: Coze, conversation_id: str, run_id: str) -> bool:
    """Cancel a run that still goes. False when Coze says that it goes and will not end it."""
    for pause in (*CANCEL_PAUSES, None):
        run = await retrieve_run(coze, conversation_id, run_id)
        if run.status.over:
            return True
        try:
            await cancel_run(coze, conversation_id, run_id)
        except ServerTrouble as trouble:
            if pause is None:
                log.warning("run cannot be cancelled", run=run_id, trouble=str(trouble))
                return False
            await asyncio.sleep(pause)
        else:
            return True
    raise AssertionError("the last try returns")
