"""What a run cost that was broken off: asked of Coze afterwards, else estimated.

Coze says what a run cost in its last event only, and whoever stops an answer or goes away never
hears that one; free it is not.
"""

import asyncio
from dataclasses import dataclass, replace

import structlog

from bridge.coze.events import Usage
from bridge.errors.coze import CozeTrouble
from bridge.model import Outcome, State
from bridge.relay.prompt import prompt_of
from bridge.relay.run_in_progress import RunInProgress

log = structlog.get_logger(__name__)
LOOK_SECONDS = 5.0
BYTES_OF_A_TOKEN = 3
"""Of text as UTF-8: a Chinese character, or three letters, about as tokenizers have it."""


@dataclass(frozen=True)
class Cost:
    """Tokens that were used."""

    tokens_in: int
    tokens_out: int
    estimated: bool = False
    """Whether Coze has not said so."""


def reported(usage: Usage) -> Cost:
    """Return what Coze says. Pure."""
    return Cost(usage.input, usage.output or max(0, usage.total - usage.input))


def estimated(asked: str, said: str) -> Cost:
    """Return what a question and what was said of its answer cost at least, about. Pure."""
    asks, says = (-(-len(one.encode()) // BYTES_OF_A_TOKEN) for one in (asked, said))
    return Cost(asks, says, estimated=True)


async def broken_off(run: RunInProgress, said: str) -> Cost:
    """Return what a run cost of which the end was not heard, and that had `said` so much."""
    turn = run.turn
    counts = run.agent.client.capabilities.usage
    if turn.run_id is None or turn.conversation_id is None or not counts:
        return Cost(0, 0)
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            usage = await run.agent.client.usage(run.question(), turn.run_id)
    except (CozeTrouble, TimeoutError) as trouble:
        log.info("run cost estimated", turn=turn.id, why=type(trouble).__name__)
    else:
        if usage.total or usage.input or usage.output:
            return reported(usage)
    return estimated(prompt_of(turn), said)


async def with_cost(run: RunInProgress, end: Outcome) -> Outcome:
    """Return the end with what its run cost, where that was not heard."""
    if end.state is State.ANSWERED or end.tokens_in or end.tokens_out:
        return end
    cost = await broken_off(run, end.reply_state.text + end.reply_state.reasoning)
    return replace(
        end, tokens_in=cost.tokens_in, tokens_out=cost.tokens_out, estimated=cost.estimated
    )
