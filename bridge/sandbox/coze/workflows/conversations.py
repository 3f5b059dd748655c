"""Which conversation a chatflow runs in: the one that is named by its id, by a name, or a new one."""

from bridge.sandbox.coze.accounts import Token
from bridge.sandbox.coze.refusals import Refusal, bad, no_conversation
from bridge.sandbox.coze.resources.conversations import Conversation
from bridge.sandbox.coze.state import State
from bridge.sandbox.coze.workflows.requests import Target, refused

NAME = "CONVERSATION_NAME"
STUDIO_NO_CONVERSATION = 103000002
STUDIO_FOREIGN = 103000001


class UnknownName(Exception):
    """The application has no conversation of that name; a chatflow fails by it, and is not refused."""

    code = 720702204
    msg = "会话名不存在"


def conversation_of(
    state: State, target: Target, conversation_id: str, token: Token
) -> Conversation:
    """Return the conversation of a request; raises UnknownName or Refusal."""
    if state.profile.studio:
        return _studio_conversation(state, target, conversation_id, token)
    if conversation_id:
        return _given(state, target, conversation_id, token)
    name = target.parameters.get(NAME)
    if target.app_id and name is not None:
        if not isinstance(name, str) or name not in _app_names(state, target.app_id):
            raise UnknownName
        return named(state, target, name, token)
    way = state.quirks.flow.without_conversation
    if way == "name":
        raise bad("conversation name is required")
    if way == "720702204":
        raise UnknownName
    if target.app_id:
        name = target.workflow.conversation_name
        if name not in _app_names(state, target.app_id):
            raise UnknownName
        return named(state, target, name, token)
    return state.new_conversation(target.bot_id, token, connector_id=target.connector_id)


def _given(state: State, target: Target, conversation_id: str, token: Token) -> Conversation:
    """Return the token's own conversation, which has to fit the application and the connector."""
    found = state.conversation(conversation_id, token)
    plain = not found.app_id and state.quirks.flow.plain_conversations
    fits = found.app_id == target.app_id or (target.app_id and plain)
    if not fits or found.connector_id != target.connector_id:
        raise no_conversation(conversation_id, state.quirks.lost_conversation_code)
    return found


def _app_names(state: State, app_id: str) -> tuple[str, ...]:
    return state.library.apps[app_id].conversation_names


def named(state: State, target: Target, name: str, token: Token) -> Conversation:
    """Return the one conversation of that name: of the bot or application, connector and account."""
    return named_of(state, target.bot_id, target.app_id, target.connector_id, name, token)


def named_of(
    state: State, bot_id: str, app_id: str, connector_id: str, name: str, token: Token
) -> Conversation:
    """Return the conversation of that name, opened when there is none yet or no longer."""
    key = (bot_id or app_id, connector_id, token.account, token.session_name or "", name)
    found = state.conversations.get(state.library.named.get(key, ""))
    if found is None:
        found = state.new_conversation(bot_id, token, name=name, connector_id=connector_id)
        found.app_id = app_id
        state.library.named[key] = found.id
    return found


def _studio_conversation(
    state: State, target: Target, conversation_id: str, token: Token
) -> Conversation:
    """Return a conversation as the self-hosted server does: a name is required without an id."""
    if not conversation_id:
        name = target.parameters.get(NAME)
        if not isinstance(name, str) or not name:
            raise refused(state, "conversation name is required")
        return named(state, target, name, token)
    if not conversation_id.isdecimal():
        raise refused(state, "conversation_id must be a number")
    found = state.conversations.get(conversation_id)
    if found is None or (target.app_id and (found.app_id != target.app_id or not found.name)):
        raise Refusal(STUDIO_NO_CONVERSATION, "conversation not found")
    if not found.belongs(token.account, token.session_name):
        raise Refusal(STUDIO_FOREIGN, "no permission")
    return found
