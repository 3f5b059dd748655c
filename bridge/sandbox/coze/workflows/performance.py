"""Play a script as a chatflow: the events of `/v1/workflows/chat`, of the cloud and self-hosted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bridge.sandbox.coze.framing import Frame, compact, error_data, event_bytes
from bridge.sandbox.coze.performance import Performance
from bridge.sandbox.coze.resources.conversations import Message
from bridge.sandbox.coze.resources.runs import RUNNING
from bridge.sandbox.coze.scripts.steps import (
    FINISHED,
    INTERRUPT,
    INTERRUPTED_FINISH,
    Ask,
    Completed,
    Delta,
    Fail,
    Require,
    Step,
)
from bridge.sandbox.coze.workflows.cards import form_card, question_card
from bridge.sandbox.coze.workflows.quirks import FlowQuirks
from bridge.sandbox.coze.workflows.views import (
    chat_view,
    debug_url,
    message_view,
    shuffled,
    studio_chat_view,
    studio_message_view,
)

EXECUTE_FAILURE = 720701013
EMPTY_RESULT = (
    '{"msg_type":"empty result","data":"empty result","from_module":null,"from_unit":null}'
)


def error_text(code: int | str, msg: str) -> str:
    """Return an error as the plain text of a broken infrastructure."""
    return f"workflow execution failed: code={code} message={msg}"


@dataclass(eq=False, kw_only=True)
class ChatflowPerformance(Performance):
    """Plays a script for a run of a chatflow on the cloud."""

    execute_id: str
    follow_ups: bool
    """Whether questions are suggested."""
    _events: int = 0

    @property
    def _flow(self) -> FlowQuirks:
        return self.quirks.flow

    @property
    def _debug_url(self) -> str:
        return debug_url(self.profile.name, self.execute_id, self.run.workflow_id)

    def _adapted(self, step: Step) -> Step:
        if isinstance(step, Require):  # a tool at the client has nobody to answer it here
            return Fail(EXECUTE_FAILURE, "local plugins are not supported in a chatflow")
        return step

    def _event(self, name: str, data: str, shown: str = "", *, torn: bool = False) -> None:
        raw = self._framed(name, data)
        self._emit(Frame("event", raw.rstrip(b"\n") if torn else raw, name, shown or data))

    def _framed(self, name: str, data: str) -> bytes:
        number = self._events if self._flow.event_ids else None
        self._events += 1
        return event_bytes(name, data, spaced=True, number=number)

    def _message(self, key: str, kind: str, content: str, content_type: str) -> Message:
        message = super()._message(key, kind, content, content_type)
        message_id = self.ids.take() if self._flow.toy_ids else message.id
        return replace(message, id=message_id, user_id="")  # the conversation is everybody's

    def _dressed(self, view: Mapping[str, object]) -> dict[str, object]:
        """Return a view as this Cloud writes it: without the bot, its keys in any order."""
        kept = {
            name: value for name, value in view.items() if self._flow.bot_id or name != "bot_id"
        }
        return shuffled(kept, self._events) if self._flow.shuffled else kept

    def _chat_view(self, status: str) -> dict[str, object]:
        return self._dressed(chat_view(self.run, status))

    def _fragment_view(self, message: Message, reasoning: str) -> dict[str, object]:
        return self._dressed(message_view(message, whole=False, reasoning=reasoning))

    def _whole_view(self, message: Message) -> dict[str, object]:
        return self._dressed(message_view(message, whole=True, reasoning=message.reasoning_content))

    def _completed(self, step: Completed) -> None:
        if step.type == "follow_up" and not self.follow_ups:
            return
        if step.content in (INTERRUPT, INTERRUPTED_FINISH) and (
            self._flow.interrupt == "requires_action"
        ):
            return
        if step.content == FINISHED and self._flow.empty_result:
            super()._completed(Completed("empty", EMPTY_RESULT, type="verbose"))
        super()._completed(step)

    def _ask(self, step: Ask) -> None:
        self._ask_user(step, cards=self._flow.cards)
        self._completed(Completed("interrupt", INTERRUPT, type="verbose"))
        self._completed(Completed("finish", INTERRUPTED_FINISH, type="verbose"))
        self._end_without_chat()

    def _ask_user(self, step: Ask, cards: bool) -> None:
        if cards and (step.options or step.fields):
            card = form_card(step) if step.fields else question_card(step)
            self._completed(Completed("question", card, content_type="card"))
            return
        self._delta(Delta("question", step.in_words))
        self._completed(Completed("question"))

    def _end_without_chat(self) -> None:
        self._over = True
        self.run.interrupted = True
        self.run.completed_at = int(self.clock())
        if self.run.status in RUNNING:
            self.run.status = self.profile.requires_action
        if self._flow.interrupt != "verbose":
            self._chat_event("requires_action", self._chat_view("requires_action"))

    def _failure(self, step: Fail) -> None:
        shape = self._flow.failure if step.shape == "chat" else step.shape
        bare = error_data(step.code, step.msg)
        if shape in ("short", "string"):
            string = error_data(str(step.code), step.msg)
            self._event("conversation.chat.failed", string, torn=True)
        elif shape == "bare":
            self._event("conversation.chat.failed", bare, torn=True)
        elif shape == "empty":
            self._event("error", "{}", torn=True)
        elif shape == "text":
            self._event("error", error_text(step.code, step.msg))
        elif shape in ("event", "error"):
            self._event("error", bare)
        else:
            self._chat_event("failed")
            self._emit(self._done())

    def _done(self) -> Frame:
        ended = self._flow.done == "[DONE]"
        data = '"[DONE]"' if ended else compact({"debug_url": self._debug_url})
        return Frame("event", self._framed("done", data), "done", data)


@dataclass(eq=False, kw_only=True)
class StudioChatflowPerformance(ChatflowPerformance):
    """Plays a script for a run of a chatflow on the self-hosted server."""

    def _framed(self, name: str, data: str) -> bytes:
        self._events += 1
        return event_bytes(name, data, spaced=True, number=self._events)

    def _chat_view(self, status: str) -> dict[str, object]:
        return studio_chat_view(self.run, status, self.execute_id)

    def _fragment_view(self, message: Message, reasoning: str) -> dict[str, object]:
        return studio_message_view(message, self.run.bot_id or self.run.app_id, reasoning)

    def _whole_view(self, message: Message) -> dict[str, object]:
        return self._fragment_view(message, message.reasoning_content)

    def _completed(self, step: Completed) -> None:
        if step.type not in ("answer", "follow_up"):
            return  # nothing of what goes on inside is told
        said = step.key in self._texts or step.key in self._thoughts
        if step.type == "answer" and step.content_type == "text" and not said:
            self._delta(Delta(step.key, step.content or ""))
        super()._completed(step)

    def _ask(self, step: Ask) -> None:
        self._ask_user(step, cards=True)
        self._end_without_chat()

    def _end_without_chat(self) -> None:
        self._over = True
        self.run.interrupted = True
        self.run.completed_at = int(self.clock())
        if self.run.status in RUNNING:
            self.run.status = self.profile.requires_action
        self._chat_event("requires_action", self._chat_view("requires_action"))

    def _failure(self, step: Fail) -> None:
        text = step.shape == "chat" and self._flow.failure == "text"
        view = {"code": str(step.code), "msg": step.msg, "debug_url": self._debug_url}
        self._event("error", error_text(step.code, step.msg) if text else compact(view))

    def _done(self) -> Frame:
        data = compact({"debug_url": self._debug_url})
        return Frame("event", self._framed("done", data), "done", data)
