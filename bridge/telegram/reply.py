"""The live reply: the newest picture wins, one call at a time, and the final one always arrives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from bridge.errors import Happened, TelegramUnreachable
from bridge.model import ChatKey, Turn
from bridge.relay.progress import Picture
from bridge.relay.reply import ReplyImpossible
from bridge.telegram.calls import Calls, ChatClosed, Dropped, PostGone, Refused, pauses
from bridge.telegram.canvas import Rendered, units
from bridge.telegram.frame import (
    Button,
    Edit,
    Frame,
    Keyboard,
    Remove,
    Send,
    Step,
    frames,
    next_step,
)
from bridge.telegram.pacing import Urgency
from bridge.texts import say

log = structlog.get_logger(__name__)
TYPING_SECONDS = 4.5
ENOUGH_UNITS = 24
"""Text worth a first post at once; with less, a little more is awaited."""
FIRST_TEXT_SECONDS = 0.3
AMBIGUOUS_SECONDS = 10.0
"""How long to wait before a post whose sending got no answer is sent once more."""

NotePosts = Callable[[Sequence[int]], Awaitable[None]]
OfferQuestions = Callable[[Sequence[str]], Awaitable[str]]


class LiveReply:
    """One reply in a Telegram chat; it knows the posts it has and what each of them shows."""

    def __init__(
        self, calls: Calls, turn: Turn, note_posts: NotePosts, offer: OfferQuestions
    ) -> None:
        self._calls = calls
        self._key: ChatKey = turn.chat
        self._turn = turn
        self._language = turn.sender.language
        self._note_posts = note_posts
        self._offer = offer
        self._posts = list(turn.posts)
        self._shown: list[Frame | None] = [None] * len(turn.posts)
        self._picture = Picture()
        self._changed = asyncio.Event()
        self._calling = asyncio.Lock()
        self._closed = False
        self._frozen = False
        """Whether nothing is shown until the final picture: the post was deleted meanwhile."""

    def show(self, picture: Picture) -> None:
        """Show this at the next slot. Raises ReplyImpossible when the chat is closed to us."""
        if self._closed:
            raise ReplyImpossible
        self._picture = picture
        self._changed.set()

    async def finish(self, picture: Picture) -> None:
        """Show this for good, and return when it stands. Raises ReplyImpossible."""
        if self._closed:
            raise ReplyImpossible
        self._frozen = True
        self._changed.set()
        wanted = frames(picture, self._language, await self._last_keyboard(picture))
        async with self._calling:  # the call in flight ends first, so that it cannot come last
            try:
                await self._insist(wanted)
            except Refused:
                await self._insist([Frame(Rendered(frame.content.text)) for frame in wanted])

    async def _insist(self, wanted: Sequence[Frame]) -> None:
        """Make the calls until everything stands, however long it takes. Raises Refused."""
        tries = pauses()
        while step := next_step(self._shown, wanted, final=True):
            await self._calls.pacer.slot(self._key.chat_id, Urgency.DURABLE)
            try:
                await self._do(step)
            except Dropped:
                continue  # the next slot comes when the chat is open again
            except TelegramUnreachable as trouble:
                log.warning("final text waits", turn=self._turn.id, trouble=str(trouble))
                ambiguous = isinstance(step, Send) and trouble.happened is not Happened.NO
                await asyncio.sleep(AMBIGUOUS_SECONDS if ambiguous else next(tries))

    async def grow(self) -> None:
        """Show pictures as they come, at the pace that the chat allows, until cancelled."""
        typing = asyncio.create_task(self._type(), name=f"typing for turn {self._turn.id}")
        try:
            await self._first_text()
        finally:
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)
        while not self._frozen and not self._closed:
            await self._changed.wait()
            await self._calls.pacer.slot(self._key.chat_id, Urgency.INTERIM)
            async with self._calling:
                await self._interim()

    async def _type(self) -> None:
        while True:
            await self._calls.type(self._key)
            await asyncio.sleep(TYPING_SECONDS)

    async def _first_text(self) -> None:
        """Wait until there is enough to read, or a little and nothing more for a moment."""
        while not self._picture.text.strip() and not self._frozen:
            self._changed.clear()
            await self._changed.wait()
        loop = asyncio.get_running_loop()
        latest = loop.time() + FIRST_TEXT_SECONDS
        while not self._frozen and units(self._picture.text) < ENOUGH_UNITS:
            self._changed.clear()
            try:
                async with asyncio.timeout_at(latest):
                    await self._changed.wait()
            except TimeoutError:
                break
        self._changed.set()

    async def _interim(self) -> None:
        """Make the one call that this slot allows, for the newest picture there is."""
        self._changed.clear()
        if self._frozen or self._closed:
            return
        wanted = frames(self._picture, self._language, self._stop_keyboard())
        step = next_step(self._shown, wanted, final=False)
        if step is None:
            return
        try:
            await self._do(step)
        except Dropped:
            self._changed.set()
        except Refused:
            pass  # it was logged; the next picture has other content
        except TelegramUnreachable as trouble:
            log.info("interim text dropped", turn=self._turn.id, trouble=str(trouble))
            if isinstance(step, Send) and trouble.happened is not Happened.NO:
                await asyncio.sleep(AMBIGUOUS_SECONDS)
            self._changed.set()
        else:
            if next_step(self._shown, wanted, final=False) is not None:
                self._changed.set()

    async def _do(self, step: Step) -> None:
        """Make one call and remember what it changed. Raises Dropped, TelegramUnreachable."""
        try:
            match step:
                case Edit(place, frame):
                    await self._calls.edit(self._key, self._posts[place], frame)
                    self._shown[place] = frame
                case Send(frame):
                    self._posts.append(await self._calls.send(self._key, frame, self._reply_to()))
                    self._shown.append(frame)
                    await self._note_posts(self._posts)
                case Remove():
                    await self._calls.remove(self._key, self._posts.pop())
                    self._shown.pop()
                    await self._note_posts(self._posts)
        except PostGone:
            await self._lose(step)
        except ChatClosed as error:
            log.info("chat closed", chat=self._key.chat_id, why=str(error))
            self._closed = True
            raise ReplyImpossible from error

    async def _lose(self, step: Step) -> None:
        """Somebody deleted the post: nothing interim follows, the final text takes a new post."""
        self._frozen = True
        if isinstance(step, Edit):
            del self._posts[step.place], self._shown[step.place]
            await self._note_posts(self._posts)

    def _reply_to(self) -> int | None:
        """In a group the first post answers a message; in a private chat that says nothing."""
        if self._key.private or self._posts:
            return None
        return self._turn.parts[-1].message_id

    def _stop_keyboard(self) -> Keyboard:
        return ((Button(say(self._language, "button.stop"), f"stop:{self._turn.id}"),),)

    async def _last_keyboard(self, picture: Picture) -> Keyboard:
        if picture.can_retry:
            return ((Button(say(self._language, "button.retry"), f"retry:{self._turn.id}"),),)
        if not picture.suggestions:
            return ()
        return question_buttons(picture.suggestions, await self._offer(picture.suggestions))


def question_buttons(questions: Sequence[str], token: str) -> Keyboard:
    """A button for each question, one below the other, by the token that stands for them."""
    return tuple(
        (Button(_short(question), f"ask:{token}:{number}"),)
        for number, question in enumerate(questions[:8])
    )


def _short(question: str) -> str:
    """What fits on a button."""
    flat = " ".join(question.split())
    return flat if len(flat) <= 60 else flat[:59] + "…"


@asynccontextmanager
async def live_reply(
    calls: Calls, turn: Turn, note_posts: NotePosts, offer: OfferQuestions
) -> AsyncIterator[LiveReply]:
    """A reply that grows by itself while the context is open."""
    reply = LiveReply(calls, turn, note_posts, offer)
    growing = asyncio.create_task(reply.grow(), name=f"reply of turn {turn.id}")
    try:
        yield reply
    finally:
        growing.cancel()
        (gone,) = await asyncio.gather(growing, return_exceptions=True)
        expected = (ReplyImpossible, asyncio.CancelledError)
        if isinstance(gone, BaseException) and not isinstance(gone, expected):
            log.error("reply stopped growing", turn=turn.id, exc_info=gone)
