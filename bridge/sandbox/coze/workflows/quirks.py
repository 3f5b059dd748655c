"""What is told of chatflows and workflows in more than one way: a switch for each."""

from dataclasses import dataclass
from typing import Literal


@dataclass(eq=False)
class FlowQuirks:
    """The ways that are in force; the defaults are the cloud's documented ones.

    The self-hosted server has its own way wherever it is known, and looks at `failure`, `toy_ids`,
    `end_node`, `end_node_title` and `done_after_interrupt` only.
    """

    interrupt: Literal["verbose", "requires_action", "both"] = "verbose"
    """How a chatflow says that it waits: a verbose message, an event, or both; then `done`."""
    done: Literal["debug_url", "[DONE]"] = "debug_url"
    """What `done` carries."""
    failure: Literal["short", "chat", "error", "text"] = "short"
    """How a chatflow fails: `chat.failed` with a code in a string and no ids, or with the chat; an
    `error` event in JSON, or in plain text."""
    bot_id: bool = False
    """Whether objects carry `bot_id`."""
    event_ids: bool = False
    """Whether the events of a chatflow have `id` lines."""
    toy_ids: bool = False
    """Whether each event has a message id of its own, as in the documentation's sample."""
    shuffled: bool = True
    """Whether the order of keys changes from event to event."""
    empty_result: bool = True
    """Whether a verbose `empty result` comes before the end of the answers."""
    follow_ups: bool = False
    """Whether a chatflow suggests questions."""
    without_conversation: Literal["new", "720702204", "name"] = "new"
    """What comes of a request without a conversation: a new one (of an application: the start
    node's), a failure 720702204, or a refusal that asks for a conversation's name."""
    plain_conversations: bool = True
    """Whether an application accepts a conversation that was not made for one."""
    cards: bool = False
    """Whether options and forms arrive as cards, not as text."""
    busy: Literal["off", "event", "json"] = "off"
    """Whether a second run in one conversation is refused with 4016, and in which form."""
    resumes: Literal["next", "named"] = "next"
    """Which call answers a node: the next one, or the next that has a `CONVERSATION_NAME`."""
    string_parameters: bool = True
    """Whether `parameters` may be JSON in a string."""
    listed: bool = True
    """Whether the messages of a chatflow are in the conversation's list."""
    retrievable: bool = False
    """Whether the endpoints of `/v3/chat` know the run of a chatflow."""
    end_node: bool = True
    """Whether the end node of a streamed workflow repeats what the output nodes said."""
    end_node_title: str = "End"
    """The title of the end node: `End`, or empty."""
    done_after_interrupt: bool = False
    """Whether `Done` follows an `Interrupt`."""
    question_in_data: bool = False
    """Whether a workflow's question is in the interrupt's `data`, not in a message before it."""
    pings: bool = False
    """Whether a streamed workflow sends `PING` when it falls silent."""
    asynchronous: bool = True
    """Whether the plan has asynchronous runs; else they are refused with 6003."""
