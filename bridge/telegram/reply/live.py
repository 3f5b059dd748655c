"""The live reply: the newest state wins, one call at a time, and the final one always arrives."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import (
    asynccontextmanager,
    suppress,
)

import structlog

from bridge.errors import TelegramUnreachable
from bridge.model import ReplyState, Turn
from bridge.preferences import Reasoning, Streaming
from bridge.relay.prompt import title_of
from bridge.relay.protocols import ReplyImpossible
from bridge.telegram.api.client import BotClient
from bridge.telegram.api.errors import (
    ChatClosed,
    ChatMoved,
    ContentRejected,
    FloodWait,
    PostGone,
    RichImpossible,
)
from bridge.telegram.files.answer_files import FileDelivery
from bridge.telegram.files.send_once import FileSender
from bridge.telegram.markdown import rich
from bridge.telegram.post import Keyboard, PostContent, Rendered
from bridge.telegram.reply.complete import show_complete
from bridge.telegram.reply.drafts import Draft, grow_by_drafts
from bridge.telegram.reply.edits import grow_by_edits, show_uploads, something_to_see
from bridge.telegram.reply.features import Features
from bridge.telegram.reply.growth import Growth
from bridge.telegram.reply.keyboards import judging, question_buttons, retry, running
from bridge.telegram.reply.layout import Layout
from bridge.telegram.reply.newest import NewestState
from bridge.telegram.reply.options import ReplyOptions, lateness
from bridge.telegram.reply.posts import UNKNOWN, Posts
from bridge.telegram.reply.reply_store import ReplyStore
from bridge.texts import translate

log = structlog.get_logger(__name__)
LAST_CALL_SECONDS = 1.0
"""How long the end of a reply waits for a call that is on its way."""


class LiveReply:
    """One reply in a Telegram chat; it knows the posts it has and what each of them shows."""

    def __init__(
        self,
        calls: BotClient,
        turn: Turn,
        options: ReplyOptions,
        features: Features,
        store: ReplyStore,
        delivery: FileDelivery,
        sender: FileSender,
    ) -> None:
        self._delivery = delivery
        self._sender = sender
        self._calls = calls
        self._features = features
        self._turn = turn
        self._options = options
        self._store = store
        self._posts = Posts(calls, turn, store)
        self._newest = NewestState()
        late = lateness(turn, options.language, time.time())
        self._layout = Layout(
            options.language, options.reasoning, late, transcripts=options.transcripts
        )
        self.offers = False
        """Whether questions stand under it as buttons."""
        self._told_place = False
        """Whether it says that it stands elsewhere than its question."""
        self._tell_place()
        self._keyboard = running(turn.id, options.language)
        self._drawn: tuple[ReplyState, Sequence[PostContent]] | None = None
        """The last state that was drawn, and its frames."""
        self._growth = Growth(self._posts, self._newest, self._growing)

    def show(self, draw: Callable[[], ReplyState], *, complete: bool = False) -> None:
        """Show this at the next slot, as drawn then. Raises ReplyImpossible where nothing can be written."""
        if self._posts.closed:
            raise ReplyImpossible
        self._newest.show(draw, complete=complete)

    async def finish(self, reply_state: ReplyState) -> None:
        """Show this for good, and return when it stands. Raises ReplyImpossible and ReplyLater."""
        if self._posts.closed:
            raise ReplyImpossible(nothing_stands=not self._posts.ids)
        self._newest.freeze()
        self._posts.ending()
        keyboard = await self._last_keyboard(reply_state)
        speak_in = self._options.language if self._options.spoken else None
        async with self._delivery.of(reply_state, self._sender, speak_in) as files:
            await self._stand(files.reply_state, keyboard)
            if not await files.send():
                await self._stand(files.reply_state, keyboard)

    async def _stand(self, reply_state: ReplyState, keyboard: Keyboard) -> None:
        """Show this until it stands."""
        async with self._posts.calling:  # the call in flight ends first: it must not come last
            saying = bool(reply_state.answers)
            wanted = await self._for_good(reply_state, keyboard)
            try:
                await self._posts.finish(wanted, saying=saying)
                if self._tell_place():  # its topic was refused just now
                    wanted = await self._for_good(reply_state, keyboard)
                    await self._posts.finish(wanted, saying=saying)
            except ContentRejected:
                await self._finish_plainly(wanted, saying=saying)
                return
            if self._options.rich and len(wanted) == 1:
                await self._enrich(reply_state, wanted[0].keyboard)

    def _tell_place(self) -> bool:
        """Return whether it has to be said from now on which question this answers.

        What belongs to a topic stands elsewhere when that takes no messages any more.
        """
        turn = self._turn
        moved = turn.moved_from is not None or self._calls.placement.moved_to_root(turn.chat)
        if self._told_place or not moved:
            return False
        self._told_place = True
        words = title_of(turn)
        sentence = translate(self._options.language, "reply.other_topic", question=words)
        self._layout.say_above(sentence)
        return True

    async def _for_good(self, reply_state: ReplyState, keyboard: Keyboard) -> Sequence[PostContent]:
        """Return the frames of the final state, below posts that stay as they are."""
        frames = self._layout.frames(reply_state, keyboard)
        kept = min(reply_state.keeps, len(self._posts.ids))
        if not kept:
            return frames
        await self._posts.keep(kept)
        return [*[UNKNOWN] * kept, *frames]

    def _growing(self) -> Sequence[PostContent]:
        """Return what should stand there while the reply grows; each state is drawn once."""
        state = self._newest.state
        if self._drawn is None or self._drawn[0] is not state:
            self._drawn = (state, self._layout.frames(state, self._keyboard))
        return self._drawn[1]

    async def _finish_plainly(self, wanted: Sequence[PostContent], *, saying: bool) -> None:
        """Send the text alone, as the last resort. Raises ReplyImpossible when that is refused, too."""
        self._posts.plainly()
        texts = [PostContent(Rendered(frame.content.text)) for frame in wanted]
        try:
            await self._posts.finish(texts, saying=saying)
        except ContentRejected as error:
            self._posts.close()
            raise ReplyImpossible(str(error), nothing_stands=not self._posts.ids) from error

    async def _enrich(self, reply_state: ReplyState, keyboard: Keyboard) -> None:
        """Make a rich message of what gains from it; should that fail, the text stands already."""
        more = reply_state.note or reply_state.notices or len(reply_state.answers) != 1
        thoughts = reply_state.reasoning and self._options.reasoning is not Reasoning.OFF
        if more or thoughts or not self._posts.ids or not rich.worth_it(reply_state.text):
            return
        try:
            blocks = rich.blocks(reply_state.text)
            await self._calls.edit_as_rich(self._turn.chat, self._posts.ids[0], blocks, keyboard)
        except RichImpossible as error:
            log.warning("rich messages not supported", why=str(error))
            self._features.switch_off("rich")
        except (
            ChatClosed,
            ChatMoved,
            FloodWait,
            PostGone,
            ContentRejected,
            TelegramUnreachable,
        ) as error:
            log.info("rich message not sent", turn=self._turn.id, error=str(error))

    async def grow(self) -> None:
        """Show states as they come, at the pace that the chat allows, until cancelled."""
        growth = self._growth
        if self._options.streaming is Streaming.DRAFTS:
            await grow_by_drafts(growth, Draft(self._calls, self._turn.chat, self._features))
        if growth.over:
            return
        typing = asyncio.create_task(growth.type(), name=f"typing for turn {self._turn.id}")
        try:
            await something_to_see(growth)
        finally:
            typing.cancel()
            await asyncio.gather(typing, return_exceptions=True)
        if self._options.streaming is Streaming.WHOLE:
            await growth.type()
        works = {"edits": grow_by_edits, "complete text": show_complete}
        if self._turn.attachments:
            works["files"] = show_uploads
        try:
            async with asyncio.TaskGroup() as group:
                for name, work in works.items():
                    group.create_task(work(growth), name=f"{name} of turn {self._turn.id}")
        except* ReplyImpossible:
            pass  # the relay hears of it when it shows the next state

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """Wait until nothing grows and no call is on its way: what was sent is written down."""
        self._newest.freeze()
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
            return retry(self._turn.id, self._options.language)
        keyboard: Keyboard = ()
        if reply_state.suggestions and self._options.suggestions:
            token = await self._store.offer(reply_state.suggestions)
            self.offers = True
            keyboard = question_buttons(reply_state.suggestions, token)
        if self._options.judged and reply_state.answer_id and reply_state.note is None:
            keyboard += judging(self._turn.id)
        return keyboard
