"""The commands: one table; the menu, /help and the README come from it."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.coze.agents import Agent, agent_information
from bridge.coze.client import Coze
from bridge.errors import CozeTrouble
from bridge.model import AgentAccount, Answers, ChatKey, Preferences, ReplyState, Sender
from bridge.relay.lanes import Lanes
from bridge.store import chats
from bridge.store.engine import Store
from bridge.store.inbox import Arrived
from bridge.store.operators import agents
from bridge.store.turns import lifecycle, queue, suggestions
from bridge.telegram.access.introduction import Introduction
from bridge.telegram.access.rights import Rights
from bridge.telegram.api.notices import NoticeQueue
from bridge.telegram.commands import settings_menu
from bridge.telegram.commands.operators.table import OPERATOR_COMMANDS, Operators
from bridge.telegram.commands.privacy import OwnData
from bridge.telegram.post import Cause, PostContent, Rendered
from bridge.telegram.questions.ask import Questions
from bridge.telegram.reply.keyboards import question_buttons
from bridge.telegram.reply.layout import Layout
from bridge.telegram.reply.reactions import Reactions
from bridge.telegram.updates.events import CommandCall
from bridge.texts import translate

log = structlog.get_logger(__name__)
AGENT_SECONDS = 600.0
"""How long the agent's presentation is kept: each look costs an API call of the plan."""


@dataclass(frozen=True)
class Command:
    """A slash command; its description is the sentence `command.<name>`."""

    name: str
    act: "Callable[[Commands, CommandCall, Arrived], Awaitable[None]]"

    def description(self, language: str) -> str:
        """What it does, in the person's language."""
        return translate(language, f"command.{self.name}")


