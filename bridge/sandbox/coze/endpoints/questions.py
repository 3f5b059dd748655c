"""The question in a request, as the agent hears it."""

from dataclasses import replace
from itertools import takewhile

from bridge.sandbox.coze.endpoints.incoming import ChatRequest, Incoming
from bridge.sandbox.coze.resources.agents import Agent
from bridge.sandbox.coze.resources.conversations import Conversation
from bridge.sandbox.coze.scripts.steps import Attachment, Turn


def typed(message: Incoming) -> Incoming:
    """Return the message with the type its role implies, when the request left it out."""
    if message.type:
        return message
    return replace(message, type="question" if message.role == "user" else "answer")


def input_tokens(turn: Turn) -> int:
    """Return about how many tokens a run has read."""
    return sum(len(text) for _, text in (*turn.earlier, ("", turn.question))) // 4 + 1


def turn_of(conversation: Conversation, request: ChatRequest, agent: Agent | None) -> Turn:
    """Return the question, and what came before it; without an agent everything is noticed.

    Without messages in the request the last stored message is the question. A message of files
    only belongs to the text in front of it.
    """
    name = "" if agent is None else agent.name
    earlier = [
        (message.role, message.text or message.content)
        for message in conversation.context(request.user_id)
        if message.type in ("question", "answer", "")
    ]
    if not request.messages:
        return Turn(earlier[-1][1], (), tuple(earlier[:-1]), name)
    earlier += [(message.role, message.text) for message in request.messages[:-1]]
    last = request.messages[-1]
    question = last.text
    if not question and len(request.messages) > 1:
        _, question = earlier.pop()
    noticed = tuple(item for item in given(request) if agent is None or agent.senses(item.kind))
    return Turn(question, noticed, tuple(earlier), name)


def given(request: ChatRequest) -> tuple[Attachment, ...]:
    """Return the attachments of the question: of the user's messages at the end of the request."""
    said = takewhile(lambda message: message.role == "user", reversed(request.messages))
    return tuple(item for message in reversed(list(said)) for item in message.attachments)
