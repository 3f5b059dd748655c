"""The live reply: the newest state wins, one call at a time, and the final one always arrives."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import (
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from dataclasses import replace

import structlog
from telegram.constants import ChatAction

from bridge.errors import TelegramUnreachable
from bridge.model import ChatKey, Reasoning, ReplyState, Streaming, Turn
from bridge.relay.protocols import ReplyImpossible, ReplyLater
from bridge.telegram.api.budget import Priority
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.errors import (
    ChatClosed,
    ChatMoved,
    ContentRejected,
    FloodWait,
    PostGone,
    RichImpossible,
)
from bridge.telegram.api.scheduler import Family
from bridge.telegram.files.deliver import FileDelivery
from bridge.telegram.files.send_once import FileSender
from bridge.telegram.markdown import rich
from bridge.telegram.post import Keyboard, PostContent, Rendered, units
from bridge.telegram.reply.drafts import Drafts
from bridge.telegram.reply.features import Features
from bridge.telegram.reply.keyboards import judging, question_buttons, retry, running
from bridge.telegram.reply.layout import Layout
from bridge.telegram.reply.options import ReplyOptions, lateness
from bridge.telegram.reply.outbox import ReplyOutbox
from bridge.telegram.reply.posts import Posts

log = structlog.get_logger(__name__)
TYPING_SECONDS = 4.5
ENOUGH_UNITS = 24
"""Text worth a first post at once; with less, a little more is awaited."""
FIRST_TEXT_SECONDS = 0.15
STATUS_SECONDS = 1.0
"""How long the agent must do something else than write before the reply says so."""
LAST_CALL_SECONDS = 1.0
"""How long the end of a reply waits for a call that is on its way."""
WHOLE_SECONDS = 0.1
"""How long a text that is complete waits for the end of its run: then one call does for both."""


class LiveReply:
    """One reply in a Telegram chat; it knows the posts it has and what each of them shows."""

    def __init__(
        self,
        calls: BotClient,
        turn: Turn,
        manner: ReplyOptions,
        features: Features,
        ledger: ReplyOutbox,
        enclosing: FileDelivery,
        posting: FileSender,
    ) -> None:
        self._enclosing = enclosing
        self._posting = posting
        self._calls = calls
        self._features = features
        self._key: ChatKey = turn.chat
        self._turn = turn
        self._manner = manner
        self._ledger = ledger
        self._posts = Posts(calls, turn, ledger)
        late = lateness(turn, manner.language, time.time())
        self._layout = Layout(
            manner.language, manner.reasoning, late, transcripts=manner.transcripts
        )
        self._reply_state = ReplyState()
        self._changed = asyncio.Event()
        self._whole = asyncio.Event()
        self._frozen = False
        """Whether nothing is shown until the final state."""

    def show(self, reply_state: ReplyState) -> None:
        """Show this at the next slot. Raises ReplyImpossible when the chat is closed to us."""
        if self._posts.closed:
            raise ReplyImpossible
        self._reply_state, self._posts.saying = reply_state, bool(reply_state.answers)
        if self._posts.unseen_since is None:
            self._posts.unseen_since = asyncio.get_running_loop().time()
        self._changed.set()
        if reply_state.whole:
            self._whole.set()
        else:
            self._whole.clear()

    async def finish(self, reply_state: ReplyState) -> None:
        """Show this for good, and return when it stands. Raises ReplyImpossible and ReplyLater."""
        if self._posts.closed:
            raise ReplyImpossible(nothing_stands=not self._posts.ids)
        self._freeze()
        self._posts.ending(saying=bool(reply_state.answers))
        keyboard = await self._last_keyboard(reply_state)
        speak_in = self._manner.language if self._manner.spoken else None
        async with self._enclosing.of(reply_state, self._posting, speak_in) as enclosure:
            await self._stand(enclosure.reply_state, keyboard)
            if not await enclosure.send():
                await self._stand(enclosure.reply_state, keyboard)

    async def _stand(self, reply_state: ReplyState, keyboard: Keyboard) -> None:
        """Show this until it stands."""
        async with self._posts.calling:  # the call in flight ends first: it must not come last
            wanted = await self._for_good(reply_state, keyboard)
            try:
                await self._posts.insist(wanted)
                if self._posts.copied:  # what was looked for in vain may stand there all the same
                    wanted = await self._for_good(reply_state, keyboard)
                    await self._posts.insist(wanted)
            except ContentRejected:
                await self._insist_plainly(wanted)
                return
            if self._manner.rich and len(wanted) == 1:
                await self._enrich(reply_state, wanted[0].keyboard)

    async def _for_good(self, reply_state: ReplyState, keyboard: Keyboard) -> Sequence[PostContent]:
        """The frames of the final state, below posts that stay as they are."""
        frames = self._frames(reply_state, keyboard)
        kept = min(reply_state.keeps, len(self._posts.ids))
        if not kept:
            return frames
        await self._posts.keep()
        unknown = PostContent(Rendered())
        self._posts.shown[:kept] = [unknown] * kept
        return [*[unknown] * kept, *frames]

    def _frames(self, reply_state: ReplyState, keyboard: Keyboard) -> Sequence[PostContent]:
        if self._posts.copied:
            reply_state = replace(reply_state, notices=(*reply_state.notices, "reply.copied"))
        return self._layout.frames(reply_state, keyboard)

    def _freeze(self) -> None:
        self._frozen = True
        self._changed.set()
        self._whole.set()

    async def _insist_plainly(self, wanted: Sequence[PostContent]) -> None:
        """The text alone, as the last resort. Raises ReplyImpossible when even that is refused."""
        self._posts.plainly = True
        try:
            await self._posts.insist(
                [PostContent(Rendered(frame.content.text)) for frame in wanted]
            )
        except ContentRejected as error:
            self._posts.closed = True
            raise ReplyImpossible(str(error), nothing_stands=not self._posts.ids) from error

    async def _enrich(self, reply_state: ReplyState, keyboard: Keyboard) -> None:
        """What gains from it becomes a rich message; should that fail, the text stands already."""
        more = reply_state.note or reply_state.notices or len(reply_state.answers) != 1
        thoughts = reply_state.reasoning and self._manner.reasoning is not Reasoning.OFF
        if more or thoughts or not self._posts.ids or not rich.worth_it(reply_state.text):
            return
        try:
            blocks = rich.blocks(reply_state.text)
            await self._calls.edit_as_rich(self._key, self._posts.ids[0], blocks, keyboard)
        except RichImpossible as error:
            log.warning("no rich messages", why=str(error))
            self._features.rich = False
        except (
            ChatClosed,
            ChatMoved,
            FloodWait,
            PostGone,
            ContentRejected,
            TelegramUnreachable,
        ) as error:
            log.info("not made rich", turn=self._turn.id, error=str(error))

    async def grow(self) -> None:
        """Show states as they come, at the pace that the chat allows, until cancelled."""
        if self._manner.streaming is Streaming.DRAFTS:
            await self._grow_as_draft()
        if not self._over():
            await self._grow_by_edits()

    async def _grow_as_draft(self) -> None:
        """Until the final state, or until it turns out that there are no drafts here."""
        loop = asyncio.get_running_loop()
        draft = Drafts(self._calls, self._key, self._features)
        self._changed.set()  # even nothing is worth showing: it shows that the agent thinks
        while draft.possible and not self._over():
            with suppress(TimeoutError):
                async with asyncio.timeout(draft.due(loop.time())):
                    await self._changed.wait()
            if self._unfinished(settled_only=True):  # a full post is a message already
                await self._interim(Priority.INTERIM, settled_only=True)
                draft.renew()
            async with self._posts.slot(Priority.INTERIM, family=Family.ACTION) as slot:
                self._changed.clear()
                since, self._posts.unseen_since = self._posts.unseen_since, None
                wanted = self._wanted()
                content = wanted[-1].content if wanted else Rendered()
                if self._over() or not draft.wants(content, loop.time()):
                    slot.skip()
                    continue
                async with self._posts.calling:
                    await self._show_draft(draft, content, since)

    async def _show_draft(self, draft: Drafts, content: Rendered, since: float | None) -> None:
        if self._over():  # it would come behind the final message
            return
        try:
            if await draft.show(content, asyncio.get_running_loop().time()):
                self._posts.seen(since, draft=True)
        except ChatClosed as error:
            log.info("chat closed", chat=self._key.chat_id, why=str(error))
            self._posts.closed = True

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
                if self._turn.attachments:
                    group.create_task(self._carry(), name=f"files of turn {self._turn.id}")
        except* ReplyImpossible:
            pass  # the relay hears of it when it shows the next state

    async def _grow_by_pieces(self) -> None:
        while not self._over():
            await self._changed.wait()
            if not self._posts.shown:
                await self._enough()
            priority = Priority.INTERIM if self._posts.shown else Priority.FIRST
            await self._interim(priority)

    async def _show_whole(self) -> None:
        """A complete text does not wait for the questions that the agent may suggest after it."""
        while not self._over():
            await self._whole.wait()
            await asyncio.sleep(WHOLE_SECONDS)
            while self._reply_state.whole and not self._over() and self._unfinished():
                if not await self._interim(Priority.FINAL):
                    break
            if not self._over():
                self._whole.clear()

    def _over(self) -> bool:
        return self._frozen or self._posts.lost or self._posts.closed

    def _unfinished(self, *, settled_only: bool = False) -> bool:
        wanted = self._wanted(settled_only=settled_only)
        return self._posts.next(wanted) is not None

    def _wanted(self, *, settled_only: bool = False) -> Sequence[PostContent]:
        """What should stand there now; with `settled_only`, just the full posts."""
        keyboard = running(self._turn.id, self._manner.language)
        frames = self._frames(self._reply_state, keyboard)
        return frames[:-1] if settled_only else frames

    async def _type(self) -> None:
        while not self._over():
            await self._calls.send_action(self._key)
            await asyncio.sleep(TYPING_SECONDS)

    async def _carry(self) -> None:
        """Show that files are on their way to the agent, for as long as they are."""
        while not self._over() and not self._reply_state.answers:
            if self._reply_state.status == "status.files":
                await self._calls.send_action(self._key, ChatAction.UPLOAD_DOCUMENT)
            await asyncio.sleep(TYPING_SECONDS)

    async def _something_to_see(self) -> None:
        """Wait for the first text, or for something else that the agent does for a while."""
        loop = asyncio.get_running_loop()
        busy_since: float | None = None
        while not self._reply_state.answers and not self._over():
            left = None
            if self._reply_state.status:
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
            self._reply_state.answers
            and not self._over()
            and not self._reply_state.whole
            and units(self._reply_state.text) < ENOUGH_UNITS
            and loop.time() < latest
        ):
            await self._until_changed(latest - loop.time())

    async def _until_changed(self, seconds: float | None) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def _interim(self, priority: Priority, *, settled_only: bool = False) -> bool:
        """Make one call when its slot comes, for the newest state that there is then.

        Returns whether a call was made and something new stands.
        """
        posts = self._posts
        since = posts.unseen_since
        try:
            if await posts.doubted():
                return await self._look(priority)
            async with AsyncExitStack() as stack:
                new = settled_only or not posts.ids
                slot = await stack.enter_async_context(posts.slot(priority, new=new))
                if not self._over():  # else who holds the lock may be waiting for a slot
                    await stack.enter_async_context(posts.calling)
                if self._over():  # the final state is next
                    slot.skip()
                    return False
                self._changed.clear()
                since, posts.unseen_since = posts.unseen_since, None
                wanted = self._wanted(settled_only=settled_only)
                step = posts.next(wanted)
                if step is None:
                    slot.skip()
                    return False
                await posts.do(step)
                posts.seen(since)
                if posts.next(wanted) is not None:
                    self._still_unseen(since)
                return True
        except FloodWait:
            self._still_unseen(since)
            await posts.silence()
        except ContentRejected:
            pass  # it was logged; the next state has other content
        except ReplyLater:
            return False  # the group moves; the answer goes on there
        except TelegramUnreachable as trouble:
            log.info("interim text dropped", turn=self._turn.id, trouble=str(trouble))
            self._still_unseen(since)
        await asyncio.sleep(0)
        return False

    async def _look(self, priority: Priority) -> bool:
        """Look for a post that was begun before; the next frame goes into it or into a new one."""
        async with self._posts.calling:
            wanted = self._wanted()
            self._changed.clear()
            if self._over() or len(wanted) <= len(self._posts.ids):
                return False
            frame = wanted[len(self._posts.ids)]
            found = await self._posts.found(frame, priority, self._over)
        self._changed.set()
        return found

    def _still_unseen(self, since: float | None) -> None:
        self._posts.unseen_since = since
        self._changed.set()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Nothing grows any more, and no call is on its way: what was sent is written down."""
        self._freeze()
        held = False
        with suppress(TimeoutError):  # what is cancelled after that is in doubt, as the outbox says
            async with asyncio.timeout(LAST_CALL_SECONDS):
                held = await self._posts.calling.acquire()
        try:
            yield
        finally:
            if held:
                self._posts.calling.release()

    async def _last_keyboard(self, reply_state: ReplyState) -> Keyboard:
        if reply_state.can_retry:
            return retry(self._turn.id, self._manner.language)
        keyboard: Keyboard = ()
        if reply_state.suggestions and self._manner.suggestions:
            token = await self._ledger.offer(reply_state.suggestions)
            keyboard = question_buttons(reply_state.suggestions, token)
        if self._manner.judged and reply_state.answer_id and reply_state.note is None:
            keyboard += judging(self._turn.id)
        return keyboard
