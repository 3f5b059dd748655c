"""The Bot API calls that we make, each with its outcome judged once.

Nothing tells whether an unanswered send took place, and bots hear nothing of their own messages:
edits are repeated freely; whoever sends again first writes down that the first may stand.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from typing import Any

import structlog
from telegram import Bot
from telegram.constants import ChatAction
from telegram.error import (
    BadRequest,
    EndPointNotFound,
    RetryAfter,
    TelegramError,
)

from bridge.errors import TelegramUnreachable
from bridge.metrics import Metrics
from bridge.model import ChatKey
from bridge.sharing.coordinator import Coordinator
from bridge.sharing.solo import SoloCoordinator
from bridge.store.engine import Store
from bridge.telegram.api.errors import (
    ChatClosed,
    ChatMoved,
    ContentRejected,
    DraftsImpossible,
    FloodWait,
    PostGone,
    Result,
    RichImpossible,
    formatted,
    seconds,
    with_error_mapping,
)
from bridge.telegram.api.pace_memory import PaceMemory
from bridge.telegram.api.payload import entities, markup, shown
from bridge.telegram.api.placement import STALE_SECONDS, Placement
from bridge.telegram.api.private_topics import PrivateTopics
from bridge.telegram.api.unwritable import REFUSED_SECONDS, UnwritableChats
from bridge.telegram.pace.budget import BudgetKind, Priority
from bridge.telegram.pace.scheduler import Pacer
from bridge.telegram.post import Block, Keyboard, PostContent, Rendered
from bridge.telegram.updates.message import whole_number

log = structlog.get_logger(__name__)
_TIMED = {
    "sendmessage": BudgetKind.MESSAGE,
    "editmessagetext": BudgetKind.MESSAGE,
    "sendmessagedraft": BudgetKind.ACTION,
}


class BotClient:
    """Makes calls for one bot, at the pace that each chat allows."""

    def __init__(
        self,
        bot: Bot,
        pacer: Pacer,
        store: Store,
        unwritable: UnwritableChats,
        metrics: Metrics | None = None,
        sharing: Coordinator | None = None,
    ) -> None:
        self.sharing = sharing or SoloCoordinator()
        self.bot = bot
        self.store = store
        self.unwritable = unwritable
        self.pacer = pacer
        self.pace_memory = PaceMemory(store, pacer, self.sharing)
        self.topics = PrivateTopics(self.raw)
        self.placement = Placement(self.topics)
        self.metrics = metrics or Metrics()
        self.moved: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        """Groups that turned out to be supergroups now, each with its new id."""
        self.orphaned = asyncio.Event()
        """Set when there are copies of posts to be looked for."""

    async def send(
        self, key: ChatKey, frame: PostContent, reply_to: int | None = None, near: int | None = None
    ) -> int:
        """Send a post and return its message id; the slot was taken before.

        `near` is a message of its topic. Raises ChatClosed, FloodWait, ContentRejected and
        TelegramUnreachable, whose `happened` says whether it may stand there all the same.
        """

        async def call(content: Rendered) -> int:
            what = shown(content, frame.keyboard)
            sent = await self.placement.placed(
                key,
                lambda place: self.raw(
                    "sendmessage", chat_id=key.chat_id, **place.parameters, **what
                ),
                reply_to,
                near,
            )
            return whole_number(sent["message_id"])

        return await self.guarded(key, "Sending a message", formatted(call, frame.content))

    async def edit(self, key: ChatKey, post: int, frame: PostContent) -> None:
        """Show a frame in a post; the slot was taken before. Safe to repeat.

        Raises PostGone, ChatClosed, FloodWait, ContentRejected and TelegramUnreachable.
        """

        async def call(content: Rendered) -> None:
            try:
                await self.raw(
                    "editmessagetext",
                    chat_id=key.chat_id,
                    message_id=post,
                    **shown(content, frame.keyboard),
                )
            except BadRequest as error:
                if "message is not modified" not in str(error).casefold():
                    raise

        await self.guarded(key, "Editing a message", formatted(call, frame.content))

    async def edit_buttons(self, key: ChatKey, post: int, keyboard: Keyboard) -> None:
        """Change the buttons of a post; that it failed matters to nobody."""
        async with self.pacer.slot(key.chat_id, Priority.COMMAND):
            await self._quietly(
                key,
                lambda: self.bot.edit_message_reply_markup(
                    key.chat_id, post, reply_markup=markup(keyboard)
                ),
            )

    async def change_buttons(self, key: ChatKey, post: int, keyboard: Keyboard) -> None:
        """Change the buttons of a post; the slot was taken before. Safe to repeat. Raises as `edit`."""

        async def call() -> None:
            try:
                await self.bot.edit_message_reply_markup(
                    key.chat_id, post, reply_markup=markup(keyboard)
                )
            except BadRequest as error:
                if "message is not modified" not in str(error).casefold():
                    raise

        await self.guarded(key, "Changing buttons", call)

    async def edit_quietly(self, key: ChatKey, post: int, frame: PostContent) -> None:
        """Change a short message of ours; that it failed matters to nobody. Raises ChatClosed."""
        with suppress(FloodWait, ContentRejected, PostGone, TelegramUnreachable, ChatMoved):
            async with self.pacer.slot(key.chat_id, Priority.COMMAND):
                await self.edit(key, post, frame)

    async def delete(self, key: ChatKey, post: int) -> None:
        """Delete a post; the slot was taken before. One that cannot be deleted is left.

        Raises ChatClosed, FloodWait and TelegramUnreachable. Safe to repeat.
        """
        with suppress(PostGone, ContentRejected):
            await self.guarded(
                key,
                "Deleting a message",
                lambda: self.bot.delete_message(key.chat_id, post),
            )

    async def edit_as_rich(
        self, key: ChatKey, post: int, blocks: Sequence[Block], keyboard: Keyboard
    ) -> None:
        """Turn a finished post into a rich message, without a new one and its notification.

        Raises RichImpossible when this server has no rich messages; PostGone, ChatClosed,
        FloodWait, ContentRejected and TelegramUnreachable leave the post as it was.
        """

        async def call() -> None:
            try:
                await self.raw(
                    "editmessagetext",
                    chat_id=key.chat_id,
                    message_id=post,
                    rich_message={"blocks": list(blocks), "skip_entity_detection": True},
                    reply_markup=markup(keyboard),
                )
            except BadRequest as error:
                if "text is empty" in str(error).casefold():  # an older server looks for a text
                    raise RichImpossible(str(error)) from error
                raise

        async with self.pacer.slot(key.chat_id, Priority.COMMAND):
            await self.guarded(key, "Making a message rich", call)

    async def draft(self, key: ChatKey, draft_id: int, content: Rendered) -> None:
        """Show a draft with a Stop button of Telegram's own; the slot was taken before.

        Raises DraftsImpossible, ChatClosed, FloodWait, ContentRejected and TelegramUnreachable.
        """

        async def call() -> None:
            try:
                await self.raw(
                    "sendmessagedraft",
                    chat_id=key.chat_id,
                    draft_id=draft_id,
                    message_thread_id=self.placement.place(key).thread_id,
                    text=content.text,
                    entities=entities(content),
                    can_stop=True,
                )
            except EndPointNotFound as error:
                raise DraftsImpossible(str(error), everywhere=True) from error
            except BadRequest as error:
                if "textdraft_peer_invalid" in str(error).casefold():
                    raise DraftsImpossible(str(error), everywhere=False) from error
                raise

        await self.guarded(key, "Showing a draft", call, BudgetKind.ACTION)

    async def send_action(self, key: ChatKey, action: str = ChatAction.TYPING) -> None:
        """Show "typing…" or the like for five seconds, unless the chat has enough of it."""
        if self.pacer.may_type(key.chat_id):
            await self._quietly(
                key,
                lambda: self.bot.send_chat_action(
                    key.chat_id, action, message_thread_id=self.placement.place(key).thread_id
                ),
                BudgetKind.ACTION,
            )

    async def is_ours(self, key: ChatKey, message_id: int) -> bool:
        """Return whether a message is one of ours, by taking its buttons away; the slot was taken before.

        Raises ChatClosed, ChatMoved, FloodWait and TelegramUnreachable.
        """

        async def call() -> None:
            try:
                await self.bot.edit_message_reply_markup(key.chat_id, message_id)
            except BadRequest as error:
                if "message is not modified" not in str(error).casefold():
                    raise

        with suppress(PostGone, ContentRejected):
            await self.guarded(key, "Looking for a message", call)
            return True
        return False

    async def answer_callback(self, query_id: str, text: str | None = None) -> None:
        """Answer a pressed button: Telegram shows it as waiting until then."""
        try:
            async with self.pacer.slot(0, Priority.COMMAND, family=BudgetKind.FREE):
                await self.bot.answer_callback_query(query_id, text)
        except TelegramError as error:
            log.debug("callback not answered", error=str(error))

    async def guarded(
        self,
        key: ChatKey,
        doing: str,
        call: Callable[[], Awaitable[Result]],
        kind: BudgetKind = BudgetKind.MESSAGE,
    ) -> Result:
        """Make a call where something can be written, and remember where that is over.

        Raises ChatClosed, ChatMoved, FloodWait, ContentRejected, PostGone and TelegramUnreachable;
        LeaseLost when another process may work in this one's place.
        """
        why = self.unwritable.why(key)
        if why is not None:
            whole = self.unwritable.why(key.whole) is not None
            raise ChatClosed(why, topic_only=not whole)
        self.store.check_lease()
        try:
            note = partial(self.pace_memory.refused, kind=kind)
            return await with_error_mapping(note, key, doing, call)
        except ChatClosed as error:
            if self.placement.may_be_stale(key, str(error)):
                raise ChatClosed(
                    str(error), topic_only=error.topic_only, again_seconds=STALE_SECONDS
                ) from error
            if error.topic_only:
                await self.unwritable.close_topic(key, str(error), REFUSED_SECONDS)
            else:
                await self.unwritable.close(key.whole, str(error), REFUSED_SECONDS)
            raise
        except ChatMoved as error:
            self.moved.put_nowait((key.chat_id, error.new))
            raise

    async def open_topic(self, key: ChatKey, name: str) -> int | None:
        """Return a new topic of a private chat; the slot was taken before. None when there may be none.

        Raises ChatClosed, FloodWait and TelegramUnreachable.
        """
        call = partial(self.topics.open, key.chat_id, name)
        return await self.guarded(key, "Opening a topic", call)

    async def rename_topic(self, key: ChatKey, name: str) -> None:
        """Give a topic a name; the slot was taken before. Safe to repeat.

        Raises ChatClosed, FloodWait, ContentRejected and TelegramUnreachable.
        """
        await self.guarded(key, "Naming a topic", partial(self.topics.rename, key, name))

    async def raw(self, method: str, **parameters: object) -> Any:
        """Make a call by its name, and leave its answer unread.

        The library's own methods build a whole message of the answer, a third of a frame's cost. It
        takes any method by name, and the server any case; a small one is not taken for its own.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        with self._timed(method, parameters.get("chat_id")):
            return await self.bot.do_api_request(method, api_kwargs=given)

    def _timed(self, method: str, chat_id: object) -> AbstractContextManager[None]:
        """Let the pacer learn from how long a call takes; that of a file says nothing."""
        kind = _TIMED.get(method)
        if kind is None or not isinstance(chat_id, int):
            return nullcontext()
        return self.pacer.calling(chat_id, kind)

    async def react(self, key: ChatKey, message_id: int, emoji: str) -> None:
        """Put our reaction under somebody's message, or take it away; no matter if that fails."""
        async with self.pacer.slot(0, Priority.COMMAND, family=BudgetKind.FREE):
            await self._quietly(
                key,
                lambda: self.bot.set_message_reaction(key.chat_id, message_id, emoji or None),
                BudgetKind.FREE,
            )

    async def _quietly(
        self,
        key: ChatKey,
        call: Callable[[], Awaitable[object]],
        kind: BudgetKind = BudgetKind.MESSAGE,
    ) -> None:
        if self.unwritable.why(key) is not None:
            return
        try:
            await call()
        except RetryAfter as error:
            await self.pace_memory.refused(key.chat_id, seconds(error), kind)
        except TelegramError as error:
            log.debug("call failed", chat=key.chat_id, error=str(error))
