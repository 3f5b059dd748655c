"""Executions of workflows without a conversation, and what the endpoints show of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bridge.sandbox.coze.resources.run_views import usage_view
from bridge.sandbox.coze.resources.runs import RUNNING, Run, Values
from bridge.sandbox.coze.scripts.steps import Step, Steps

Mode = Literal[0, 1, 2]
"""Synchronous, streamed, asynchronous."""
QUESTION, INPUT, LOCAL_PLUGIN = 2, 5, 6
"""What an interrupt wants."""
MOST_RESUMES = 3


@dataclass(frozen=True)
class Interrupt:
    """A node that waits for somebody's answer."""

    event_id: str
    type: int
    data: str
    required_parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(eq=False)
class Execution:
    """One execution of a workflow; every resume adds a run to it."""

    execute_id: str
    workflow_id: str
    bot_id: str
    app_id: str
    connector_id: str
    user_id: str
    """`ext.user_id`, else the uid of the token's owner."""
    account: str
    mode: Mode
    values: Values
    question: str
    """What its script was asked: the parameter `input`, or the first that is a text."""
    debug_url: str
    created_at: int
    """Unix time in seconds, as the next one."""
    updated_at: int
    logid: str = ""
    runs: list[Run] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    """What the output nodes said, by their titles."""
    interrupt: Interrupt | None = None
    """What it waits for."""
    waiting: tuple[Steps, Step] | None = None
    """The script in the middle, and the step it waits at."""
    resumes: int = 0

    @property
    def run(self) -> Run:
        """The newest run of it."""
        return self.runs[-1]

    @property
    def text(self) -> str:
        """Everything the output nodes said."""
        return "\n\n".join(text for text in self.outputs.values() if text)

    @property
    def output(self) -> str:
        """What the end node gives: JSON in a string."""
        return one_line({"output": self.text})

    @property
    def status(self) -> Literal["Success", "Running", "Fail"]:
        """How it stands; one that waits for an answer is still running."""
        if self.run.status == "completed":
            return "Success"
        waits = self.interrupt is not None or self.run.status in RUNNING
        return "Running" if waits else "Fail"


def one_line(value: Mapping[str, object]) -> str:
    """Return JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def interrupt_view(interrupt: Interrupt) -> dict[str, object]:
    """Return what a client needs to resume."""
    view: dict[str, object] = {
        "event_id": interrupt.event_id,
        "type": interrupt.type,
        "data": interrupt.data,
    }
    if interrupt.required_parameters:
        view["required_parameters"] = dict(interrupt.required_parameters)
    return view


def history_view(execution: Execution) -> dict[str, object]:
    """Return an execution as the history shows it; its error code is a string."""
    code, msg = execution.run.last_error
    view: dict[str, object] = {
        "execute_id": execution.execute_id,
        "execute_status": execution.status,
        "bot_id": execution.bot_id or "0",
        "connector_id": execution.connector_id,
        "connector_uid": execution.user_id,
        "run_mode": execution.mode,
        "output": one_line({"Output": execution.output, **execution.outputs}),
        "create_time": execution.created_at,
        "update_time": execution.updated_at,
        "node_execute_status": {},
        "error_code": str(code) if code else "",
        "error_message": msg,
        "debug_url": execution.debug_url,
        "usage": usage_view(execution.run, True),
        "is_output_trimmed": False,
        "logid": execution.logid,
    }
    if execution.interrupt is not None:
        view["interrupt_data"] = interrupt_view(execution.interrupt)
    return view
