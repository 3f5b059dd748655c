"""The Bot API calls that we make, each with its outcome judged once.

Nothing tells whether an unanswered send took place, and bots hear nothing of their own messages:
edits are repeated freely, sends only when they certainly did not happen.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import httpx
import structlog
from telegram import (
    Bot,
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)
from telegram.constants import ChatAction
from telegram.error import (
    BadRequest,
    ChatMigrated,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from bridge.errors import Happened, TelegramTrouble, TelegramUnreachable
from bridge.model import ChatKey
from bridge.telegram.budget import Priority
from bridge.telegram.canvas import Rendered
from bridge.telegram.frame import Frame, Keyboard
from bridge.telegram.pacing import Family, Pacer
from bridge.telegram.rich import Block

log = structlog.get_logger(__name__)
Result = TypeVar("Result")
_GONE = re.compile(
    "message to edit not found|message can't be edited|message_id_invalid|"
    "message identifier is not specified|there is no text in the message|"
    "message to delete not found|message can't be deleted"
)
_CLOSED = re.compile(
    "chat not found|chat_id is empty|peer_id_invalid|not enough rights|"
    "chat_write_forbidden|chat_restricted|have no write access|upgraded to a|"
    "message thread not found|topic_closed|topic_deleted"
)
_BAD_FORMAT = re.compile("entit|parse|utf-16")


class PostGone(Exception):
    """The post was deleted, or can no longer be edited."""


class ChatClosed(Exception):
    """Nothing can be written into the chat: blocked, kicked, muted, or it does not exist."""


class Dropped(Exception):
    """Telegram wants silence: the call certainly did nothing, and may be made again later."""


class Refused(Exception):
    """Telegram does not take this content; the same content is never taken."""


class DraftsImpossible(Exception):
    """Telegram shows no drafts in this chat, or (`everywhere`) this server has none at all."""

    def __init__(self, why: str, *, everywhere: bool) -> None:
        super().__init__(why)
        self.everywhere = everywhere


class RichImpossible(Exception):
    """This server has no rich messages."""


class Calls:
    """Makes calls for one bot, at the pace that each chat allows."""

    def __init__(self, bot: Bot, pacer: Pacer) -> None:
        self._bot = bot
        self.pacer = pacer

    async def send(self, key: ChatKey, frame: Frame, reply_to: int | None = None) -> int:
        """Send a post and return its message id; the slot was taken before.

        Raises ChatClosed, Dropped, Refused and TelegramUnreachable, whose `happened` says
        whether it may stand there all the same.
        """
        answers = {"message_id": reply_to, "allow_sending_without_reply": True}

        async def call(content: Rendered) -> int:
            sent = await self._raw(
                "sendmessage",
                chat_id=key.chat_id,
                message_thread_id=key.thread_id or None,
                reply_parameters=answers if reply_to else None,
                **_shown(content, frame.keyboard),
            )
            return int(sent["message_id"])

        return await self._judged(key, "Sending a message", _formatted(call, frame.content))

    async def edit(self, key: ChatKey, post: int, frame: Frame) -> None:
        """Show a frame in a post; the slot was taken before. Safe to repeat.

        Raises PostGone, ChatClosed, Dropped, Refused and TelegramUnreachable.
        """

        async def call(content: Rendered) -> None:
            try:
                await self._raw(
                    "editmessagetext",
                    chat_id=key.chat_id,
                    message_id=post,
                    **_shown(content, frame.keyboard),
                )
            except BadRequest as error:
                if "message is not modified" not in str(error).casefold():
                    raise

        await self._judged(key, "Editing a message", _formatted(call, frame.content))

    async def show_buttons(self, key: ChatKey, post: int, keyboard: Keyboard) -> None:
        """Change the buttons of a post; that it failed matters to nobody."""
        async with self.pacer.slot(key.chat_id, Priority.COMMAND):
            await self._quietly(
                key,
                lambda: self._bot.edit_message_reply_markup(
                    key.chat_id, post, reply_markup=_markup(keyboard)
                ),
            )

    async def show(self, key: ChatKey, post: int, frame: Frame) -> None:
        """Change a short message of ours; that it failed matters to nobody. Raises ChatClosed."""
        with suppress(Dropped, Refused, PostGone, TelegramUnreachable):
            async with self.pacer.slot(key.chat_id, Priority.COMMAND):
                await self.edit(key, post, frame)

    async def remove(self, key: ChatKey, post: int) -> None:
        """Delete a post; the slot was taken before. One that cannot be deleted is left.

        Raises ChatClosed, Dropped and TelegramUnreachable. Safe to repeat.
        """
        with suppress(PostGone, Refused):
            await self._judged(
                key, "Deleting a message", lambda: self._bot.delete_message(key.chat_id, post)
            )

    async def enrich(
        self, key: ChatKey, post: int, blocks: Sequence[Block], keyboard: Keyboard
    ) -> None:
        """Turn a finished post into a rich message, without a new one and its notification.

        Raises RichImpossible when this server has no rich messages; PostGone, ChatClosed,
        Dropped, Refused and TelegramUnreachable leave the post as it was.
        """

        async def call() -> None:
            try:
                await self._raw(
                    "editmessagetext",
                    chat_id=key.chat_id,
                    message_id=post,
                    rich_message={"blocks": list(blocks), "skip_entity_detection": True},
                    reply_markup=_markup(keyboard),
                )
            except BadRequest as error:
                if "text is empty" in str(error).casefold():  # an older server looks for a text
                    raise RichImpossible(str(error)) from error
                raise

        async with self.pacer.slot(key.chat_id, Priority.COMMAND):
            await self._judged(key, "Making a message rich", call)

    async def draft(self, key: ChatKey, draft_id: int, content: Rendered) -> None:
        """Show a draft with a Stop button of Telegram's own; the slot was taken before.

        Raises DraftsImpossible, ChatClosed, Dropped, Refused and TelegramUnreachable.
        """

        async def call() -> None:
            try:
                await self._raw(
                    "sendmessagedraft",
                    chat_id=key.chat_id,
                    draft_id=draft_id,
                    message_thread_id=key.thread_id or None,
                    text=content.text,
                    entities=_entities(content),
                    can_stop=True,
                )
            except EndPointNotFound as error:
                raise DraftsImpossible(str(error), everywhere=True) from error
            except BadRequest as error:
                if "textdraft_peer_invalid" in str(error).casefold():
                    raise DraftsImpossible(str(error), everywhere=False) from error
                raise

        await self._judged(key, "Showing a draft", call)

    async def type(self, key: ChatKey) -> None:
        """Show "typing…" for five seconds, unless the chat wants silence or has enough of it."""
        if self.pacer.may_type(key.chat_id):
            await self._quietly(
                key,
                lambda: self._bot.send_chat_action(
                    key.chat_id, ChatAction.TYPING, message_thread_id=key.thread_id or None
                ),
            )

    async def say(self, key: ChatKey, frame: Frame) -> None:
        """Send a short durable message: the answer to a command.

        It is repeated only while it certainly did not arrive. Raises ChatClosed.
        """
        for pause in pauses():
            try:
                async with self.pacer.slot(key.chat_id, Priority.COMMAND, new=True):
                    await self.send(key, frame)
                return
            except Dropped:
                continue  # the next slot comes when the chat is open again
            except Refused:
                return
            except TelegramUnreachable as trouble:
                if trouble.happened is not Happened.NO:
                    log.warning("message may be lost", chat=key.chat_id, trouble=str(trouble))
                    return
                await asyncio.sleep(pause)

    async def toast(self, query_id: str, text: str | None = None) -> None:
        """Answer a pressed button: Telegram shows it as waiting until then."""
        try:
            async with self.pacer.slot(0, Priority.COMMAND, family=Family.FREE):
                await self._bot.answer_callback_query(query_id, text)
        except TelegramError as error:
            log.debug("button not answered", error=str(error))

    async def set_menu(self, commands: dict[str, str], language: str | None) -> None:
        """Set the menu of commands, for one language or for all others. Raises TelegramTrouble."""
        menu = [BotCommand(name, description) for name, description in commands.items()]
        try:
            async with self.pacer.slot(0, Priority.INTERIM, family=Family.FREE):
                await self._bot.set_my_commands(menu, language_code=language)
        except TelegramError as error:
            raise TelegramTrouble(
                "Setting the menu of commands", str(error), cure="It is tried again at next start."
            ) from error

    async def _raw(self, method: str, **parameters: object) -> Any:
        """Make a call that is made for every frame, and leave its answer unread.

        The library's own methods build a whole message of the answer, a third of their cost. It
        takes any method by name, and the server any case; a small one is not taken for its own.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        return await self._bot.do_api_request(method, api_kwargs=given)

    async def _quietly(self, key: ChatKey, call: Callable[[], Awaitable[object]]) -> None:
        try:
            await call()
        except RetryAfter as error:
            self.pacer.refused(key.chat_id, seconds(error))
        except TelegramError as error:
            log.debug("call failed", chat=key.chat_id, error=str(error))

    async def _judged(
        self, key: ChatKey, doing: str, call: Callable[[], Awaitable[Result]]
    ) -> Result:
        """Make a call and turn what the library raises into what it means for us."""
        try:
            return await call()
        except RetryAfter as error:
            self.pacer.refused(key.chat_id, seconds(error))
            log.warning("flood limit", chat=key.chat_id, retry_after=seconds(error))
            raise Dropped from error
        except Forbidden as error:
            raise ChatClosed(str(error)) from error
        except BadRequest as error:
            raise _refusal(error) from error
        except NetworkError as error:
            if "(413)" in str(error):  # a proxy's word for a text that is too long for it
                raise Refused(doing) from error
            raise unreachable(doing, error) from error
        except (KeyError, TypeError, ValueError) as error:  # JSON of another shape
            raise TelegramUnreachable(doing, "the answer is not Telegram's") from error
        except ChatMigrated as error:
            raise ChatClosed(str(error)) from error
        except (InvalidToken, EndPointNotFound) as error:
            # A 404 is either of them. A token that is really revoked ends the intake,
            # which asks all the time; until then nothing is lost by trying again.
            what = type(error).__name__
            raise TelegramUnreachable(doing, what, happened=Happened.NO) from error
        except TelegramError as error:  # such as the page of a proxy in front of Telegram
            raise TelegramUnreachable(doing, type(error).__name__) from error


