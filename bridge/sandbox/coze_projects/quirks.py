"""What real projects do in more than one way, or what nobody has established: a switch for each."""

from dataclasses import dataclass
from typing import Literal

EndOfStream = Literal["clean", "reset", "missing chunk"]
"""The last chunk is written; the connection is reset (RST); it is closed without the last chunk."""
FailureShape = Literal["end", "error", "eof", "torn", "error only", "500"]
"""How a failed run looks: `message_end` with a code, `error` after the text, nothing at all, half a
line, `error` as the only event, or HTTP 500 with a stack trace."""


@dataclass(eq=False)
class Quirks:
    """The ways that are in force; the defaults are what an unedited project does."""

    # --- the request ---
    project_id: Literal["ignored", "checked"] = "ignored"
    project_id_forms: tuple[str, ...] = ("number", "string", "rounded")
    """The forms in which a checked one is accepted."""
    project_id_status: int = 400
    project_id_body: str = '{"msg":"project_id does not match"}'
    bad_token: Literal["401", "403", "401 html", "event"] = "401"
    """How a wrong token is refused; `event` is HTTP 200 with an `error` event."""
    blocked_user_agents: tuple[str, ...] = ("Java",)
    """How the User-Agents begin that the platform answers 404."""
    without_session: Literal["echo", "400"] = "echo"
    run_ids: Literal["honoured", "ignored"] = "honoured"
    """Whether `x-run-id` becomes the run's id."""

    # --- the answer ---
    log_header: bool = True
    """Whether answers carry `x-tt-logid`."""
    log_ids: bool = True
    """Whether events carry a `log_id` that is not empty."""
    error_key: bool = True
    """Whether `content` has the key `error`."""
    finish: Literal["empty", "last", "whole"] = "empty"
    """An answer ends with an empty piece, with its last text, or comes as one event."""
    content: Literal["text", "python"] = "text"
    """`python` writes texts as a model's list in the form of Python."""
    thinking: Literal["none", "events", "tags"] = "none"
    """What becomes of a script's reasoning; `tags` writes it into the answer."""
    failure: FailureShape = "end"
    """How a script's failure looks; `end` leaves an `error` event to the scripts that have one."""
    tools: Literal["normal", "silent", "parallel", "huge", "failed"] = "normal"
    """Calls of tools; `silent` ones never return, and the run with them."""
    sequence: Literal["clean", "restart", "duplicate", "gap", "shuffled"] = "clean"
    """`restart` numbers the last event 1; `duplicate` writes events twice."""

    # --- the stream ---
    event_line: bool = True
    """Whether `event: message` stands in front of `data:`."""
    line_end: Literal["\n", "\r\n"] = "\n"
    chunks: Literal["event", "split", "joined"] = "event"
    """One chunk an event; chunks that end in the middle of characters; several events in one."""
    idle_cut: float = 300.0
    """After so many seconds of the loop without a byte the gateway cuts the connection."""
    heartbeat: Literal["none", "comment", "event"] = "none"
    heartbeat_seconds: float = 15.0
    end: EndOfStream = "clean"
    timeout_seconds: float = 900.0
    """After so many seconds of the loop a run ends with `TIMEOUT`, once its next item is there."""
    gateway_seconds: float = 300.0
    """How long the gateway waits for an answer that is no stream."""

    # --- what happens to a run ---
    cancel: Literal["works", "not_found", "404"] = "works"
    cancel_tail: EndOfStream = "missing chunk"
    """How a stream ends whose run was cancelled."""
    disconnect: Literal["stops", "completes"] = "stops"
    """What a run does when nobody listens to it any more."""
    healthy: bool = True

    # --- memory ---
    memory: Literal["session", "none"] = "session"
    memory_store: Literal["database", "process"] = "database"
    """What is kept in the process is lost at a redeployment."""
    memory_messages: int = 40
    """So many of the last messages are seen."""
    parallel_runs: Literal["apart", "interleaved"] = "apart"
    """Whether the messages of runs at the same time stand in each other."""
    torn_tool_poisons: bool = False
    """Whether a run that ends before its tool returned leaves a session in which every run fails."""

    # --- deployments ---
    redeploy_token: Literal["stays", "dies"] = "stays"

    # --- asynchronous tasks ---
    task_result: Literal["object", "string"] = "object"
    task_error: Literal["object", "string"] = "object"
    task_fate: Literal["normal", "pending", "heartbeat lost", "deadline"] = "normal"
    task_storage: bool = True
    """Whether the project has the database that tasks need."""
    task_body: Literal["unconverted", "converted"] = "unconverted"
    """Whether an agent's body in the form of `/stream_run` becomes a question."""

    task_cleanup: bool = False
    """Whether the first task wipes the memory of all sessions, which are no tasks."""

    # --- workflows ---
    first_event_id: Literal[0, 1] = 0
    workflow_last: Literal["workflow_end", "done"] = "workflow_end"
    workflow_output: Literal["result", "empty"] = "result"
    workflow_error_key: Literal["error_msg", "message"] = "error_msg"
    run_stream_alias: bool = True
    """Whether `/run/stream` is `/stream_run`."""
    ping_seconds: float = 30.0
    parameter_code: bool = True
    """Whether `/graph_parameter` has `code` and `msg`."""

    # --- files ---
    files: Literal["fetched", "failing"] = "fetched"
    broken_picture: Literal["line", "301008"] = "line"
    """What becomes of a picture that cannot be fetched: a line in the prompt, or a failed run."""
