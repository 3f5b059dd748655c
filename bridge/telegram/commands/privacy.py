"""`/privacy` and `/forget`: what is kept of people, and its deletion at their wish."""

import asyncio

import structlog

from bridge.coze.client import Coze
from bridge.coze.conversations import delete_conversation
from bridge.errors import CozeTrouble
from bridge.model import Turn
from bridge.relay.lanes import Lanes
from bridge.store import erasure
from bridge.store.engine import Store
from bridge.store.turns import lifecycle, queue
from bridge.telegram.access.people import People
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.post import Button, PostContent, Rendered
from bridge.telegram.questions.overheard import OverheardLines
from bridge.telegram.updates.events import CallbackPress, CommandCall
from bridge.texts import translate

log = structlog.get_logger(__name__)
STOP_SECONDS = 10.0
"""How long an answer that is being written has to end."""


class OwnData:
    """Tells people what is kept of them, and deletes it."""

    def __init__(
        self,
        notices: NoticeQueue,
        store: Store,
        lanes: Lanes,
        coze: Coze,
        people: People,
        context: OverheardLines,
        days: float,
    ) -> None:
        """`days` is how long finished turns are kept."""
        self._notices = notices
        self._store = store
        self._lanes = lanes
        self._coze = coze
        self._people = people
        self._context = context
        self._days = days

    async def tell(self, order: CommandCall) -> None:
        """Say what is kept, for how long, and where it goes."""
        host = self._coze.deployment.base.removeprefix("https://").removeprefix("http://")
        text = translate(
            order.message.sender.language, "privacy.text", days=f"{self._days:g}", host=host
        )
        await self._notices.send(order.chat, PostContent(Rendered(text)), order.cause)

    async def ask(self, order: CommandCall) -> None:
        """Ask whether they mean it."""
        language = order.message.sender.language
        yes = Button(translate(language, "button.forget"), f"forget:{order.message.sender.id}")
        no = Button(translate(language, "button.no"), "forget:no")
        frame = PostContent(Rendered(translate(language, "forget.sure")), ((yes, no),))
        await self._notices.send(order.chat, frame, order.cause)

    async def press(self, press: CallbackPress, rest: str) -> str | None:
        """Delete what is kept of who pressed; the key of what is said in passing.

        Raises StoreTrouble.
        """
        language = press.sender.language
        if rest == "no":
            text = translate(language, "confirm.no")
            self._notices.edit(
                press.chat, press.post_id, PostContent(Rendered(text)), press.sender.id
            )
            return None
        if rest != str(press.sender.id):
            return "forget.not_yours"
        await self._stop(press)
        async with self._store.writing() as tx:
            receipt = await erasure.forget_person(tx, press.sender.id)
        self._people.forget(press.sender.id)
        self._context.forget_person(press.sender.id)
        gone = [await self._delete(one) for one in receipt.conversations]
        key = "forget.done" if all(gone) else "forget.done_here"
        text = translate(language, key, turns=receipt.turns, conversations=len(gone))
        log.info("a person was forgotten", turns=receipt.turns, at_coze=all(gone))
        self._notices.edit(press.chat, press.post_id, PostContent(Rendered(text)), press.sender.id)
        return None

    async def _stop(self, press: CallbackPress) -> None:
        """What they have asked anywhere and was not answered is not answered any more."""
        theirs: list[Turn] = []
        async with self._store.writing() as tx:
            for key in await lifecycle.open_chats(tx, press.sender.id):
                await queue.drop_waiting(tx, key, press.sender.id)
                running = await lifecycle.running(tx, key)
                if running is not None and running.sender.id == press.sender.id:
                    await lifecycle.stopping(tx, key, running.id)
                    theirs.append(running)
        for turn in theirs:
            self._lanes.stop(turn.chat, turn.id)
        await asyncio.gather(*(self._lanes.ended(turn.chat, STOP_SECONDS) for turn in theirs))

    async def _delete(self, conversation_id: str) -> bool:
        try:
            await delete_conversation(self._coze, conversation_id)
        except CozeTrouble as trouble:
            log.warning("a conversation was not deleted", trouble=str(trouble))
            return False
        return True
