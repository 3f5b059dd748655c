"""Reading the body of `POST /v1/workflows/chat`: every check, in the order they are made."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.sandbox.coze.accounts import Token
from bridge.sandbox.coze.endpoints.fields import (
    Fields,
    as_object,
    optional_text,
    text_map,
)
from bridge.sandbox.coze.endpoints.incoming import Incoming, incoming_messages, message_items
from bridge.sandbox.coze.refusals import NOT_JSON, Refusal, bad
from bridge.sandbox.coze.state import State
from bridge.sandbox.coze.workflows.library import Workflow
from bridge.sandbox.coze.workflows.views import OWNER_ID

OPERATION_FAILURE = 777777775
NOT_PUBLISHED = 720702011
NOT_FOUND = 720702004
MOST_MESSAGES = 50
TYPES = ("", "question", "answer", "function_call", "tool_response")
EXT = ("latitude", "longitude", "user_id")


@dataclass(frozen=True)
class Target:
    """What a request wants to run, and for whom."""

    workflow: Workflow
    bot_id: str
    app_id: str
    connector_id: str
    user_id: str
    """`ext.user_id`, else the uid of the token's owner."""
    parameters: Mapping[str, object]
    """As they were sent."""
    ext: Mapping[str, str]
    token: Token

    @property
    def owner_id(self) -> str:
        """The bot or the application it runs for."""
        return self.bot_id or self.app_id


def refused(state: State, what: str) -> Refusal:
    """Return Refusal 4000; the self-hosted server says HTTP 200 and a code of its own."""
    if state.profile.studio:
        return Refusal(OPERATION_FAILURE, f"Workflow operation failure: {what}")
    return bad(what)


def read_parameters(state: State, body: Fields) -> Mapping[str, object]:
    """Return `parameters`: an object, or JSON of one in a string where that is accepted."""
    found = body.get("parameters")
    if found is None:
        return {}
    if not isinstance(found, str):
        return as_object(found)
    if not state.profile.studio and not state.quirks.flow.string_parameters:
        raise bad("parameters must be an object")
    try:
        parsed: object = json.loads(found or "{}")
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise refused(state, "parameters is no JSON object")
    return as_object(parsed)


def read_messages(state: State, body: Fields, token: Token) -> list[Incoming]:
    """Return `additional_messages`: 1 to 50, of text only on the cloud, the last of them the user's."""
    items = message_items(body)
    if not items:
        raise refused(state, "additional_messages is required")
    try:
        messages = incoming_messages(items, state.shelf(token), MOST_MESSAGES)
    except Refusal as refusal:
        if not state.profile.studio or refusal.msg == NOT_JSON:
            raise
        raise refused(state, refusal.msg) from None
    if not state.profile.studio:
        _check_plain(messages)
    if messages[-1].role != "user":
        raise refused(state, "the last message must have the role user")
    return messages


def _check_plain(messages: Sequence[Incoming]) -> None:
    for message in messages:
        if message.content_type != "text":
            raise bad("content_type must be text in a chatflow")
        if message.type not in TYPES:
            raise bad(f"message type {message.type} is not supported")


def read_ext(state: State, body: Fields) -> Mapping[str, str]:
    """Return `ext`; the cloud knows three names only."""
    ext = text_map(body, "ext")
    for name in ext:
        if name not in EXT and not state.profile.studio:
            raise bad(f"ext {name} is not supported")
    return ext


def read_target(
    state: State,
    body: Fields,
    token: Token,
    parameters: Mapping[str, object],
    *,
    chatflow: bool,
) -> Target:
    """Return what is to run; raises Refusal 4000, 4101 or 4200, or as the self-hosted server does."""
    ext = read_ext(state, body)
    workflow_id = optional_text(body, "workflow_id") or ""
    bot_id, app_id = optional_text(body, "bot_id") or "", optional_text(body, "app_id") or ""
    connector_id = optional_text(body, "connector_id") or "1024"
    if not workflow_id:
        raise refused(state, "workflow_id is required")
    for name, given in (("workflow_id", workflow_id), ("bot_id", bot_id), ("app_id", app_id)):
        if given and state.profile.studio and not given.isdecimal():
            raise refused(state, f"{name} must be a number")
    workflow = state.library.workflows.get(workflow_id)
    if workflow is not None and workflow.account != token.account:
        raise _no_permission(state)
    if bot_id and app_id:
        raise refused(state, "bot_id and app_id may not be set at the same time")
    if chatflow and not bot_id and not app_id:
        raise refused(state, "one of bot_id and app_id is required")
    found = _published(state, workflow, workflow_id, body)
    if found.chatflow != chatflow:
        raise refused(state, f"workflow_id {workflow_id} is {'no' if chatflow else 'a'} chatflow")
    user_id = ext.get("user_id") or OWNER_ID
    _check_owner(state, found, bot_id, app_id, token)
    return Target(
        workflow=found,
        bot_id=bot_id,
        app_id=app_id,
        connector_id=connector_id,
        user_id=user_id,
        parameters=parameters,
        ext=ext,
        token=token,
    )


def _no_permission(state: State) -> Refusal:
    if state.profile.studio:
        return Refusal(OPERATION_FAILURE, "Workflow operation failure: no permission")
    return Refusal(4101, "The token you entered does not have the required permission: run")


def _published(state: State, workflow: Workflow | None, workflow_id: str, body: Fields) -> Workflow:
    """Return the workflow, which has to be there and published, in the version that is asked for."""
    studio = state.profile.studio
    missing = f"Requested resource workflow_id={workflow_id} does not exist"
    if workflow is None:
        raise Refusal(NOT_FOUND if studio else 4200, missing)
    app = state.library.apps.get(workflow.app_id) if workflow.app_id else None
    published = workflow.published and (app is None or app.published)
    draft = studio and body.get("execute_mode") == "DEBUG"
    if not published and not draft:
        words = f"{missing} or has not been published"
        raise Refusal(NOT_PUBLISHED if studio else 4200, words)
    version = optional_text(body, "version" if studio else "workflow_version")
    newest = studio and not workflow.chatflow  # whatever is asked for
    if version and version not in workflow.versions and not newest:
        words = f"Requested resource workflow_version={version} does not exist"
        raise Refusal(NOT_FOUND if studio else 4200, words)
    return workflow


def _check_owner(state: State, workflow: Workflow, bot_id: str, app_id: str, token: Token) -> None:
    """Check that the bot or the application exists, and that the workflow may run for it."""
    if bot_id and not workflow.app_id:
        try:
            state.agent(bot_id, token)
        except Refusal as refusal:
            raise refused(state, refusal.msg) if state.profile.studio else refusal from None
        if workflow.bot_ids is not None and bot_id not in workflow.bot_ids:
            raise refused(state, f"bot_id {bot_id} may not run the workflow")
    if workflow.app_id and not app_id:
        raise refused(state, "a workflow of an application needs its app_id")
    if app_id and (app_id not in state.library.apps or workflow.app_id not in ("", app_id)):
        if state.profile.studio:
            raise refused(state, f"app_id {app_id} does not exist")
        raise Refusal(4200, f"Requested resource app_id={app_id} does not exist")
