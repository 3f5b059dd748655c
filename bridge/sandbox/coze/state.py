"""What the endpoints share: everything the emulated Coze knows, and how a run starts."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from bridge.sandbox.coze.accounts import Accounts, Token
from bridge.sandbox.coze.change_signal import ChangeSignal
from bridge.sandbox.coze.endpoints.incoming import ChatRequest, Incoming
from bridge.sandbox.coze.endpoints.questions import given, input_tokens, turn_of, typed
from bridge.sandbox.coze.faults import Faults
from bridge.sandbox.coze.ids import Ids
from bridge.sandbox.coze.performance import Performance
from bridge.sandbox.coze.profiles import Profile
from bridge.sandbox.coze.quirks import Quirks
from bridge.sandbox.coze.refusals import Refusal, no_agent, no_chat, no_conversation
from bridge.sandbox.coze.resources.agents import Agent
from bridge.sandbox.coze.resources.conversations import Conversation, Message
from bridge.sandbox.coze.resources.downloads import Downloads
from bridge.sandbox.coze.resources.records import Asked, Request, Rule
from bridge.sandbox.coze.resources.runs import RUNNING, Pace, Run
from bridge.sandbox.coze.resources.suspended import (
    WAITING_SECONDS,
    Suspended,
    answered,
    continued,
)
from bridge.sandbox.coze.resources.transcripts import Transcripts
from bridge.sandbox.coze.resources.uploads import Shelf, Upload
from bridge.sandbox.coze.resources.variables import Variables
from bridge.sandbox.coze.scripts import Script, Turn, chosen
from bridge.sandbox.coze.scripts.steps import Attachment, Step, Steps
from bridge.sandbox.coze.stream import Streams
from bridge.sandbox.coze.workflows.library import Library
from bridge.sandbox.journal import Journal


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
    variables: Variables
    library: Library = field(default_factory=Library)
    agents: dict[str, Agent] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    suspended: dict[str, Suspended] = field(default_factory=dict)
    """The scripts that wait for an answer, by their conversation."""
    performances: dict[str, Performance] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    feedback: dict[str, str] = field(default_factory=dict)
    hearing: Transcripts = field(default_factory=Transcripts)
    rules: list[Rule] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    pace: Pace = field(default_factory=Pace)
    largest_body: int = 15 * 1024 * 1024
    largest_flow_body: int = 20 * 1024 * 1024
    largest_file: int = 512 * 1024 * 1024
    gateway_seconds: float = 90
    """How long the gateway waits for a synchronous run of a workflow, in seconds of the loop."""
    waiting_run_occupies: bool = True
    quirks: Quirks = field(default_factory=Quirks)

    def now(self) -> int:
        """Return the Unix time in whole seconds."""
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
        if run.workflow_id and not self.quirks.flow.retrievable:
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
            run.conversation is conversation
            and run.status in (RUNNING if run.workflow_id else states)
            for run in self.runs.values()
        )

    def store(
        self, conversation: Conversation, message: Incoming, user_id: str, chat_id: str
    ) -> Message:
        """Add one incoming message to the end of a conversation, and return it as stored."""
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
        known = self._known(conversation, agent, request)
        turn = replace(turn_of(conversation, request, agent), link=link, known=known)
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
            values=request.values,
            usage=(input_tokens(turn), 0),
        )
        if run.saved:
            for message in request.messages:
                self.store(conversation, typed(message), run.user_id, run.chat_id)
        rest = self.rest_of_script(conversation, turn.question)
        script = wrap(rest or self.script_for(turn))
        performance = Performance(
            run=run,
            script=script,
            turn=turn,
            profile=self.profile,
            ids=self.ids,
            clock=self.clock,
            pace=lambda: self.pace,
            bell=self.bell,
            quirks=self.quirks,
            suspend=self.keeper(conversation),
        )
        self.begin(run, performance, given(request), rest is not None)
        return run

    def begin(
        self, run: Run, performance: Performance, given: tuple[Attachment, ...], resumes: bool
    ) -> None:
        """Let a run begin, and write down what it was asked."""
        self.runs[run.chat_id] = run
        self.performances[run.chat_id] = performance
        run.task = asyncio.create_task(performance.play())
        asked = Asked(
            question=run.question,
            conversation_id=run.conversation_id,
            chat_id=run.chat_id,
            user_id=run.user_id,
            stream=run.stream,
            attachments=given,
            values=run.values,
            meta_data=run.meta_data,
            workflow_id=run.workflow_id,
            app_id=run.app_id,
            resumes=resumes,
        )
        self.asked.append(asked)
        self.bell.ring()

    def _known(
        self, conversation: Conversation, agent: Agent, request: ChatRequest
    ) -> dict[str, Mapping[str, object]]:
        """Return what the agent gets beside the messages; parameters are for one in chatflow mode."""
        values = request.values
        place = (
            conversation.account,
            conversation.session_name,
            request.user_id,
            conversation.connector_id,
            agent.bot_id,
        )
        variables = self.variables.read(place).items()
        return {
            "custom variable": values.custom_variables,
            "parameter": values.parameters if agent.chatflow else {},
            "user variable": {name: kept.value for name, kept in variables},
            "position": values.extra_params,
        }

    def keeper(
        self, conversation: Conversation, workflow_id: str = ""
    ) -> Callable[[Steps, Step], None]:
        """Return what keeps a script of that conversation until the next run answers it."""

        def keep(steps: Steps, step: Step) -> None:
            expires = self.clock() + WAITING_SECONDS
            self.suspended[conversation.id] = Suspended(steps, step, workflow_id, expires)

        return keep

    def rest_of_script(
        self, conversation: Conversation, reply: str, workflow_id: str = ""
    ) -> Script | None:
        """Take the script that waits in the conversation for this reply; None when none does.

        A chatflow that waits is the same one's to answer; the self-hosted server takes any.
        """
        waiting = self.suspended.get(conversation.id)
        if waiting is None or waiting.expires_at <= self.clock():
            return None
        foreign = waiting.workflow_id != workflow_id
        if foreign and not (self.profile.studio and waiting.workflow_id and workflow_id):
            return None
        del self.suspended[conversation.id]
        return continued(waiting, answered(reply))

    def script_for(self, turn: Turn) -> Script:
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
