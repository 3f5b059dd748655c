"""Take suggestions away from under earlier answers: nobody presses them once the talk has gone on."""

from functools import partial

import structlog

from bridge.errors import StoreTrouble
from bridge.model import ChatKey, Turn
from bridge.store.turns import lifecycle, suggestions
from bridge.store.turns.suggestions import Offer
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.callback_data import RateAnswer
from bridge.telegram.pace.budget import Priority
from bridge.telegram.post import Keyboard
from bridge.telegram.reply.features import Features
from bridge.telegram.reply.keyboards import judging, marked

log = structlog.get_logger(__name__)
MOST = 10_000


class OldSuggestions:
    """Takes them away after the next answer, when the chat has a call to spare."""

    def __init__(self, notices: NoticeQueue, features: Features) -> None:
        self._notices = notices
        self._store = notices.calls.store
        self._features = features
        self._none: set[ChatKey] = set()
        """Private chats whose last answer offered nothing: there is nothing to look for."""

    def answered(self, turn: Turn, *, offers: bool) -> None:
        """Take away what stands under the answers that the person got before one that `offers` more."""
        nothing = turn.chat in self._none
        self._none.discard(turn.chat)
        if turn.chat.private and not offers:
            self._none = self._none if len(self._none) < MOST else set()
            self._none.add(turn.chat)
        if nothing:
            return
        self._notices.later(
            turn.chat, partial(self._take_away, turn), "old suggestions", droppable=True
        )

    async def _take_away(self, turn: Turn) -> None:
        try:
            async with self._store.reading() as tx:
                offers = await suggestions.before(tx, turn)
            for offer in offers:
                await self._clear(turn, offer)
        except StoreTrouble as trouble:
            log.warning("old suggestions not taken away", trouble=str(trouble))

    async def _clear(self, turn: Turn, offer: Offer) -> None:
        """The row goes last: what a crash or a trouble leaves is taken away after the next answer."""
        rates = offer.can_be_rated and self._features.judging
        counts = None if offer.liked is None else RateAnswer(offer.turn_id, offer.liked)
        left = marked(judging(offer.turn_id), counts) if rates else ()
        if offer.post:
            change = partial(self._change, turn, offer, left)
            if not await self._notices.change(turn.chat, change, Priority.BULK):
                return
        async with self._store.writing(of=turn.chat.chat_id) as tx:
            await suggestions.use_up(tx, turn.chat, offer.token)

    async def _change(self, turn: Turn, offer: Offer, left: Keyboard) -> None:
        """Change the buttons, unless a question that was asked anew has the post by now."""
        async with self._store.reading() as tx:
            taken = await lifecycle.rewritten(tx, turn.chat, offer.turn_id, offer.post)
        if not taken:
            await self._notices.calls.change_buttons(turn.chat, offer.post, left)
