"""The scripts of projects: those of the other emulator, and some that only projects can play."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

from bridge.sandbox.coze.scripts import script_named
from bridge.sandbox.coze.scripts.steps import (
    Completed,
    Delta,
    Fail,
    Outputs,
    Silence,
    Step,
    Turn,
    say,
)
from bridge.sandbox.coze_projects.quirks import FailureShape


@dataclass(frozen=True)
class ToolRequest:
    """A call of a tool, with an id of its own."""

    call_id: str
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True)
class ToolResponse:
    """What the call of that id returned."""

    call_id: str
    result: str


@dataclass(frozen=True)
class Hang:
    """Nothing more happens, ever."""


@dataclass(frozen=True)
class FailAs:
    """The run fails, and it looks like this whatever is in force."""

    code: str
    message: str
    shape: FailureShape


ProjectStep = Step | ToolRequest | ToolResponse | Hang | FailAs
ProjectSteps = Generator[ProjectStep, Outputs, None]
ProjectScript = Callable[[Turn], ProjectSteps]


def around_a_tool(turn: Turn) -> ProjectSteps:
    """Give two answers with a tool between them."""
    yield Delta("before", "Let me look")
    yield Completed("before")
    yield ToolRequest("call_a1", "web_search", {"query": "weather"})
    yield Silence(1)
    yield ToolResponse("call_a1", "3 hits")
    yield Delta("after", "It will ")
    yield Delta("after", "rain.")
    yield Completed("after")


def parallel_tools(turn: Turn) -> ProjectSteps:
    """Call two tools at once: both calls, then what they returned, the later one first."""
    yield ToolRequest("call_b1", "web_search", {"query": "weather"})
    yield ToolRequest("call_b2", "calendar", {"day": "monday"})
    yield Silence(1)
    yield ToolResponse("call_b2", "free")
    yield ToolResponse("call_b1", "rain")
    yield from say("answer", "On Monday it rains, and you are **free**.")


def hanging_tool(turn: Turn) -> ProjectSteps:
    """Return a tool that never returns."""
    yield ToolRequest("call_c1", "image_generation", {"prompt": "a lighthouse"})
    yield Hang()


PROJECT_SCRIPTS: dict[str, ProjectScript] = {
    "around a tool": around_a_tool,
    "parallel tools": parallel_tools,
    "hanging tool": hanging_tool,
}


def project_script(name: str) -> ProjectScript:
    """Return the script of that name; raises ValueError when there is none."""
    return PROJECT_SCRIPTS.get(name) or script_named(name)


def fixed(*steps: ProjectStep) -> ProjectScript:
    """Return a script of exactly these steps."""

    def script(turn: Turn) -> ProjectSteps:
        for step in steps:  # noqa: UP028 - a tuple cannot be sent the outputs
            yield step

    return script


def failing(script: ProjectScript, failure: FailAs, after: int) -> ProjectScript:
    """Return the script until its `after`-th delta, then a failure."""

    def failed(turn: Turn) -> ProjectSteps:
        deltas = 0
        if after:
            for step in script(turn):
                deltas += isinstance(step, Delta)
                yield step
                if deltas >= after:
                    break
        yield failure

    return failed


def failure_of(script: ProjectScript, turn: Turn) -> Fail | None:
    """Play a script to nobody and return how it fails, None when it does not."""
    steps = script(turn)
    step = next(steps, None)
    while step is not None and not isinstance(step, Fail):
        try:
            step = steps.send({})
        except StopIteration:
            return None
    return step
