"""Starting a run of a chatflow."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from bridge.sandbox.coze.endpoints.incoming import ChatRequest, Incoming
from bridge.sandbox.coze.endpoints.questions import given, input_tokens, turn_of, typed
from bridge.sandbox.coze.resources.conversations import Conversation
from bridge.sandbox.coze.resources.runs import Run, Values
from bridge.sandbox.coze.scripts.steps import Fail, Script, Turn, fixed
from bridge.sandbox.coze.state import State
from bridge.sandbox.coze.workflows.conversations import NAME
from bridge.sandbox.coze.workflows.inputs import Inputs, WrongInput, start_inputs
from bridge.sandbox.coze.workflows.performance import (
    ChatflowPerformance,
    StudioChatflowPerformance,
)
from bridge.sandbox.coze.workflows.requests import Target

Wrap = Callable[[Script], Script]


def start_chatflow(
    state: State,
    target: Target,
    conversation: Conversation,
    messages: list[Incoming],
    wrap: Wrap,
    base: str,
    *,
    follow_ups: bool = False,
) -> Run:
    """Start a run; it goes on with the script that waits for an answer in the conversation."""
    request = ChatRequest(
        bot_id=target.bot_id,
        user_id="",
        stream=True,
        auto_save_history=True,
        messages=messages,
        meta_data={},
    )  # context is everybody's
    turn = turn_of(conversation, request, None)
    link = partial(state.downloads.link, base)
    turn = replace(turn, agent_name=target.workflow.name, link=link)
    run = _new_run(state, target, conversation, turn)
    for message in messages:
        state.store(conversation, typed(message), "", run.chat_id)
    if not state.quirks.flow.listed and not state.profile.studio:
        conversation.unlisted.add(run.chat_id)
    rest = None
    if state.profile.studio or state.quirks.flow.resumes == "next" or NAME in target.parameters:
        rest = state.rest_of_script(conversation, turn.question, target.workflow.workflow_id)
    turn, script = _prepared(state, target, turn, rest)
    performance = _performance(state, target, run, turn, wrap(script), follow_ups)
    files = tuple(dict.fromkeys((*given(request), *turn.attachments)))
    state.begin(run, performance, files, rest is not None)
    return run


def _new_run(state: State, target: Target, conversation: Conversation, turn: Turn) -> Run:
    return Run(
        chat_id=state.ids.take(),
        conversation=conversation,
        section_id=conversation.section_id,
        bot_id=target.bot_id,
        user_id=target.user_id,
        question=turn.question,
        stream=True,
        saved=True,
        created_at=state.now(),
        values=Values(target.parameters, ext=target.ext),
        workflow_id=target.workflow.workflow_id,
        app_id=target.app_id,
        usage=(input_tokens(turn), 0),
    )


def _prepared(state: State, target: Target, turn: Turn, rest: Script | None) -> tuple[Turn, Script]:
    """Return the turn with its inputs, and what is played; the parameters of an answer are ignored."""
    if rest is not None:
        return turn, rest
    try:
        inputs = start_inputs(target.workflow, target.parameters, state.shelf(target.token))
    except WrongInput as wrong:
        return turn, fixed(Fail(wrong.code, wrong.msg))
    turn = replace(
        turn,
        attachments=(*turn.attachments, *inputs.files),
        known=known_to(state, target, inputs),
    )
    return turn, target.workflow.script or state.script_for(turn)


def known_to(state: State, target: Target, inputs: Inputs) -> dict[str, Mapping[str, object]]:
    """Return what a workflow gets beside the messages: inputs, user variables, a position."""
    token = target.token
    place = (
        token.account,
        token.session_name,
        target.user_id,
        target.connector_id,
        target.owner_id,
    )
    variables = state.variables.read(place).items()
    return {
        "parameter": inputs.values,
        "user variable": {name: kept.value for name, kept in variables},
        "position": {name: value for name, value in target.ext.items() if name != "user_id"},
    }


def _performance(
    state: State, target: Target, run: Run, turn: Turn, script: Script, follow_ups: bool
) -> ChatflowPerformance:
    kind = StudioChatflowPerformance if state.profile.studio else ChatflowPerformance
    return kind(
        run,
        script,
        turn,
        state.profile,
        state.ids,
        state.clock,
        lambda: state.pace,
        state.bell,
        state.quirks,
        state.keeper(run.conversation, target.workflow.workflow_id),
        execute_id=state.ids.take(),
        follow_ups=follow_ups,
    )
