"""The emulated Coze, as tests and the sandbox hold it."""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from hashlib import sha256
from typing import Literal

from bridge.sandbox.coze.accounts import Accounts, Token
from bridge.sandbox.coze.assertions import HOME, OAuthApp
from bridge.sandbox.coze.change_signal import ChangeSignal
from bridge.sandbox.coze.faults import AsEvent, Delay, Failure, Loss, StreamFault
from bridge.sandbox.coze.ids import Ids
from bridge.sandbox.coze.inspection import Inspection
from bridge.sandbox.coze.profiles import ProfileName, profile_named
from bridge.sandbox.coze.quirks import Quirks
from bridge.sandbox.coze.resources.agents import DEFAULT_BOT_ID, Agent
from bridge.sandbox.coze.resources.downloads import DownloadFault, Downloads
from bridge.sandbox.coze.resources.records import Rule
from bridge.sandbox.coze.resources.runs import Pace
from bridge.sandbox.coze.resources.sample_files import SampleFile
from bridge.sandbox.coze.resources.variables import Variables
from bridge.sandbox.coze.scripts import Script, script_named
from bridge.sandbox.coze.server import CozeApp, build_app
from bridge.sandbox.coze.state import State
from bridge.sandbox.coze.stream import Streams
from bridge.sandbox.coze.workflows.control import WorkflowControl
from bridge.sandbox.journal import Journal

PROLOGUE = (
    "Hi {{user_name}}! 👋 I am the sandbox agent. Ask me anything, or ask for a **long** answer, "
    "a **table**, some **code**.\n\n您好！我是沙箱里的智能体，请随便问。"
)
SUGGESTED_QUESTIONS = (
    "Show me all of Markdown",
    "Write some Python code",
    "Tell me a long story about lighthouses",
)


STREAMS = ("/v3/chat", "/v1/workflows/chat", "/v1/workflow/stream_run")
"""The paths whose errors may be events."""


