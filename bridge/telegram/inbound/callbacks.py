"""What pressed buttons do: each kind of data has one handler."""

from typing import assert_never

import structlog

from bridge.errors.coze import CozeTrouble, Forbidden, NotOffered
from bridge.store.turns import lifecycle, suggestions
from bridge.telegram.callback_data import (
    AskSuggestion,
    CallbackData,
    CancelAction,
    ChangeSetting,
    ControlBroadcast,
    DecideAccess,
    DeleteConversation,
    ForgetPerson,
    KeepPerson,
    LeaveGroup,
    ListConversations,
    MakeInvite,
    OpenConversation,
    RateAnswer,
    Reload,
    RetryQuestion,
    ShowApprovals,
    ShowUsers,
    StopAnswer,
    WithdrawInvite,
    parse,
)
from bridge.telegram.commands import conversations, privacy, settings
from bridge.telegram.commands.context import BotContext, language_of
from bridge.telegram.commands.operators import access, broadcast, control, invite
from bridge.telegram.commands.stop_running import stop_running
from bridge.telegram.post import Button, Keyboard
from bridge.telegram.questions.ask import MOMENT_SECONDS
from bridge.telegram.reply.keyboards import MARK, marked
from bridge.telegram.updates.events import CallbackPress
from bridge.texts import translate

log = structlog.get_logger(__name__)


async def handle(context: BotContext, press: CallbackPress) -> None:
    """Do what the button says, and tell the person. Raises StoreTrouble."""
    data = parse(press.data) if press.data in {one.data for one in _all(press)} else None
    said = "button.old" if data is None else await _do(context, press, data)
    if said == "button.old" and isinstance(data, RetryQuestion | AskSuggestion):
        left = _without(press.buttons, type(data))  # nobody should press it again
        if left != press.buttons and not await _rewritten(context, press, data):
            context.edit_buttons(press, left)
    text = translate(language_of(press), said) if said else None
    context.notices.answer_callback(press.chat, press.query_id, text, press.sender.id)


async def _do(context: BotContext, press: CallbackPress, data: CallbackData) -> str | None:
    """Returns the key of what the person is told in passing, if anything."""
    match data:
        case StopAnswer():
            return await _stop(context, press, data)
        case RetryQuestion():
            return await _retry(context, press, data)
        case AskSuggestion():
            return await _ask_suggestion(context, press, data)
        case RateAnswer():
            return await _rate(context, press, data)
        case ChangeSetting():
            return await settings.change(context, press, data)
        case DecideAccess() | ShowApprovals():
            return await context.approval.decide(press, data)
        case ListConversations() | OpenConversation() | DeleteConversation():
            return await conversations.pressed(context, press, data)
        case ForgetPerson():
            return await privacy.forget_now(context, press, data)
        case KeepPerson():
            context.edit(press, translate(language_of(press), "confirm.no"))
            return None
        case (
            CancelAction()
            | ShowUsers()
            | LeaveGroup()
            | ControlBroadcast()
            | MakeInvite()
            | WithdrawInvite()
            | Reload()
        ):
            return await _do_as_operator(context, press, data)
        case _:
            assert_never(data)


async def _do_as_operator(
    context: BotContext,
    press: CallbackPress,
    data: CancelAction
    | ShowUsers
    | LeaveGroup
    | ControlBroadcast
    | MakeInvite
    | WithdrawInvite
    | Reload,
) -> str | None:
    if not context.by_operator(press):
        return "button.old"
    match data:
        case CancelAction():
            context.edit(press, translate(language_of(press), "confirm.no"))
        case ShowUsers():
            await access.show_users(context, press, data)
        case LeaveGroup():
            await access.leave_now(context, press, data)
        case ControlBroadcast():
            await broadcast.control(context, press, data)
        case MakeInvite():
            await invite.make_now(context, press, data)
        case WithdrawInvite():
            return await invite.withdraw_now(context, press, data)
        case Reload():
            await control.reload_now(context, press)
        case _:
            assert_never(data)
    return None


