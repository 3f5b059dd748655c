"""What a run said as whole messages, in the forms of results that are no stream."""

from dataclasses import dataclass, field
from typing import Literal

from bridge.sandbox.coze_projects.playing.writers import compact
from bridge.sandbox.coze_projects.runs import Called, Piece, Returned, Run


@dataclass(eq=False)
class Message:
    """One message of the graph's state."""

    type: Literal["human", "ai", "tool"]
    text: str
    calls: list[Called] = field(default_factory=list)
    call_id: str = ""
    name: str = ""

    def as_state(self) -> dict[str, object]:
        """Return it as the state of a graph is written down."""
        message: dict[str, object] = {
            "content": self.text,
            "additional_kwargs": {},
            "response_metadata": {},
            "type": self.type,
            "name": self.name or None,
            "id": None,
        }
        if self.type == "ai":
            message["tool_calls"] = [
                {"name": call.name, "args": call.arguments, "id": call.call_id, "type": "tool_call"}
                for call in self.calls
            ]
        if self.type == "tool":
            message |= {"tool_call_id": self.call_id, "status": "success"}
        return message

    def as_choice(self) -> dict[str, object]:
        """Return it as a message of a chat completion."""
        if self.type == "tool":
            return {"role": "tool", "tool_call_id": self.call_id, "content": self.text}
        message: dict[str, object] = {"role": "assistant", "content": self.text}
        if self.calls:
            message["tool_calls"] = [tool_call(call) for call in self.calls]
        return message


def tool_call(call: Called, index: int | None = None) -> dict[str, object]:
    """Return a call as chat completions have it."""
    place: dict[str, object] = {} if index is None else {"index": index}
    function = {"name": call.name, "arguments": compact(call.arguments)}
    return place | {"type": "function", "id": call.call_id, "function": function}


def said(run: Run) -> list[Message]:
    """Return the messages of a run; calls belong to the text right before them."""
    messages: list[Message] = []
    for happening in run.happenings:
        if isinstance(happening, Piece) and happening.last:
            messages.append(Message("ai", happening.whole))
        elif isinstance(happening, Called):
            if not messages or messages[-1].type != "ai":
                messages.append(Message("ai", ""))
            messages[-1].calls.append(happening)
        elif isinstance(happening, Returned):
            call_id, name = happening.call_id, happening.name
            messages.append(Message("tool", happening.result, call_id=call_id, name=name))
    return messages


def result(run: Run, workflow: bool) -> dict[str, object]:
    """Return the final state of the graph."""
    if workflow:
        return output(run)
    messages = [Message("human", run.prompt), *said(run)]
    return {"messages": [message.as_state() for message in messages]}


def output(run: Run) -> dict[str, object]:
    """Return the output of a workflow."""
    return {"answer": "\n\n".join(answer for answer in run.answers if answer)}
