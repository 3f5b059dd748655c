"""Play a script as a workflow: the events of `/v1/workflow/stream_run` and `stream_resume`."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bridge.sandbox.coze.framing import EOF, Frame, compact, event_bytes
from bridge.sandbox.coze.performance import Performance
from bridge.sandbox.coze.resources.run_views import usage_view
from bridge.sandbox.coze.resources.runs import RUNNING
from bridge.sandbox.coze.scripts.steps import (
    Ask,
    Completed,
    Delta,
    Fail,
    Field,
    Require,
    Silence,
    Step,
)
from bridge.sandbox.coze.workflows.executions import (
    INPUT,
    LOCAL_PLUGIN,
    QUESTION,
    Execution,
    Interrupt,
    one_line,
)
from bridge.sandbox.coze.workflows.performance import error_text


@dataclass(eq=False, kw_only=True)
class WorkflowPerformance(Performance):
    """Plays a script for an execution: its answers are output nodes, what joins them the end node."""

    execution: Execution
    _events: int = 0
    _pieces: dict[str, int] = field(default_factory=dict)
    """How many messages a node has sent."""

    def _framed(self, name: str, data: str) -> bytes:
        number = self._events
        self._events += 1
        return event_bytes(name, data, spaced=True, number=number)

    def _event(self, name: str, data: str, shown: str = "", *, torn: bool = False) -> None:
        self._emit(Frame("event", self._framed(name, data), name, shown or data))

    def _chat_event(self, name: str, view: dict[str, object] | None = None) -> None:
        """Say nothing: a workflow is no chat."""

    def _pauses(self, step: Step) -> bool:
        return isinstance(step, Ask | Require)

    async def _wait(self, step: Step) -> None:
        if isinstance(step, Silence) and self.quirks.flow.pings:
            self._event("PING", "{}")
            self._ring()
        await super()._wait(step)

    def _do(self, step: Step) -> None:
        if isinstance(step, Require):
            call = step.calls[0]
            data = one_line({"name": call.name, "arguments": call.arguments})
            self._interrupt("Plugin", LOCAL_PLUGIN, data, ())
            return
        super()._do(step)

    def _say(self, key: str, content: str, *, last: bool, content_type: str = "text") -> None:
        """Emit a message of a node; an end node carries what the run has cost."""
        title = self._title(key)
        place = self._pieces.get(key, 0)
        self._pieces[key] = place + 1
        view: dict[str, object] = {
            "content": content,
            "content_type": content_type,
            "node_is_finish": last,
            "node_seq_id": str(place),
            "node_title": title,
        }
        if self.profile.studio:
            view["node_id"] = str(100001 + list(self._pieces).index(key))
            view["node_type"] = "End" if key == "end-node" else "Message"
        if key == "end-node":
            view["usage"] = usage_view(self.run, True)
        self._event("Message", compact(view), content)

    def _title(self, key: str) -> str:
        if key == "end-node":
            return self.quirks.flow.end_node_title
        return "Message" if key == "answer" else key.title()

    def _delta(self, step: Delta) -> None:
        if not step.text:
            return  # what a model thinks is not told
        self._texts[step.key] = self._texts.get(step.key, "") + step.text
        self._say(step.key, step.text, last=False, content_type=step.content_type)

    def _completed(self, step: Completed) -> None:
        if step.type != "answer" or step.again:
            return
        said = self._texts.get(step.key, "")
        content = said if step.content is None else step.content
        self.execution.outputs[self._title(step.key)] = content
        self.run.usage = (self.run.usage[0], self.run.usage[1] + (len(content) + 3) // 4)
        self._say(step.key, "" if said else content, last=True, content_type=step.content_type)

    def _complete(self) -> None:
        self._over = True
        self.run.completed_at = self.execution.updated_at = int(self.clock())
        if self.run.status in RUNNING:
            self.run.status = "completed"
        if self.quirks.flow.end_node or not self.execution.outputs:
            self._say("end-node", self.execution.output, last=True)

    def _end_without_chat(self) -> None:
        self._complete()

    def _ask(self, step: Ask) -> None:
        if step.fields:
            items = [
                {"type": one.type, "name": one.name, "required": one.required, "assistType": 0}
                for one in step.fields
            ]
            content = one_line({"content_type": "form_schema", "content": _array(items)})
            self._interrupt("Input", INPUT, content, step.fields)
        elif self.quirks.flow.question_in_data:
            data = one_line({"content_type": "text", "content": step.in_words})
            self._interrupt("Question", QUESTION, data, ())
        else:
            self._say("question", step.in_words, last=True)
            self._interrupt("Question", QUESTION, "", ())

    def _interrupt(self, title: str, kind: int, data: str, fields: Sequence[Field]) -> None:
        """End the stream at a node that waits; usually there is no `Done` behind it."""
        event_id = f"{self.execution.execute_id}/{self.ids.take()}"
        required = {
            one.name: {
                "type": one.type,
                "required": one.required,
                "description": "",
                "default_value": "",
            }
            for one in fields
        }
        interrupt = Interrupt(event_id, kind, data, required)
        self._over = True
        self.execution.interrupt = interrupt
        self.execution.updated_at = int(self.clock())
        self.run.interrupted = True
        if self.run.status in RUNNING:
            self.run.status = "requires_action"
        shown: dict[str, object] = {"data": data, "event_id": event_id, "type": kind}
        if required:
            shown["required_parameters"] = required
        self._event("Interrupt", compact({"interrupt_data": shown, "node_title": title}))
        if not self.quirks.flow.done_after_interrupt:
            self._emit(EOF)

    def _failure(self, step: Fail) -> None:
        self.execution.updated_at = int(self.clock())
        if self.quirks.flow.failure == "text":
            self._event("error", error_text(step.code, step.msg))
            return
        view = {
            "error_code": int(step.code),
            "error_message": step.msg,
            "debug_url": self.execution.debug_url,
        }
        self._event("Error", compact(view))

    def _done(self) -> Frame:
        bare = self.quirks.flow.done == "[DONE]"
        data = "{}" if bare else compact({"debug_url": self.execution.debug_url})
        return Frame("event", self._framed("Done", data), "Done", data)


def _array(items: Sequence[dict[str, object]]) -> str:
    return f"[{','.join(map(one_line, items))}]"
