"""What the endpoints share: everything the emulated Coze knows, and how a run starts."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile

from bridge.sandbox.coze.accounts import Accounts, Token
from bridge.sandbox.coze.change_signal import ChangeSignal
from bridge.sandbox.coze.endpoints.incoming import ChatRequest, Incoming
from bridge.sandbox.coze.faults import Faults
from bridge.sandbox.coze.ids import Ids
from bridge.sandbox.coze.performance import Performance
from bridge.sandbox.coze.profiles import Profile
from bridge.sandbox.coze.quirks import Quirks
from bridge.sandbox.coze.refusals import Refusal, no_agent, no_chat, no_conversation
from bridge.sandbox.coze.resources.agents import Agent
from bridge.sandbox.coze.resources.conversations import Conversation, Message
from bridge.sandbox.coze.resources.downloads import Downloads
from bridge.sandbox.coze.resources.runs import RUNNING, Pace, Run
from bridge.sandbox.coze.resources.transcripts import Transcripts
from bridge.sandbox.coze.resources.uploads import Shelf, Upload
from bridge.sandbox.coze.scripts import Script, Turn, chosen
from bridge.sandbox.coze.scripts.steps import Attachment
from bridge.sandbox.coze.stream import Streams
from bridge.sandbox.journal import Journal


@dataclass(frozen=True)
class Request:
    """One request as it came, and how it was answered."""

    at_loop_time: float
    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, object]
    """The parsed JSON body, empty when there was none."""
    bot_id: str
    conversation_id: str
    code: int | str
    """0, or the refusal's code."""
    logid: str


@dataclass(frozen=True)
class Asked:
    """A chat request that started a run."""

    question: str
    conversation_id: str
    chat_id: str
    user_id: str
    stream: bool
    attachments: tuple[Attachment, ...] = ()
    """The media items of the question, whether the agent notices them or not."""


@dataclass(eq=False)
class Rule:
    """Which script answers, when, and how many more times."""

    script: Script
    for_text: str | None
    times: int | None