def pauses() -> Iterator[float]:
    """Seconds between tries of a durable call: growing to half a minute, without an end."""
    pause = 1.0
    while True:
        yield pause
        pause = min(30.0, pause * 2)


def seconds(error: RetryAfter) -> float:
    """How long Telegram wants silence; the library gives seconds or a timedelta."""
    found = error.retry_after
    return float(found) if isinstance(found, int) else found.total_seconds()


def unreachable(doing: str, error: NetworkError) -> TelegramUnreachable:
    """A broken connection as a trouble; only before the request was sent is it harmless."""
    cause = error.__cause__
    not_sent = isinstance(cause, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    happened = Happened.NO if not_sent else Happened.UNKNOWN
    return TelegramUnreachable(doing, type(cause or error).__name__, happened=happened)


def _refusal(error: BadRequest) -> Exception:
    """What a 400 means: the post, the chat or this one picture is beyond hope."""
    what = str(error).casefold()  # the library changes the case of the server's words
    if _GONE.search(what):
        return PostGone(what)
    if _CLOSED.search(what):
        return ChatClosed(what)
    log.error("Telegram refused a message", error=str(error))
    return Refused(what)


def _formatted(
    call: Callable[[Rendered], Awaitable[Result]], content: Rendered
) -> Callable[[], Awaitable[Result]]:
    """The call with its entities; without them if the server does not take those."""

    async def attempt() -> Result:
        try:
            return await call(content)
        except BadRequest as error:
            if not content.entities or not _BAD_FORMAT.search(str(error).casefold()):
                raise
            log.error("entities refused", error=str(error), entities=len(content.entities))
            return await call(Rendered(content.text))

    return attempt


def _shown(content: Rendered, keyboard: Keyboard) -> dict[str, object]:
    """What a message shows; in an edit, what is left out would be taken away."""
    return {
        "text": content.text,
        "entities": _entities(content),
        "link_preview_options": {"is_disabled": True},
        "reply_markup": _markup(keyboard),
    }


def _entities(content: Rendered) -> list[dict[str, object]]:
    return [
        {
            "type": one.type,
            "offset": one.offset,
            "length": one.length,
            **({"url": one.url} if one.url else {}),
            **({"language": one.language} if one.language else {}),
        }
        for one in content.entities
    ]


def _markup(keyboard: Keyboard) -> InlineKeyboardMarkup | None:
    if not keyboard:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(one.label, callback_data=one.data) for one in row]
            for row in keyboard
        ]
    )