async def _stop(context: BotContext, press: CallbackPress, data: StopAnswer) -> str:
    if not await _may_end(context, press, data.turn_id):
        return "stop.not_yours"
    stopped = await stop_running(context, press.chat, data.turn_id)
    async with context.store.reading() as tx:
        posts = await lifecycle.posts_of(tx, press.chat, data.turn_id)
    if posts is not None and press.post_id not in posts:
        context.edit_buttons(press, ())  # a copy of a post, of whose sending nobody heard
    return "stop.done" if stopped else "stop.nothing"


async def _retry(context: BotContext, press: CallbackPress, data: RetryQuestion) -> str | None:
    """Ask a question once more: it costs as much as the first time."""
    if not await _may_end(context, press, data.turn_id):
        return "retry.not_yours"
    refusal = await context.questions.ask_again(
        context.update, press.chat, press.sender, data.turn_id
    )
    if refusal is None:
        return None
    known = {"retry.busy": "retry.busy", "retry.nothing": "button.old"}
    return known.get(refusal.key, "button.not_now")


async def _may_end(context: BotContext, press: CallbackPress, turn_id: int) -> bool:
    """Return whether it is for them to stop an answer or to have it tried again."""
    async with context.store.reading() as tx:
        asker = await lifecycle.asker_of(tx, press.chat, turn_id)
    return asker is None or await context.rights.may_end(press.chat, press.sender, asker)


async def _rewritten(
    context: BotContext, press: CallbackPress, data: RetryQuestion | AskSuggestion
) -> bool:
    """Return whether the post was taken over since: its buttons are not those that were pressed."""
    if not isinstance(data, RetryQuestion):
        return False
    async with context.store.reading() as tx:
        return await lifecycle.rewritten(tx, press.chat, data.turn_id, press.post_id)


async def _ask_suggestion(
    context: BotContext, press: CallbackPress, data: AskSuggestion
) -> str | None:
    """Ask the question behind a button, and take the buttons away."""
    refusal = await context.questions.ask_chosen(context.update, press, data, context.chosen)
    if not refusal:
        context.edit_buttons(press, _without(press.buttons, AskSuggestion))
    return refusal or None


async def _rate(context: BotContext, press: CallbackPress, data: RateAnswer) -> str:
    """Tell Coze what the person thinks of the answer, and mark the button."""
    await context.lanes.ended(press.chat, MOMENT_SECONDS)  # its id may just be written down
    async with context.store.reading() as tx:
        answer = await lifecycle.answer_of(tx, press.chat, data.turn_id)
    if answer is None:
        return "button.old"
    agent = context.agents.of(answer.agent).client
    again = any(one.data == press.data and one.label.startswith(MARK) for one in _all(press))
    try:
        if again:
            await agent.judge(answer.conversation_id, answer.id, like=None)
        else:
            await agent.judge(answer.conversation_id, answer.id, like=data.like)
    except (NotOffered, Forbidden) as trouble:
        log.warning("feedback switched off", trouble=str(trouble))
        if not context.agents.all_declared[1:]:
            context.deployment.features.switch_off("judging")
        return "judge.missing"
    except CozeTrouble as trouble:
        log.warning("feedback not sent", trouble=str(trouble))
        return "judge.failed"
    counts = None if again else data
    async with context.store.writing(of=press.chat.chat_id) as tx:
        await suggestions.rated(tx, press.chat, data.turn_id, liked=counts.like if counts else None)
    now = marked(press.buttons, counts)
    if now != press.buttons:
        context.edit_buttons(press, now)
    return "judge.withdrawn" if again else "judge.thanks"


def _all(press: CallbackPress) -> list[Button]:
    return [one for row in press.buttons for one in row]


def _without(buttons: Keyboard, kind: type[CallbackData]) -> Keyboard:
    """Return the keyboard without the rows of one kind of buttons."""
    return tuple(row for row in buttons if not isinstance(parse(row[0].data), kind))
