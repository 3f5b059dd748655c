"""What messages say by their content types; no content of any type is a crash or shows JSON."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.coze.cards import Card, read_card
from bridge.coze.contents import Said, read_content
from bridge.coze.events import Completed, MessageKind, RunMessage, read_event
from bridge.coze.sse import ServerSentEvent
from bridge.relay.progress import Progress

KEYS = st.sampled_from(
    ["type", "text", "content", "content_type", "Title", "Options", "name", "file_url", "data",
     "x_properties", "workflow_card_info", "question_card_data", "input_card_data", "question"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
TYPES = ["text", "object_string", "card", "option", "form_schema", "audio", "hologram", ""]


def message(content: str, content_type: str) -> RunMessage:
    return RunMessage("1", MessageKind.ANSWER, content, content_type=content_type)


@pytest.mark.slow
@given(JSON, st.sampled_from(TYPES))
def test_any_json_under_any_type_is_read(content: object, content_type: str) -> None:
    event = {"type": "answer", "content": content, "content_type": content_type}
    read = read_event(ServerSentEvent("conversation.message.completed", json.dumps(event)))
    assert isinstance(read, Completed)
    assert Progress().after(read).finished().over


@given(JSON, st.sampled_from(["object_string", "card", "option", "form_schema", "audio", "x"]))
def test_nothing_but_text_shows_its_json(content: object, content_type: str) -> None:
    written = json.dumps(content)
    shown = read_content(message(written, content_type)).text
    assert not re.search(r'[{\[]"', shown) or shown.strip() in _strings(content)


def _strings(content: object) -> str:
    """All strings inside: those are shown as they are."""
    if isinstance(content, str):
        return content
    inner = content.values() if isinstance(content, dict) else content
    return "\n\n".join(_strings(one) for one in inner) if isinstance(inner, list) else ""


@pytest.mark.parametrize(
    ("content", "card"),
    [
        (
            '{"type":"question","content_type":"option","content":{"options":[{"name":"one day"},'
            '{"name":"a week"}],"question":"How long?"},"id":"5_q"}',
            Card("How long?", ("one day", "a week")),
        ),
        (
            '{"content_type":"form_schema","content":"[{\\"type\\":\\"string\\",\\"name\\":\\"city\\",'
            '\\"required\\":true}]"}',
            Card("- `city`", fields=("city",)),
        ),
        (
            '{"card_type":3,"response_type":"card","x_properties":{"workflow_card_info":'
            '"{\\"card_type\\":\\"QUESTION\\",\\"question_card_data\\":{\\"Title\\":\\"How long?\\",'
            '\\"Options\\":[{\\"name\\":\\"one day\\"}]}}"}}',
            Card("How long?", ("one day",)),
        ),
        (
            '{"x_properties":{"workflow_card_info":"{\\"card_type\\":\\"INPUT\\",'
            '\\"input_card_data\\":[{\\"type\\":\\"string\\",\\"name\\":\\"city\\"}]}"}}',
            Card("- `city`", fields=("city",)),
        ),
        ('{"card_type":3,"response_type":"card","data":{"title":"A card"}}', Card("A card")),
        ('{"card_type":3,"response_type":"card"}', None),
        ("[]", None),
        ("no JSON", None),
    ],
)
def test_cards_of_every_source(content: str, card: Card | None) -> None:
    assert read_card(content) == card


def test_the_kind_of_a_card_may_be_the_kind_of_the_message() -> None:
    option = '{"question":"How long?","options":[{"name":"a week"}]}'
    assert read_content(message(option, "option")) == Said("How long?", ("a week",))
    form = '[{"name":"city","description":"where to"}]'
    assert read_content(message(form, "form_schema")) == Said("- `city`: where to", (), ("city",))


def test_objects_keep_their_order_and_links_cannot_break_out() -> None:
    items = [
        {"type": "image", "file_url": "https://x.example/a.png"},
        {"type": "text", "text": "Between."},
        {"type": "file", "name": "a](b", "file_url": "https://x.example/b.pdf"},
        {"type": "file", "file_url": "javascript:alert(1)"},
    ]
    said = read_content(message(json.dumps(items), "object_string"))
    assert said.text == (
        "![image](<https://x.example/a.png>)\n\nBetween.\n\n[a)(b](<https://x.example/b.pdf>)"
    )
    assert said.unshown == "other"


@pytest.mark.parametrize(
    "content",
    [
        '{"data":{"title":"T","content":"{\\"a\\":1,\\"b\\":[1,2]}"}}',
        '{"data":{"title":"T","content":"data:image/png;base64,AAAA"}}',
        '{"data":{"title":"T","content":"' + "QUJD" * 40 + '"}}',
    ],
)
def test_a_card_shows_nothing_that_is_for_machines(content: str) -> None:
    assert read_card(content) == Card("T")


@pytest.mark.parametrize(
    "content",
    ['x {"a": 1}', "data:image/png;base64,AAAA", '"{\\"a\\":1}"', '{"a":', '```json\n{"a":1}\n```'],
)
def test_objects_that_are_none_are_not_shown(content: str) -> None:
    assert read_content(message(content, "object_string")) == Said("", unshown="other")


def test_objects_may_be_wrapped() -> None:
    items = '[{"type":"text","text":"Here."}]'
    for content in (f"\ufeff{items}", f"```json\n{items}\n```"):
        assert read_content(message(content, "object_string")).text == "Here."


def test_options_may_be_plain_words() -> None:
    card = '{"content_type":"option","content":{"question":"Which?","options":["A","B"]}}'
    assert read_card(card) == Card("Which?", ("A", "B"))
