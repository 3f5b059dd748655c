"""Starting an execution of a workflow, and going on with one that waits."""

import asyncio
from dataclasses import replace
from functools import partial

from bridge.sandbox.coze.accounts import Token
from bridge.sandbox.coze.endpoints.fields import Fields, optional_text
from bridge.sandbox.coze.endpoints.questions import input_tokens
from bridge.sandbox.coze.refusals import Refusal
from bridge.sandbox.coze.resources.conversations import Conversation
from bridge.sandbox.coze.resources.runs import Run, Values
from bridge.sandbox.coze.resources.suspended import Suspended, answered, continued
from bridge.sandbox.coze.scripts.steps import (
    Fail,
    Outputs,
    Require,
    Script,
    Step,
    Steps,
    Turn,
    fixed,
)
from bridge.sandbox.coze.state import State
from bridge.sandbox.coze.workflows.executions import MOST_RESUMES, Execution, Mode
from bridge.sandbox.coze.workflows.inputs import WrongInput, start_inputs
from bridge.sandbox.coze.workflows.performance import EXECUTE_FAILURE
from bridge.sandbox.coze.workflows.requests import Target, refused
from bridge.sandbox.coze.workflows.start import Wrap, known_to
from bridge.sandbox.coze.workflows.streaming import WorkflowPerformance
from bridge.sandbox.coze.workflows.views import debug_url

NO_EXECUTION, ENDED = 4314, 4315


def start_execution(state: State, target: Target, mode: Mode, wrap: Wrap, base: str) -> Execution:
    """Start an execution; `base` is where its links lead."""
    execute_id = state.ids.take()
    turn = Turn(
        _question(target),
        agent_name=target.workflow.name,
        link=partial(state.downloads.link, base),
    )
    execution = Execution(
        execute_id=execute_id,
        workflow_id=target.workflow.workflow_id,
        bot_id=target.bot_id,
        app_id=target.app_id,
        connector_id=target.connector_id,
        user_id=target.user_id,
        account=target.token.account,
        mode=mode,
        values=Values(target.parameters, ext=target.ext),
        question=turn.question,
        debug_url=debug_url(state.profile.name, execute_id, target.workflow.workflow_id),
        created_at=state.now(),
        updated_at=state.now(),
        logid=state.ids.log(),
    )
    try:
        inputs = start_inputs(target.workflow, target.parameters, state.shelf(target.token))
    except WrongInput as wrong:
        script = fixed(Fail(wrong.code, wrong.msg))
    else:
        known = known_to(state, target, inputs)
        turn = replace(turn, attachments=inputs.files, known=known)
        script = target.workflow.script or state.script_for(turn)
    state.library.executions[execute_id] = execution
    _play(state, execution, turn, wrap(script))
    return execution


def _question(target: Target) -> str:
    """Return what the script is asked: the parameter `input`, or the first that is a text."""
    values = (target.parameters.get("input"), *target.parameters.values())
    return next((value for value in values if isinstance(value, str)), "")


def _play(state: State, execution: Execution, turn: Turn, script: Script) -> None:
    nowhere = Conversation(
        id="",
        bot_id="",
        account=execution.account,
        session_name=None,
        section_id="",
        created_at=state.now(),
    )
    run = Run(
        chat_id=execution.execute_id,
        conversation=nowhere,
        section_id="",
        bot_id=execution.bot_id,
        user_id=execution.user_id,
        question=execution.question,
        stream=execution.mode == 1,
        saved=False,
        created_at=state.now(),
        values=execution.values,
        workflow_id=execution.workflow_id,
        app_id=execution.app_id,
        usage=(input_tokens(turn), 0),
    )

    def keep(steps: Steps, step: Step) -> None:
        execution.waiting = (steps, step)

    performance = WorkflowPerformance(
        run=run,
        script=script,
        turn=turn,
        profile=state.profile,
        ids=state.ids,
        clock=state.clock,
        pace=lambda: state.pace,
        bell=state.bell,
        quirks=state.quirks,
        suspend=keep,
        execution=execution,
    )
    execution.runs.append(run)
    run.task = asyncio.create_task(performance.play())
    state.bell.ring()


def resume(state: State, body: Fields, token: Token) -> Execution:
    """Go on with an execution that waits; raises Refusal 4000, 4314 or 4315."""
    workflow_id, event_id, resume_data = (
        optional_text(body, name) or "" for name in ("workflow_id", "event_id", "resume_data")
    )
    if not (workflow_id and event_id and resume_data):
        raise refused(state, "workflow_id, event_id and resume_data are required")
    kind = body.get("interrupt_type")
    if isinstance(kind, bool) or not isinstance(kind, int):
        raise refused(state, "interrupt_type is required")
    execute_id, slash, number = event_id.partition("/")
    if not (slash and execute_id.isdecimal() and number.isdecimal()):
        raise refused(state, "event_id must be <number>/<number>")
    execution = state.library.executions.get(execute_id)
    if execution is None or (execution.workflow_id, execution.account) != (
        workflow_id,
        token.account,
    ):
        raise Refusal(NO_EXECUTION, f"Requested resource event_id={event_id} does not exist")
    waiting, interrupt = execution.waiting, execution.interrupt
    if waiting is None or interrupt is None or interrupt.event_id != event_id:
        raise Refusal(ENDED, f"The execution does not wait for event_id={event_id}")
    if kind != interrupt.type:
        raise refused(state, f"interrupt_type must be {interrupt.type}")
    execution.waiting = execution.interrupt = None
    execution.resumes += 1
    steps, step = waiting
    script = continued(Suspended(steps, step, workflow_id, 0), _outputs(step, resume_data))
    if execution.resumes > MOST_RESUMES:
        words = f"the workflow was resumed more than {MOST_RESUMES} times"
        script = fixed(Fail(EXECUTE_FAILURE, words))
    _play(state, execution, Turn(resume_data), script)
    return execution


def _outputs(step: Step, resume_data: str) -> Outputs:
    if isinstance(step, Require):
        return {call.id: resume_data for call in step.calls}
    return answered(resume_data)