class Commands:
    """Carries out commands."""

    def __init__(
        self,
        notices: NoticeQueue,
        store: Store,
        lanes: Lanes,
        coze: Coze,
        home: AgentAccount,
        default: Preferences,
        rights: Rights,
        introduction: Introduction,
        reactions: Reactions,
        operators: Operators,
        own_data: OwnData,
        listening: Questions,
    ) -> None:
        self._reactions = reactions
        self.operators = operators
        self.own_data = own_data
        self._listening = listening
        self._rights = rights
        self.introduction = introduction
        self._notices = notices
        self._store = store
        self._lanes = lanes
        self._coze = coze
        self._home = home
        self._default = default
        self._agents: dict[str, tuple[Agent, float]] = {}
        """How agents present themselves, and when that was read."""

    @property
    def agent_id(self) -> str:
        """The agent in the settings."""
        return self._home.agent_id

    async def carry_out(self, order: CommandCall, arrived: Arrived) -> None:
        """Do what the command says; an unknown one is told so. Raises StoreTrouble.

        `arrived` is the update that brought it; what must not be done twice settles it.
        """
        command = COMMANDS.get(order.name)
        if command is not None:
            await command.act(self, order, arrived)
        elif not await self.operators.carry_out(order):
            await self._say(order, "command.unknown")

    async def start(self, order: CommandCall, _: Arrived) -> None:
        """Greet with the agent's own prologue, its suggested questions as buttons.

        A group is told how to address us, too, and what privacy mode keeps from us.
        """
        message = order.message
        async with self._store.writing() as tx:
            await chats.ensure_chat(tx, message.chat)
        if not message.chat.private:
            words = await self.introduction.words(message.chat, message.sender.language)
            cause = Cause(f"{order.cause.name} hello", message.id, message.sender.id)
            await self._notices.send(message.chat, PostContent(Rendered(words)), cause)
            return
        agent = await self._presentation(message.chat)
        if agent is None or not agent.prologue.strip():
            await self._say(order, "start.welcome")
            return
        async with self._store.writing() as tx:
            token = await suggestions.offer(tx, message.chat, agent.suggestions)
        greeting = agent.prologue.replace("{{user_name}}", message.sender.name)
        keyboard = question_buttons(agent.suggestions, token) if agent.suggestions else ()
        picture = ReplyState((greeting,), whole=True, over=True)
        frames = Layout(message.sender.language).frames(picture, keyboard)
        for number, frame in enumerate(frames):
            cause = Cause(f"{order.cause.name} {number}", message.id, message.sender.id)
            await self._notices.send(message.chat, frame, cause)

    async def help(self, order: CommandCall, _: Arrived) -> None:
        """Say what there is."""
        language = order.message.sender.language
        lines = [f"/{one.name} – {one.description(language)}" for one in COMMANDS.values()]
        if order.chat.private and order.message.sender.id in self._rights.operators:
            lines += ["", translate(language, "help.operators")]
            lines += [
                f"/{name} – {translate(language, f'command.{name}')}" for name in OPERATOR_COMMANDS
            ]
        if not order.chat.private:
            lines += ["", translate(language, "help.group", bot=self.introduction.bot_name)]
        await self._say(order, "help.intro", commands="\n".join(lines))

    async def new(self, order: CommandCall, _: Arrived) -> None:
        """Begin a conversation without memory; a running answer belongs to the old one.

        Where each member of a group has their own, it is only theirs.
        """
        key, sender = order.message.chat, order.message.sender
        running, may = await self._may_end_running(key, sender)
        if running is not None and may:
            await self.stop_running(key, running)
        async with self._store.writing() as tx:
            chosen = (await chats.counting(tx, key)).over(self._default)
            own = chosen.conversation_owner(key, sender.id)
            await chats.ensure_chat(tx, key)
            await chats.clear_conversation(tx, key, own)
        await self._say(order, "new.done_own" if own else "new.done")

    async def ask(self, order: CommandCall, _: Arrived) -> None:
        """`/ask` without a question."""
        await self._say(order, "ask.how")

    async def stop(self, order: CommandCall, _: Arrived) -> None:
        """Stop the running answer; else drop what waits. The reply itself says so.

        In a group that is for whoever asked and for those who lead it.
        """
        key, sender = order.message.chat, order.message.sender
        leads = await self._rights.leads(key, sender)
        running, may = await self._may_end_running(key, sender)
        if may:
            if await self.stop_running(key, running):
                return
        elif not await self._waits(key, sender):
            await self._say(order, "stop.not_yours")
            return
        async with self._store.writing() as tx:
            dropped = await queue.drop_waiting(tx, key, None if leads else sender.id)
        self._reactions.clear(key, dropped)
        await self._say(order, "stop.waiting" if dropped else "stop.nothing")

    async def _waits(self, key: ChatKey, sender: Sender) -> bool:
        async with self._store.reading() as tx:
            return await queue.waits(tx, key, sender.id)

    async def _may_end_running(self, key: ChatKey, sender: Sender) -> tuple[int | None, bool]:
        """The turn that runs, and whether somebody may end it; also when none does."""
        async with self._store.reading() as tx:
            running = await lifecycle.running(tx, key)
        if running is None:
            return None, True
        return running.id, await self._rights.may_end(key, sender, running.sender.id)

    async def stop_running(self, key: ChatKey, turn_id: int | None = None) -> bool:
        """Have the running turn stopped, also by a later process; False when none runs."""
        async with self._store.writing() as tx:
            wished = await lifecycle.stopping(tx, key, turn_id)
        told = self._lanes.stop(key, turn_id)
        if wished and not told:
            self._lanes.wake(key)
        return wished or told

    async def retry(self, order: CommandCall, arrived: Arrived) -> None:
        """Ask the last question again, into the same reply."""
        key, sender = order.message.chat, order.message.sender
        asker = None if key.private else sender.id
        refusal = await self._listening.ask_again(arrived, key, sender, asker=asker)
        if refusal is None:
            await self._say(order, "retry.above")
        elif refusal.key:  # else they were told just now
            await self._say(order, refusal.key, **refusal.values)

    async def settings(self, order: CommandCall, _: Arrived) -> None:
        """Show what the chat can choose; in a group, to those who lead it.

        `/settings wake WORD` changes the word to which a group's bot listens.
        """
        key, language = order.chat, order.message.sender.language
        if not await self._rights.leads(key, order.message.sender):
            await self._say(order, "settings.not_yours")
            return
        what, _space, word = order.argument.partition(" ")
        async with self._store.writing() as tx:
            chosen = await chats.preferences(tx, key)
            if what == "wake" and word.strip() and not key.private:
                word = " ".join(word.split())[: settings_menu.MOST_WORD]
                chosen = replace(chosen, answers=Answers.WAKE, wake_word=word)
                await chats.prefer(tx, key, chosen)
            frame = await self.choices(tx, key, chosen, language)
        await self._notices.send(key, frame, order.cause)

    async def choices(
        self, tx: AsyncConnection, key: ChatKey, chosen: Preferences, language: str
    ) -> PostContent:
        """What a chat can choose, and what counts there."""
        default = await self.default_of(tx, key)
        offered = await agents.offered(tx, self._home.agent_id)
        buttons = settings_menu.keyboard(chosen, default, key, language, offered)
        return PostContent(Rendered(settings_menu.title(key, language)), buttons)

    async def agent(self, order: CommandCall, _: Arrived) -> None:
        """Choose the agent of the chat; in a group, that is for those who lead it."""
        key, language = order.chat, order.message.sender.language
        if not await self._rights.leads(key, order.message.sender):
            await self._say(order, "settings.not_yours")
            return
        async with self._store.reading() as tx:
            chosen = (await chats.counting(tx, key)).agent
            offered = await agents.offered(tx, self._home.agent_id)
            counts = await agents.counting(tx, chosen, self._home.agent_id)
        frame = PostContent(
            Rendered(translate(language, "agent.title" if offered[1:] else "agent.only")),
            settings_menu.agents_keyboard(offered, counts) if offered[1:] else (),
        )
        await self._notices.send(key, frame, order.cause)

    async def privacy(self, order: CommandCall, _: Arrived) -> None:
        """Say what is kept of people."""
        await self.own_data.tell(order)

    async def forget(self, order: CommandCall, _: Arrived) -> None:
        """Delete what is kept of who asks, once they confirm it."""
        await self.own_data.ask(order)

    async def default_of(self, tx: AsyncConnection, key: ChatKey) -> Preferences:
        """What counts in a chat that has chosen nothing: its forum's choices, or everybody's."""
        if not key.thread_id:
            return self._default
        return (await chats.preferences(tx, key.whole)).over(self._default)

    async def _presentation(self, key: ChatKey) -> Agent | None:
        """What the maker of the chat's agent wrote about it; None when Coze cannot say now."""
        async with self._store.reading() as tx:
            chosen = (await chats.counting(tx, key)).agent
            agent_id = await agents.counting(tx, chosen, self._home.agent_id)
        agent, read = self._agents.get(agent_id, (None, float("-inf")))
        if agent is None or time.monotonic() - read > AGENT_SECONDS:
            try:
                agent = await agent_information(self._coze, agent_id)
                self._agents[agent_id] = (agent, time.monotonic())
            except CozeTrouble as trouble:
                log.warning("no greeting from the agent", trouble=str(trouble))
        return agent

    async def _say(self, order: CommandCall, key: str, **values: object) -> None:
        text = translate(order.message.sender.language, key, **values)
        await self._notices.send(order.chat, PostContent(Rendered(text)), order.cause)


COMMANDS: dict[str, Command] = {
    command.name: command
    for command in (
        Command("start", Commands.start),
        Command("help", Commands.help),
        Command("new", Commands.new),
        Command("ask", Commands.ask),
        Command("stop", Commands.stop),
        Command("retry", Commands.retry),
        Command("settings", Commands.settings),
        Command("agent", Commands.agent),
        Command("privacy", Commands.privacy),
        Command("forget", Commands.forget),
    )
}
OWN = ("privacy", "forget")
"""What everybody may do, also who is not let in."""
