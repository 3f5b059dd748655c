"""Play the script of a run: a task of its own, whoever listens to it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bridge.sandbox.coze.change_signal import ChangeSignal
from bridge.sandbox.coze.framing import (
    CUT,
    EOF,
    Frame,
    compact,
    error_data,
    event_frame,
    raw_frame,
    torn_frame,
)
from bridge.sandbox.coze.ids import Ids
from bridge.sandbox.coze.profiles import Profile
from bridge.sandbox.coze.quirks import Quirks
from bridge.sandbox.coze.resources.conversations import Message
from bridge.sandbox.coze.resources.run_views import chat_view, event_view, message_view
from bridge.sandbox.coze.resources.runs import RUNNING, Pace, Run
from bridge.sandbox.coze.scripts.steps import (
    INTERRUPT,
    INTERRUPTED_FINISH,
    Ask,
    Audio,
    Complete,
    Completed,
    Cut,
    Delta,
    EndWithoutChat,
    Event,
    Fail,
    Open,
    Outputs,
    Raw,
    Require,
    Script,
    Silence,
    Step,
    Steps,
    Turn,
)


@dataclass(eq=False)
class Performance:
    """Plays a script for a run, step by step, at a pace."""

    run: Run
    script: Script
    turn: Turn
    profile: Profile
    ids: Ids
    clock: Callable[[], float]
    pace: Callable[[], Pace]
    bell: ChangeSignal
    quirks: Quirks
    suspend: Callable[[Steps, Step], None]
    """Takes a script that waits for what the next run of the conversation is asked."""
    _texts: dict[str, str] = field(default_factory=dict)
    _thoughts: dict[str, str] = field(default_factory=dict)
    _opened: dict[str, tuple[str, int]] = field(default_factory=dict)
    _outputs: asyncio.Future[Outputs] | None = None
    _delta_seen: bool = False
    _over: bool = False
    """Whether the terminal chat event, or what stands for it, was sent."""

    def _ring(self) -> None:
        self.run.bell.ring()
        self.bell.ring()

    async def play(self) -> None:
        """Play the whole run, from chat.created to the end of its stream."""
        try:
            self._chat_event("created")
            self.run.status = "in_progress" if self.run.status == "created" else self.run.status
            self._chat_event("in_progress")
            await self._steps()
            if not self._over:
                self._complete()
            self._end_of_stream()
        finally:
            if not self.run.frames or self.run.frames[-1] is not EOF:
                self._emit(EOF)  # the script broke, or the emulator closes
            if self.run.status in RUNNING:
                self.run.status = "failed"
            self.run.ended = True
            self._ring()

    async def _steps(self) -> None:
        steps = self.script(self.turn)
        try:
            step = next(steps)
            while True:
                step = self._adapted(step)
                await self._wait(step)
                outputs: Outputs = {}
                if isinstance(step, Require) and not self._pauses(step):
                    outputs = await self._require(step)
                else:
                    self._do(step)
                self._ring()
                if isinstance(step, Fail):
                    return
                if self._pauses(step):
                    self.suspend(steps, step)
                    return
                step = steps.send(outputs)
        except StopIteration:
            return

    def _adapted(self, step: Step) -> Step:
        """Return what becomes of a step; some are not possible everywhere."""
        return step

    def _pauses(self, step: Step) -> bool:
        """Return whether the script goes on in another run only."""
        return isinstance(step, Ask)

    async def _wait(self, step: Step) -> None:
        pace, seconds = self.pace(), 0.0
        if isinstance(step, Silence):
            seconds = step.seconds * pace.silence
        elif isinstance(step, Delta):
            seconds = pace.delta if self._delta_seen else pace.first_delta
            self._delta_seen = True
        await asyncio.sleep(seconds)

    def _do(self, step: Step) -> None:
        match step:
            case Open(key):
                self._id_of(key)
            case Delta():
                self._delta(step)
            case Completed():
                self._completed(step)
            case Raw(text):
                self._emit(raw_frame(text))
            case Event(name, data):
                self._event(name, data)
            case Audio(key, content):
                view = self._fragment_view(self._message(key, "answer", content, "audio"), "")
                self._event("conversation.audio.delta", compact(view), content)
            case Cut():
                self._emit(CUT)
            case Fail():
                self._fail(step)
            case Ask():
                self._ask(step)
            case Complete():
                self._complete()
            case EndWithoutChat():
                self._end_without_chat()
            case _:
                pass

    def _emit(self, frame: Frame) -> None:
        if frame is EOF and self.run.frames:  # nobody has written the last one yet
            last = self.run.frames[-1]
            self.run.frames[-1] = replace(last, data=self.quirks.ended(last.data))
        self.run.frames.append(frame)

    def _event(self, name: str, data: str, shown: str = "", *, torn: bool = False) -> None:
        """Emit an event; the stream of a `torn` one ends right behind its data."""
        self._emit(torn_frame(name, data) if torn else event_frame(name, data, shown))

    def _chat_event(self, name: str, view: dict[str, object] | None = None) -> None:
        self._event(f"conversation.chat.{name}", compact(view or self._chat_view(name)), name)
        self._ring()

    def _chat_view(self, status: str) -> dict[str, object]:
        return chat_view(self.run, status=status, created=status != "created")

    def _fragment_view(self, message: Message, reasoning: str) -> dict[str, object]:
        return event_view(message, at=None, reasoning=reasoning)

    def _whole_view(self, message: Message) -> dict[str, object]:
        return message_view(message)

    def _id_of(self, key: str) -> tuple[str, int]:
        if key not in self._opened:
            self._opened[key] = (self.ids.take(), int(self.clock()))
        return self._opened[key]

    def _message(self, key: str, kind: str, content: str, content_type: str) -> Message:
        message_id, at = self._id_of(key)
        return Message(
            id=message_id,
            conversation_id=self.run.conversation_id,
            section_id=self.run.section_id,
            bot_id=self.run.bot_id,
            chat_id=self.run.chat_id,
            user_id=self.run.user_id,
            role="assistant",
            type=kind,
            content=content,
            content_type=content_type,
            created_at=at,
            updated_at=int(self.clock()),
            reasoning_content=self._thoughts.get(key, ""),
        )

    def _delta(self, step: Delta) -> None:
        message = self._message(step.key, "answer", step.text, step.content_type)
        self._texts[step.key] = self._texts.get(step.key, "") + step.text
        if step.reasoning:
            self._thoughts[step.key] = self._thoughts.get(step.key, "") + step.reasoning
        view = self._fragment_view(message, step.reasoning)
        shown = step.text or step.reasoning
        self._event("conversation.message.delta", compact(view), shown)

    def _completed(self, step: Completed) -> None:
        content = self._texts.get(step.key, "") if step.content is None else step.content
        message = self._message(step.key, step.type, content, step.content_type)
        if not step.again:
            self.run.messages.append(message)
            if step.type == "answer" and content and self.run.saved:
                self.run.conversation.messages.append(message)
            output = sum(len(text) for text in (content, message.reasoning_content))
            if step.type == "answer":
                self.run.usage = (self.run.usage[0], self.run.usage[1] + (output + 3) // 4)
        shown = f"[{step.type}] {content}"
        view = self._whole_view(message)
        self._event("conversation.message.completed", compact(view), shown)

    def _ask(self, step: Ask) -> None:
        self._delta(Delta("question", step.in_words))
        self._completed(Completed("question"))
        self._completed(Completed("interrupt", INTERRUPT, type="verbose"))
        self._completed(Completed("finish", INTERRUPTED_FINISH, type="verbose"))
        self._end_without_chat()

    def _complete(self) -> None:
        self._over = True
        self.run.completed_at = int(self.clock())
        if self.run.status in RUNNING:
            self.run.status = "completed"
        self._chat_event("completed")

    def _end_without_chat(self) -> None:
        self._over = True
        self.run.completed_at = int(self.clock())
        if self.run.status in RUNNING:
            self.run.status = "completed"
        if self.profile.studio:  # the self-hosted server does send the terminal event here
            self._chat_event("completed")

    def _fail(self, step: Fail) -> None:
        self._over = True
        self.run.failed_at = self.run.completed_at = int(self.clock())
        self.run.last_error = (int(step.code), step.msg)
        if self.run.status in RUNNING:
            self.run.status = "failed"
        self._failure(step)
        self._emit(EOF)

    def _failure(self, step: Fail) -> None:
        bare = error_data(step.code, step.msg)
        if step.shape == "empty":
            self._event("error", "{}", torn=True)
        elif step.shape == "event" or self.profile.studio:
            self._event("error", bare)
        elif step.shape == "bare":
            self._event("conversation.chat.failed", bare, torn=True)
        elif step.shape == "string":
            string = error_data(str(step.code), step.msg)
            self._event("conversation.chat.failed", string, torn=True)
        else:
            self._chat_event("failed")
            self._emit(self._done())

    def _end_of_stream(self) -> None:
        if self.run.frames[-1] is not EOF:
            self._emit(self._done())
            self._emit(EOF)

    def _done(self) -> Frame:
        name = "conversation.stream.done" if self.profile.studio else "done"
        return Frame("event", self.profile.end.encode(), name, "")

    async def _require(self, step: Require) -> Outputs:
        """End this stream, wait for the outputs, and go on in the next one."""
        run = self.run
        run.calls, run.interrupted = step.calls, True
        run.completed_at = int(self.clock())
        if run.status in RUNNING:
            run.status = self.profile.requires_action
        self._outputs = asyncio.get_running_loop().create_future()
        self._chat_event(
            "requires_action", chat_view(run, status=self.profile.requires_action, created=True)
        )
        self._emit(self._done())
        self._emit(EOF)
        self._ring()
        return await self._outputs

    def resume(self, outputs: Outputs) -> None:
        """Hand in the outputs of every tool call and go on."""
        assert self._outputs is not None  # noqa: S101 - the status says so
        waiting, self._outputs = self._outputs, None
        self.run.calls = ()
        self.run.status = "in_progress"
        self._chat_event("in_progress")
        waiting.set_result(outputs)

    def cancel(self) -> None:
        """Cancel the run by its status; the cloud lets it go on, the self-hosted server ends it."""
        run = self.run
        run.status = self.profile.canceled
        run.cancelled_at = asyncio.get_running_loop().time()
        run.conversation.left_out.add(run.chat_id)
        if self.profile.studio and run.task is not None:
            run.task.cancel()
            self._chat_event("cancelled")
            self._emit(self._done())
            self._emit(EOF)
        self._ring()
