"""What pressed buttons do. A button's data is only a name of something that is looked up here."""

import structlog

from bridge.coze.client import Coze
from bridge.coze.feedback import give_feedback, withdraw_feedback
from bridge.errors import CozeTrouble, Forbidden, NotOffered
from bridge.model import Answers, Preferences
from bridge.relay.lanes import Lanes
from bridge.store import chats
from bridge.store.engine import Store
from bridge.store.inbox import Arrived
from bridge.store.operators import agents
from bridge.store.turns import lifecycle
from bridge.telegram.access.approval import Approval
from bridge.telegram.access.rights import Rights
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.commands import settings_menu
from bridge.telegram.commands.people import Commands
from bridge.telegram.post import Button, Keyboard
from bridge.telegram.questions.ask import MOMENT_SECONDS, Questions
from bridge.telegram.reply.features import Features
from bridge.telegram.reply.keyboards import DISLIKE, LIKE
from bridge.telegram.updates.events import CallbackPress
from bridge.texts import translate

log = structlog.get_logger(__name__)
_MARK = "✓"
"""Stands before the judgement that counts."""


class Callbacks:
    """Gives every pressed button its consequence."""

    def __init__(
        self,
        notices: NoticeQueue,
        store: Store,
        lanes: Lanes,
        commands: Commands,
        coze: Coze,
        features: Features,
        default: Preferences,
        rights: Rights,
        door: Approval,
        listening: Questions,
    ) -> None:
        self._listening = listening
        self._rights = rights
        self._door = door
        self._notices = notices
        self._store = store
        self._lanes = lanes
        self._commands = commands
        self._coze = coze
        self._features = features
        self._default = default

    async def press(self, arrived: Arrived, press: CallbackPress) -> None:
        """Do what the button says, and tell the person. Raises StoreTrouble."""
        what, _, rest = press.data.partition(":")
        if press.data not in {one.data for one in _all(press)}:
            what = "forged"
        toast = await self._do(arrived, press, what, rest)
        if toast == "button.old" and what in ("retry", "ask"):  # nobody should press it again
            left = _without(press.buttons, what)
            if left != press.buttons and not await self._rewritten(press, what, rest):
                self._show_buttons(press, left)
        text = translate(press.sender.language, toast) if toast else None
        self._notices.answer_callback(press.chat, press.query_id, text, press.sender.id)

    def _show_buttons(self, press: CallbackPress, keyboard: Keyboard) -> None:
        self._notices.edit_buttons(press.chat, press.post_id, keyboard, press.sender.id)

    async def _rewritten(self, press: CallbackPress, what: str, rest: str) -> bool:
        """Whether the post was taken over since: its buttons are not those that were pressed."""
        if what != "retry":
            return False
        async with self._store.reading() as tx:
            return await lifecycle.rewritten(tx, press.chat, _number(rest), press.post_id)

    async def _do(self, arrived: Arrived, press: CallbackPress, what: str, rest: str) -> str | None:
        """Returns the key of what the person is told in passing, if anything."""
        match what:
            case "stop":
                if not await self._may_end(press, _number(rest)):
                    return "stop.not_yours"
                stopped = await self._commands.stop_running(press.chat, _number(rest))
                await self._clear_copy(press, _number(rest))
                return "stop.done" if stopped else "stop.nothing"
            case "retry":
                return await self._try_again(arrived, press, _number(rest))
            case "ask":
                return await self._ask_chosen(arrived, press, rest)
            case "like" | "dislike":
                return await self._judge(press, _number(rest), like=what == "like")
            case "set":
                if not await self._rights.leads(press.chat, press.sender):
                    return "settings.not_yours"
                return await self._choose(press, rest)
            case "access":
                return await self._door.decide(press, rest)
            case "op":
                return await self._commands.operators.press(press, rest)
            case "forget":
                return await self._commands.own_data.press(press, rest)
            case _:
                return "button.old"

    async def _try_again(self, arrived: Arrived, press: CallbackPress, turn_id: int) -> str | None:
        """Ask a question once more: it costs as much as the first time."""
        if not await self._may_end(press, turn_id):
            return "retry.not_yours"
        refusal = await self._listening.ask_again(arrived, press.chat, press.sender, turn_id)
        if refusal is None:
            return None
        known = {"retry.busy": "retry.busy", "retry.nothing": "button.old"}
        return known.get(refusal.key, "button.not_now")

    async def _may_end(self, press: CallbackPress, turn_id: int) -> bool:
        """Whether it is for them to stop an answer or to have it tried again."""
        async with self._store.reading() as tx:
            asker = await lifecycle.asker_of(tx, press.chat, turn_id)
        return asker is None or await self._rights.may_end(press.chat, press.sender, asker)

    async def _clear_copy(self, press: CallbackPress, turn_id: int) -> None:
        """A copy of a post, of whose sending nobody heard, loses its button when that is pressed."""
        async with self._store.reading() as tx:
            posts = await lifecycle.posts_of(tx, press.chat, turn_id)
        if posts is not None and press.post_id not in posts:
            self._show_buttons(press, ())

    async def _ask_chosen(self, arrived: Arrived, press: CallbackPress, rest: str) -> str | None:
        """Ask the question behind a button, and take the buttons away."""
        token, _, number = rest.rpartition(":")
        refusal = await self._listening.ask_chosen(arrived, press, token, _number(number))
        if not refusal:
            self._show_buttons(press, _without(press.buttons, "ask"))
        return refusal or None

    async def _judge(self, press: CallbackPress, turn_id: int, *, like: bool) -> str:
        """Tell Coze what the person thinks of the answer, and mark the button."""
        await self._lanes.ended(press.chat, MOMENT_SECONDS)  # its id may just be written down
        async with self._store.reading() as tx:
            answer = await lifecycle.answer_of(tx, press.chat, turn_id)
        if answer is None:
            return "button.old"
        again = any(one.data == press.data and one.label.startswith(_MARK) for one in _all(press))
        try:
            if again:
                await withdraw_feedback(self._coze, *answer)
            else:
                await give_feedback(self._coze, *answer, like=like)
        except (NotOffered, Forbidden) as trouble:
            log.warning("no more judging", trouble=str(trouble))
            self._features.judging = False
            return "judge.missing"
        except CozeTrouble as trouble:
            log.warning("not judged", trouble=str(trouble))
            return "judge.failed"
        marked = _marked(press.buttons, "" if again else press.data)
        if marked != press.buttons:
            self._show_buttons(press, marked)
        return "judge.withdrawn" if again else "judge.thanks"

    async def _choose(self, press: CallbackPress, rest: str) -> str | None:
        """Change a setting of the chat, and show it."""
        name, _, value = rest.partition(":")
        async with self._store.writing() as tx:
            before = await chats.preferences(tx, press.chat)
            offered = await agents.offered(tx, self._commands.agent_id)
            chosen = settings_menu.changed(before, name, value, press.chat, offered)
            if chosen is None:
                return "button.old"
            if chosen != before:
                await chats.prefer(tx, press.chat, chosen)
            language = chosen.language or press.own_language
            frame = await self._commands.choices(tx, press.chat, chosen, language)
        self._notices.edit(press.chat, press.post_id, frame, press.sender.id)
        wide = name in ("answers", "context") and value not in (Answers.MENTION, "0")
        hidden = wide and not await self._commands.introduction.hears_all(press.chat)
        return "settings.hidden" if hidden else None


def _all(press: CallbackPress) -> list[Button]:
    return [one for row in press.buttons for one in row]


def _without(buttons: Keyboard, what: str) -> Keyboard:
    """The keyboard without the rows of one kind of buttons."""
    return tuple(row for row in buttons if row[0].data.partition(":")[0] != what)


def _marked(buttons: Keyboard, data: str) -> Keyboard:
    """The keyboard with a mark at the judgement that counts."""
    signs = {"like": LIKE, "dislike": DISLIKE}

    def button(one: Button) -> Button:
        sign = signs.get(one.data.partition(":")[0])
        if sign is None:
            return one
        return Button(f"{_MARK} {sign}" if one.data == data else sign, one.data)

    return tuple(tuple(button(one) for one in row) for row in buttons)


def _number(text: str) -> int:
    """A number in a button's data; -1, which nothing has, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1