class CozeEmulator(Inspection, WorkflowControl):
    """A strict Coze open API over HTTP, with one account, its agents and its conversations."""

    def __init__(
        self,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.time,
        profile: ProfileName = "com",
        audience: str | None = None,
    ) -> None:
        """`clock` gives Unix seconds; `audience` None accepts the Host header's host as `aud`."""
        bell = ChangeSignal()
        self.state = State(
            journal=journal or Journal(),
            clock=clock,
            profile=profile_named(profile),
            audience=audience,
            ids=Ids(clock),
            bell=bell,
            accounts=Accounts(clock),
            streams=Streams(bell),
            downloads=Downloads(clock),
            variables=Variables(clock),
        )
        self.app: CozeApp = build_app(self.state)

    # --- what exists ---

    def add_agent(
        self,
        bot_id: str = DEFAULT_BOT_ID,
        name: str = "Sandbox agent",
        prologue: str = PROLOGUE,
        suggested_questions: Sequence[str] = SUGGESTED_QUESTIONS,
        published: bool = True,
        description: str = "Answers without knowing anything.",
        sees: bool = True,
        hears: bool = True,
        chatflow: bool = False,
    ) -> Agent:
        """Add an agent, or replace the one with that id.

        Without `sees` or `hears` it answers as if no picture or no recording had been sent. One in
        the mode of a single `chatflow` gets the `parameters` of a chat.
        """
        agent = Agent(
            bot_id=bot_id,
            name=name,
            prologue=prologue,
            suggested_questions=tuple(suggested_questions),
            published=published,
            description=description,
            created_at=self.state.now(),
            sees=sees,
            hears=hears,
            chatflow=chatflow,
        )
        self.state.agents[bot_id] = agent
        return agent

    def add_token(
        self, value: str, permissions: Collection[str] | None = None, account: str = HOME
    ) -> Token:
        """Accept a personal access token; `permissions` None gives it all of them.

        Another `account` sees neither the files nor the conversations of this one.
        """
        return self.state.accounts.add_token(value, permissions, account)

    def remove_token(self, value: str) -> None:
        """Stop accepting this token."""
        self.state.accounts.tokens.pop(value, None)

    def add_oauth_app(
        self,
        client_id: str,
        public_key_pem: str,
        kid: str = "kid-1",
        active: bool = True,
        account: str = HOME,
    ) -> OAuthApp:
        """Register a public key of a JWT service app; call it again for its further keys."""
        return self.state.accounts.add_app(client_id, public_key_pem, kid, active, account)

    def revoke_tokens(self) -> None:
        """Forget every access token that came from an exchange."""
        self.state.accounts.revoke()

    def forget_conversation(self, conversation_id: str) -> None:
        """Forget a conversation: it is unknown (4002, or 4200 by a quirk) from now on."""
        self.state.conversations.pop(conversation_id, None)

    # --- what happened ---

    @property
    def pace(self) -> Pace:
        """How fast answers are written."""
        return self.state.pace

    @pace.setter
    def pace(self, pace: Pace) -> None:
        self.state.pace = pace

    @property
    def token_seconds(self) -> float | None:
        """The longest life of an access token, whatever was asked for; None for no limit."""
        return self.state.accounts.token_seconds

    @token_seconds.setter
    def token_seconds(self, seconds: float | None) -> None:
        self.state.accounts.token_seconds = seconds

    @property
    def expired_code(self) -> int:
        """How an expired or revoked access token is refused: 4100, or 700012006."""
        return self.state.accounts.expired_code

    @expired_code.setter
    def expired_code(self, code: int) -> None:
        self.state.accounts.expired_code = code

    @property
    def link_seconds(self) -> float:
        """How long the signed links of new answers are valid, by the emulator's clock."""
        return self.state.downloads.seconds

    @link_seconds.setter
    def link_seconds(self, seconds: float) -> None:
        self.state.downloads.seconds = seconds

    def publish(self, name: str, content: bytes, content_type: str) -> None:
        """Put a file where signed links lead, beside the ones of the scripts or in their place."""
        self.state.downloads.published[name] = SampleFile(content, content_type)

    def link(self, base: str, name: str) -> str:
        """Return a signed link to a file; `base` is the emulator's address, without a trailing slash."""
        return self.state.downloads.link(base, name)

    @property
    def quirks(self) -> Quirks:
        """What is done in one of several ways that real Cozes have."""
        return self.state.quirks

    def use(
        self,
        script: Script | str | None,
        *,
        for_text: str | None = None,
        times: int | None = None,
    ) -> None:
        """Set the script, or its name, that answers from now on.

        With `for_text` it answers questions that contain the text, which goes before one without.
        `times` scripts are used up in the order they were set; without `times` the newest counts.
        None goes back to choosing by the question. Raises ValueError for an unknown name.
        """
        if script is None:
            self.state.rules.clear()
            return
        chosen = script_named(script) if isinstance(script, str) else script
        self.state.rules.append(Rule(chosen, for_text, times))

    def transcript(self, recording: bytes | str, text: str) -> None:
        """Say what a recording says, which is given by its content or its SHA-256."""
        digest = recording if isinstance(recording, str) else sha256(recording).hexdigest()
        self.state.hearing.by_content[digest] = text

    def next_transcript(self, text: str) -> None:
        """Say what the next recording says that has no transcript of its own."""
        self.state.hearing.coming.append(text)

    def fail(
        self,
        path: str,
        code: int | str = 4013,
        msg: str = "The model service is busy. Please try again later.",
        http: int = 200,
        times: int = 1,
        as_event: AsEvent | Literal[False] = False,
    ) -> None:
        """Refuse the next `times` requests of `path`, which may have its method in front.

        `as_event` is for streams: an `error` event `first` or `mid`, an `empty` one, or a chat that
        `failed` in one of three shapes. On the token endpoint `code` is an OAuth error code.
        """
        event = as_event or None
        if event and not path.endswith(STREAMS):
            raise ValueError(f"as_event is for streams only: {', '.join(STREAMS)}")
        self.state.faults.failures.append(
            Failure(path=path, code=code, msg=msg, http=http, times=times, as_event=event)
        )

    def fail_gateway(
        self, path: str, http: int = 504, reason: str = "Gateway Time-out", times: int = 1
    ) -> None:
        """Answer the next `times` requests of `path` with the gateway's HTML page."""
        failure = Failure(path=path, code=http, msg=reason, http=http, times=times, html=True)
        self.state.faults.failures.append(failure)

    def delay(self, path: str, seconds: float, times: int = 1) -> None:
        """Hold the headers of the next `times` answers of `path` back, in seconds of the loop."""
        self.state.faults.delays.append(Delay(path, seconds, times))

    def lose_answer(self, path: str, times: int = 1) -> None:
        """Process the next `times` requests of `path`, but reset the connection unanswered."""
        self.state.faults.losses.append(Loss(path, times))

    def drop_stream(
        self,
        after_events: int | None = None,
        times: int = 1,
        *,
        after_bytes: int | None = None,
        clean_eof: bool = False,
    ) -> None:
        """Reset the connection of the next `times` streams after n events or body bytes.

        `clean_eof` ends the response properly in place of a reset, yet without a `done`. The run
        goes on by itself either way.
        """
        if after_events is None and after_bytes is None:
            after_events = 5
        fault = StreamFault(after_events, after_bytes, clean_eof)
        self.state.faults.streams.extend([fault] * times)

    def stall_stream(self, after_events: int, seconds: float, times: int = 1) -> None:
        """Let the next `times` streams fall silent after n events, for `seconds` of the loop."""
        fault = StreamFault(after_events, stall_seconds=seconds)
        self.state.faults.streams.extend([fault] * times)

    def spoil_downloads(
        self,
        times: int = 1,
        *,
        after_bytes: int | None = None,
        content_type: str = "",
        endless: bool = False,
        stall_seconds: float = 0.0,
    ) -> None:
        """Let the next `times` downloads go wrong.

        The connection is reset after n bytes; they are said to be of another type; they never end
        and do not say how long they are; they pause in the middle, in seconds of the loop.
        """
        fault = DownloadFault(after_bytes, content_type, endless, stall_seconds)
        self.state.downloads.faults.extend([fault] * times)

    def mend(self) -> None:
        """Take back every fault that was ordered and did not come yet."""
        faults = self.state.faults
        for ordered in (faults.failures, faults.delays, faults.losses, faults.streams):
            ordered.clear()
        self.state.downloads.faults.clear()

    # --- waiting and ending ---

    async def until(
        self,
        predicate: Callable[[], object],
        timeout: float = 20.0,  # noqa: ASYNC109 - the caller says how long a test may wait
        what: str = "",
    ) -> None:
        """Wait until `predicate` is true; raises TimeoutError after `timeout` loop seconds."""
        await self.state.bell.until(predicate, timeout, what)

    async def close(self) -> None:
        """End every run and stream at once."""
        await self.state.streams.close()
        runs = list(self.runs.values())
        runs += [run for execution in self.executions.values() for run in execution.runs]
        tasks = [run.task for run in runs if run.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
