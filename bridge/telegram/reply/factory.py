"""Open replies: each grows by itself while its turn is answered."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from bridge.errors import StoreTrouble
from bridge.model import Turn
from bridge.preferences import Preferences
from bridge.relay.protocols import ReplyImpossible
from bridge.telegram.api.client import BotClient
from bridge.telegram.files.answer_files import FileDelivery
from bridge.telegram.files.send_once import FileSender
from bridge.telegram.reply.features import Features
from bridge.telegram.reply.live import LiveReply
from bridge.telegram.reply.old_suggestions import OldSuggestions
from bridge.telegram.reply.options import reply_options
from bridge.telegram.reply.reactions import Reactions
from bridge.telegram.reply.reply_store import ReplyStore
from bridge.telegram.reply.topic_names import TopicNames

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ReplyFactory:
    """What replies are made of."""

    calls: BotClient
    features: Features
    default: Preferences
    reactions: Reactions
    delivery: FileDelivery
    topic_names: TopicNames
    old_suggestions: OldSuggestions

    @asynccontextmanager
    async def open(self, turn: Turn) -> AsyncIterator[LiveReply]:
        """Give the reply of a turn; it grows while the context is open."""
        calls, store = self.calls, self.calls.store
        options = reply_options(turn, self.default, self.features)
        reply = LiveReply(
            calls=calls,
            turn=turn,
            options=options,
            features=self.features,
            store=ReplyStore(store, turn, options.language),
            delivery=self.delivery,
            sender=FileSender(calls, store, turn),
        )
        self.reactions.clear(turn.chat, [part.message_id for part in turn.parts])
        with calls.pacer.growing(turn.chat.chat_id):
            task = asyncio.create_task(reply.grow(), name=f"reply of turn {turn.id}")
            try:
                yield reply
            finally:
                async with reply.quiet():
                    task.cancel()
                    (gone,) = await asyncio.gather(task, return_exceptions=True)
                _note_end(turn, gone)
                self.topic_names.answered(turn)
                self.old_suggestions.answered(turn, offers=reply.offers)


def _note_end(turn: Turn, gone: BaseException | None) -> None:
    """Log why a reply grew no more, if that was not to be expected."""
    if gone is None or isinstance(gone, (ReplyImpossible, asyncio.CancelledError)):
        return
    only_store = isinstance(gone, BaseExceptionGroup) and gone.split(StoreTrouble)[1] is None
    if only_store or isinstance(gone, StoreTrouble):  # the turn meets it, too, and says what
        log.warning("reply stopped growing", turn=turn.id)
    else:
        log.error("reply stopped growing", turn=turn.id, exc_info=gone)
