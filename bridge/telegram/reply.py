"""The live reply: the newest picture wins, one call at a time, and the final one always arrives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)

import structlog

from bridge.errors import Happened, TelegramUnreachable
from bridge.model import ChatKey, Reasoning, Streaming, Turn
from bridge.relay.picture import Picture
from bridge.relay.reply import ReplyImpossible
from bridge.telegram import rich
from bridge.telegram.budget import Priority
from bridge.telegram.calls import (
    Calls,
    ChatClosed,
    Dropped,
    PostGone,
    Refused,
    RichImpossible,
    pauses,
)
from bridge.telegram.canvas import Rendered, units
from bridge.telegram.drafting import Drafting
from bridge.telegram.features import Features
from bridge.telegram.frame import Edit, Frame, Keyboard, Layout, Remove, Send, Step, next_step
from bridge.telegram.keyboards import judging, question_buttons, retry, running
from bridge.telegram.manner import Manner
from bridge.telegram.pacing import Family, Pacer, Slot

log = structlog.get_logger(__name__)
TYPING_SECONDS = 4.5
ENOUGH_UNITS = 24
"""Text worth a first post at once; with less, a little more is awaited."""
FIRST_TEXT_SECONDS = 0.15
STATUS_SECONDS = 1.0
"""How long the agent must do something else than write before the reply says so."""
WHOLE_SECONDS = 0.1
"""How long a text that is complete waits for the end of its run: then one call does for both."""
AMBIGUOUS_SECONDS = 10.0
"""How long to wait before a post whose sending got no answer is sent once more."""

NotePosts = Callable[[Sequence[int]], Awaitable[None]]
OfferQuestions = Callable[[Sequence[str]], Awaitable[str]]


class LiveReply:
    """One reply in a Telegram chat; it knows the posts it has and what each of them shows."""

    def __init__(
        self,
        calls: Calls,
        turn: Turn,
        manner: Manner,
        features: Features,
        note_posts: NotePosts,
        offer: OfferQuestions,
    ) -> None:
        self._calls = calls
        self._features = features
        self._key: ChatKey = turn.chat
        self._turn = turn
        self._manner = manner
        self._layout = Layout(manner.language, manner.reasoning)
        self._note_posts = note_posts
        self._offer = offer
        self._posts = list(turn.posts)
        self._shown: list[Frame | None] = [None] * len(turn.posts)
        self._picture = Picture()
        self._unseen_since: float | None = None
        """When the oldest text came that nobody has seen; on the loop's clock."""
        self._changed = asyncio.Event()
        self._whole = asyncio.Event()
        self._calling = asyncio.Lock()
        self._closed = False
        self._frozen = False
        """Whether nothing is shown until the final picture: it is here, or the post is gone."""

    def show(self, picture: Picture) -> None:
        """Show this at the next slot. Raises ReplyImpossible when the chat is closed to us."""
        if self._closed:
            raise ReplyImpossible
        self._picture = picture
        if self._unseen_since is None:
            self._unseen_since = asyncio.get_running_loop().time()
        self._changed.set()
        if picture.whole:
            self._whole.set()
        else:
            self._whole.clear()

    async def finish(self, picture: Picture) -> None:
        """Show this for good, and return when it stands. Raises ReplyImpossible."""
        if self._closed:
            raise ReplyImpossible
        self._frozen = True
        self._changed.set()
        self._whole.set()
        wanted = self._layout.frames(picture, await self._last_keyboard(picture))
        async with self._calling:  # the call in flight ends first, so that it cannot come last
            try:
                await self._insist(wanted)
            except Refused:
                await self._insist_plainly(wanted)
                return
            if self._manner.rich and len(wanted) == 1:
                await self._enrich(picture, wanted[0].keyboard)

    async def _insist_plainly(self, wanted: Sequence[Frame]) -> None:
        """The text alone, as the last resort. Raises ReplyImpossible when even that is refused."""
        try:
            await self._insist([Frame(Rendered(frame.content.text)) for frame in wanted])
        except Refused as error:
            self._closed = True
            raise ReplyImpossible from error

    async def _enrich(self, picture: Picture, keyboard: Keyboard) -> None:
        """What gains from it becomes a rich message; should that fail, the text stands already."""
        more = picture.note or picture.notices or len(picture.answers) != 1
        thoughts = picture.reasoning and self._manner.reasoning is not Reasoning.OFF
        if more or thoughts or not self._posts or not rich.worth_it(picture.text):
            return
        try:
            blocks = rich.blocks(picture.text)
            await self._calls.enrich(self._key, self._posts[0], blocks, keyboard)
        except RichImpossible as error:
            log.warning("no rich messages", why=str(error))
            self._features.rich = False
        except (ChatClosed, Dropped, PostGone, Refused, TelegramUnreachable) as error:
            log.info("not made rich", turn=self._turn.id, error=str(error))

    async def _insist(self, wanted: Sequence[Frame]) -> None:
        """Make the calls until everything stands, however long it takes. Raises Refused."""
        tries = pauses()
        while step := next_step(self._shown, wanted, final=True):
            try:
                async with self._slot(Priority.FINAL, new=isinstance(step, Send)):
                    await self._do(step)
            except Dropped:
                continue  # the next slot comes when the chat is open again
            except TelegramUnreachable as trouble:
                log.warning("final text waits", turn=self._turn.id, trouble=str(trouble))
                ambiguous = isinstance(step, Send) and trouble.happened is not Happened.NO
                await asyncio.sleep(AMBIGUOUS_SECONDS if ambiguous else next(tries))

    async def grow(self) -> None:
        """Show pictures as they come, at the pace that the chat allows, until cancelled."""
        if self._manner.streaming is Streaming.DRAFTS:
            await self._grow_as_draft()
        if not self._over():
            await self._grow_by_edits()

    async def _grow_as_draft(self) -> None:
        """Until the final picture, or until it turns out that there are no drafts here."""
        loop = asyncio.get_running_loop()
        draft = Drafting(self._calls, self._key, self._features)
        self._changed.set()  # even nothing is worth showing: it shows that the agent thinks
        while draft.possible and not self._over():
            with suppress(TimeoutError):
                async with asyncio.timeout(draft.due(loop.time())):
                    await self._changed.wait()
            if self._unfinished(settled_only=True):  # a full post is a message already
                await self._interim(Priority.INTERIM, settled_only=True)
                draft.renew()
            async with self._slot(Priority.INTERIM, family=Family.ACTION) as slot:
                self._changed.clear()
                self._unseen_since = None
                wanted = self._wanted()
                content = wanted[-1].content if wanted else Rendered()
                if self._over() or not draft.wants(content, loop.time()):
                    slot.skip()
                    continue
                async with self._calling:
                    await self._show_draft(draft, content, loop.time())

    async def _show_draft(self, draft: Drafting, content: Rendered, now: float) -> None:
        if self._over():  # it would come behind the final message
            return
        try:
            await draft.show(content, now)
        except ChatClosed as error:
            log.info("chat closed", chat=self._key.chat_id, why=str(error))
            self._closed = True

    async def _grow_by_edits(self) -> None:
        typing = asyncio.create_task(self._type(), name=f"typing for turn {self._turn.id}")
        try:
            await self._something_to_see()
        finally:
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)
        if self._manner.streaming is Streaming.WHOLE:
            await self._type()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._grow_by_pieces(), name=f"pieces of turn {self._turn.id}")
                group.create_task(self._show_whole(), name=f"whole of turn {self._turn.id}")
        except* ReplyImpossible:
            pass  # the relay hears of it when it shows the next picture

    async def _grow_by_pieces(self) -> None:
        while not self._over():
            await self._changed.wait()
            if not self._shown:
                await self._enough()
            priority = Priority.INTERIM if self._shown else Priority.FIRST
            await self._interim(priority)

    async def _show_whole(self) -> None:
        """A complete text does not wait for the questions that the agent may suggest after it."""
        while not self._over():
            await self._whole.wait()
            await asyncio.sleep(WHOLE_SECONDS)
            while self._picture.whole and not self._over() and self._unfinished():
                if not await self._interim(Priority.FINAL):
                    break
            if not self._over():
                self._whole.clear()

    def _over(self) -> bool:
        return self._frozen or self._closed

    def _unfinished(self, *, settled_only: bool = False) -> bool:
        wanted = self._wanted(settled_only=settled_only)
        return next_step(self._shown, wanted, final=False) is not None

    def _wanted(self, *, settled_only: bool = False) -> Sequence[Frame]:
        """What should stand there now; with `settled_only`, just the full posts."""
        keyboard = running(self._turn.id, self._manner.language)
        frames = self._layout.frames(self._picture, keyboard)
        return frames[:-1] if settled_only else frames

    async def _type(self) -> None:
        while not self._over():
            await self._calls.type(self._key)
            await asyncio.sleep(TYPING_SECONDS)

    async def _something_to_see(self) -> None:
        """Wait for the first text, or for something else that the agent does for a while."""
        loop = asyncio.get_running_loop()
        busy_since: float | None = None
        while not self._picture.answers and not self._over():
            left = None
            if self._picture.status:
                busy_since = busy_since or loop.time()
                left = busy_since + STATUS_SECONDS - loop.time()
                if left <= 0:
                    break
            await self._until_changed(left)
        self._changed.set()

    async def _enough(self) -> None:
        """Wait until there is enough to read, or a little and nothing more for a moment."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + FIRST_TEXT_SECONDS
        while (
            self._picture.answers
            and not self._over()
            and not self._picture.whole
            and units(self._picture.text) < ENOUGH_UNITS
            and loop.time() < latest
        ):
            await self._until_changed(latest - loop.time())

    async def _until_changed(self, seconds: float | None) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def _interim(self, priority: Priority, *, settled_only: bool = False) -> bool:
        """Make one call when its slot comes, for the newest picture that there is then.

        Returns whether a call was made and something new stands.
        """
        new = settled_only or not self._posts
        async with AsyncExitStack() as stack:
            slot = await stack.enter_async_context(self._slot(priority, new=new))
            if not self._over():  # else who holds the lock may be waiting for a slot
                await stack.enter_async_context(self._calling)
            if self._over():  # the final picture is next
                slot.skip()
                return False
            self._changed.clear()
            since, self._unseen_since = self._unseen_since, None
            wanted = self._wanted(settled_only=settled_only)
            step = next_step(self._shown, wanted, final=False)
            if step is None:
                slot.skip()
                return False
            try:
                await self._do(step)
            except Dropped:
                self._still_unseen(since)
                return False
            except Refused:
                return False  # it was logged; the next picture has other content
            except TelegramUnreachable as trouble:
                log.info("interim text dropped", turn=self._turn.id, trouble=str(trouble))
                self._still_unseen(since)
                ambiguous = isinstance(step, Send) and trouble.happened is not Happened.NO
            else:
                if next_step(self._shown, wanted, final=False) is not None:
                    self._still_unseen(since)
                return True
        await asyncio.sleep(AMBIGUOUS_SECONDS if ambiguous else 0)
        return False

    def _still_unseen(self, since: float | None) -> None:
        self._unseen_since = since
        self._changed.set()

    def _slot(
        self, priority: Priority, *, new: bool = False, family: Family = Family.MESSAGE
    ) -> AbstractAsyncContextManager[Slot]:
        return self._calls.pacer.slot(
            self._key.chat_id, priority, new=new, family=family, since=self._unseen_since
        )

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
                    await self._calls.remove(self._key, self._posts[-1])
                    self._posts.pop()
                    self._shown.pop()
                    await self._note_posts(self._posts)
        except PostGone as error:
            if isinstance(step, Send):
                raise Refused(str(error)) from error
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

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Nothing grows any more, and no call is on its way: what was sent is written down."""
        self._frozen = True
        self._changed.set()
        self._whole.set()
        async with self._calling:
            yield

    def _reply_to(self) -> int | None:
        """In a group the first post answers a message; in a private chat that says nothing."""
        if self._key.private or self._posts:
            return None
        return self._turn.parts[-1].message_id

    async def _last_keyboard(self, picture: Picture) -> Keyboard:
        if picture.can_retry:
            return retry(self._turn.id, self._manner.language)
        keyboard: Keyboard = ()
        if picture.suggestions and self._manner.suggestions:
            token = await self._offer(picture.suggestions)
            keyboard = question_buttons(picture.suggestions, token)
        if self._manner.judged and picture.answer_id and picture.note is None:
            keyboard += judging(self._turn.id)
        return keyboard


@asynccontextmanager
async def growing(reply: LiveReply, pacer: Pacer, turn: Turn) -> AsyncIterator[LiveReply]:
    """A reply that grows by itself while the context is open."""
    with pacer.growing(turn.chat.chat_id):
        task = asyncio.create_task(reply.grow(), name=f"reply of turn {turn.id}")
        try:
            yield reply
        finally:
            async with reply.quiet():
                task.cancel()
                (gone,) = await asyncio.gather(task, return_exceptions=True)
            expected = (ReplyImpossible, asyncio.CancelledError)
            if isinstance(gone, BaseException) and not isinstance(gone, expected):
                log.error("reply stopped growing", turn=turn.id, exc_info=gone)