@dataclass(eq=False)
class State:
    """The emulated Coze."""

    journal: Journal
    clock: Callable[[], float]
    profile: Profile
    audience: str | None
    ids: Ids
    bell: ChangeSignal
    accounts: Accounts
    streams: Streams
    downloads: Downloads
    agents: dict[str, Agent] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    performances: dict[str, Performance] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    feedback: dict[str, str] = field(default_factory=dict)
    hearing: Transcripts = field(default_factory=Transcripts)
    rules: list[Rule] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    pace: Pace = field(default_factory=Pace)
    largest_body: int = 15 * 1024 * 1024
    largest_file: int = 512 * 1024 * 1024
    waiting_run_occupies: bool = True
    quirks: Quirks = field(default_factory=Quirks)

    def now(self) -> int:
        """Unix time in whole seconds."""
        return int(self.clock())

    def shelf(self, token: Token) -> Shelf:
        """Return the uploads this token's account may name."""
        return Shelf(self.uploads, token.account, deaf=self.profile.studio)

    def agent(self, bot_id: str, token: Token) -> Agent:
        """Return the published agent of that id; raises Refusal 4200 (or 4006), 4015 or 4101."""
        agent = self.agents.get(bot_id)
        if agent is None:
            raise no_agent(bot_id, self.quirks.unknown_agent_code)
        if token.agents is not None and bot_id not in token.agents:
            raise Refusal(4101, f"The token you entered may not chat with bot_id={bot_id}")
        if not agent.published:
            raise Refusal(
                4015, f"The bot_id {bot_id} has not been published to the channel Agent As API."
            )
        return agent

    def conversation(self, conversation_id: str, token: Token) -> Conversation:
        """Return a conversation of this token's owner; raises Refusal 4002."""
        found = self.conversations.get(conversation_id)
        if found is None or not found.belongs(token.account, token.session_name):
            raise no_conversation(conversation_id, self.quirks.lost_conversation_code)
        return found

    def run(self, conversation_id: str, chat_id: str, token: Token) -> Run:
        """Return a run of that conversation whose history is kept; raises Refusal 4001 or 4002."""
        conversation = self.conversation(conversation_id, token)
        run = self.runs.get(chat_id)
        if run is None or run.conversation is not conversation or not run.saved:
            raise no_chat(chat_id)
        return run

    def new_conversation(
        self,
        bot_id: str,
        token: Token,
        *,
        name: str = "",
        meta_data: Mapping[str, str] | None = None,
        connector_id: str = "1024",
    ) -> Conversation:
        """Open a conversation; its first section has its own id."""
        new_id = self.ids.take()
        conversation = Conversation(
            id=new_id,
            bot_id=bot_id,
            account=token.account,
            session_name=token.session_name,
            section_id=new_id,
            created_at=self.now(),
            updated_at=self.now(),
            name=name,
            connector_id=connector_id,
            meta_data=dict(meta_data or {}),
        )
        self.conversations[new_id] = conversation
        return conversation

    def occupied(self, conversation: Conversation) -> bool:
        """Return whether a run is active in that conversation."""
        states = (*RUNNING, self.profile.requires_action) if self.waiting_run_occupies else RUNNING
        return any(
            run.conversation is conversation and run.status in states for run in self.runs.values()
        )

    def store(
        self, conversation: Conversation, message: Incoming, user_id: str, chat_id: str
    ) -> Message:
        """Store one incoming message at the end of a conversation."""
        stored = Message(
            id=self.ids.take(),
            conversation_id=conversation.id,
            section_id=conversation.section_id,
            bot_id=conversation.bot_id if message.role == "assistant" else "",
            chat_id=chat_id,
            user_id=user_id,
            role=message.role,
            type=message.type,
            content=message.content,
            content_type=message.content_type,
            created_at=self.now(),
            meta_data=message.meta_data,
            text=message.text,
        )
        conversation.messages.append(stored)
        return stored

    def start(
        self,
        conversation: Conversation,
        agent: Agent,
        request: ChatRequest,
        wrap: Callable[[Script], Script],
        base: str,
    ) -> Run:
        """Start a run as a task of its own; `base` is where its links lead."""
        link = partial(self.downloads.link, base)
        turn = replace(_turn_of(conversation, request, agent), link=link)
        run = Run(
            chat_id=self.ids.take(),
            conversation=conversation,
            section_id=conversation.section_id,
            bot_id=agent.bot_id,
            user_id=request.user_id,
            question=turn.question,
            stream=request.stream,
            saved=request.auto_save_history,
            created_at=self.now(),
            meta_data=request.meta_data,
            usage=(sum(len(text) for _, text in (*turn.earlier, ("", turn.question))) // 4 + 1, 0),
        )
        if run.saved:
            for message in request.messages:
                self.store(conversation, typed(message), run.user_id, run.chat_id)
        script = wrap(self._script_for(turn))
        performance = Performance(
            run,
            script,
            turn,
            self.profile,
            self.ids,
            self.clock,
            lambda: self.pace,
            self.bell,
            self.quirks,
        )
        self.runs[run.chat_id] = run
        self.performances[run.chat_id] = performance
        run.task = asyncio.create_task(performance.play())
        given = _given(request)
        self.asked.append(
            Asked(run.question, conversation.id, run.chat_id, run.user_id, run.stream, given)
        )
        self.bell.ring()
        return run

    def _script_for(self, turn: Turn) -> Script:
        """Return the script that `use` set for this question, else the one the question asks for."""
        fitting = [
            rule
            for rule in self.rules
            if rule.times != 0 and rule.for_text is not None and rule.for_text in turn.question
        ] or [rule for rule in self.rules if rule.times != 0 and rule.for_text is None]
        if not fitting:
            return chosen(turn)
        counted = [rule for rule in fitting if rule.times is not None]
        rule = counted[0] if counted else fitting[-1]
        if rule.times is not None:
            rule.times -= 1
        return rule.script


def typed(message: Incoming) -> Incoming:
    """Return the message with the type its role implies, when the request left it out."""
    if message.type:
        return message
    return replace(message, type="question" if message.role == "user" else "answer")


def _turn_of(conversation: Conversation, request: ChatRequest, agent: Agent) -> Turn:
    """Return the question, and what came before it.

    Without messages in the request the last stored message is the question. A message of files
    only belongs to the text in front of it.
    """
    earlier = [
        (message.role, message.text or message.content)
        for message in conversation.context(request.user_id)
        if message.type in ("question", "answer", "")
    ]
    if not request.messages:
        return Turn(earlier[-1][1], (), tuple(earlier[:-1]), agent.name)
    earlier += [(message.role, message.text) for message in request.messages[:-1]]
    last = request.messages[-1]
    question = last.text
    if not question and len(request.messages) > 1:
        _, question = earlier.pop()
    noticed = tuple(item for item in _given(request) if agent.senses(item.kind))
    return Turn(question, noticed, tuple(earlier), agent.name)


def _given(request: ChatRequest) -> tuple[Attachment, ...]:
    """Return the attachments of the question: of the user's messages at the end of the request."""
    said = takewhile(lambda message: message.role == "user", reversed(request.messages))
    return tuple(item for message in reversed(list(said)) for item in message.attachments)
