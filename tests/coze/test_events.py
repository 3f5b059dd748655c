"""Coze's loosely typed JSON becomes typed events, and nothing in it is a crash."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.coze.codes import trouble
from bridge.coze.events import (
    ALL_ANSWERED,
    KNOWLEDGE_RECALLED,
    Began,
    Broke,
    Delta,
    Done,
    Ended,
    MessageKind,
    Remark,
    Status,
    Unknown,
    read_event,
    read_message,
    read_status,
)
from bridge.coze.sse import ServerSentEvent
from bridge.errors import Happened, Retry
from bridge.errors.coze import Busy, QuotaGone, RunFailed, ServerTrouble

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    ["id", "type", "role", "content", "status", "usage", "last_error", "code", "msg", "chat_id",
     "required_action", "meta_data", "reasoning_content", "token_count"]
)  # fmt: skip
NAMES = st.sampled_from(
    ["conversation.chat.created", "conversation.chat.failed", "conversation.message.delta",
     "conversation.message.completed", "conversation.chat.requires_action", "error", "done",
     "conversation.chat.completed", "conversation.audio.delta", "PING", ""]
)  # fmt: skip


def event(name: str, content: object) -> object:
    return read_event(ServerSentEvent(name, json.dumps(content)))


@given(NAMES, st.dictionaries(MEMBERS, JSON) | JSON)
def test_no_json_is_a_crash(name: str, content: object) -> None:
    event(name, content)


@pytest.mark.parametrize("data", ['"[DONE]"', "[DONE]", "", "{}", '{"debug_url":"x"}'])
def test_every_spelling_of_the_end(data: str) -> None:
    assert read_event(ServerSentEvent("done", data)) == Done()
    assert read_event(ServerSentEvent("conversation.stream.done", data)) == Done()


def test_a_run_and_its_ids_above_53_bits() -> None:
    read = event("conversation.chat.created", {"id": 7382159487131697202, "conversation_id": "7"})
    assert isinstance(read, Began)
    assert (read.run.id, read.run.conversation_id) == ("7382159487131697202", "7")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"status": "failed", "last_error": {"code": 5000, "msg": "event interval error"}}, "5000"),
        ({"code": 701231, "msg": "error"}, "701231"),
        ({"code": "720702204", "msg": "x"}, "720702204"),
        ({}, None),
    ],
)
def test_every_shape_of_failure(content: object, code: str | None) -> None:
    read = event("conversation.chat.failed", content)
    assert isinstance(read, Ended)
    assert read.run.failure is not None
    assert read.run.failure.code == code
    assert read.run.failure.happened is Happened.YES


def test_an_error_event_is_a_trouble_with_its_log_id() -> None:
    read = read_event(ServerSentEvent("error", '{"code":4016,"msg":"busy."}'), "LOG")
    assert isinstance(read, Broke)
    assert isinstance(read.trouble, Busy)
    assert str(read.trouble).startswith(
        "Asking the agent: another run is going in the conversation (code 4016, log id LOG)."
    )


def test_messages_keep_their_kind() -> None:
    delta = event("conversation.message.delta", {"type": "answer", "content": "a"})
    assert isinstance(delta, Delta)
    assert read_message({"role": "assistant", "type": ""}).kind is MessageKind.ANSWER
    assert read_message({"role": "user", "type": ""}).kind is MessageKind.OTHER
    assert read_message({"type": "novelty"}).kind is MessageKind.OTHER


def test_what_coze_remarks_is_told_apart_from_what_the_agent_says() -> None:
    def remark(content: object) -> object:
        text = content if isinstance(content, str) else json.dumps(content)
        return event("conversation.message.completed", {"type": "verbose", "content": text})

    finished = {"msg_type": "generate_answer_finish", "data": ""}
    assert remark(finished) == Remark(ALL_ANSWERED)
    assert remark(finished | {"data": '{"finish_reason":0,"FinData":""}'}) == Remark(ALL_ANSWERED)
    assert remark({"msg_type": "knowledge_recall", "data": "slices"}) == Remark(KNOWLEDGE_RECALLED)
    interrupted = remark(finished | {"data": '{"finish_reason":1}'})
    assert interrupted == Unknown("verbose generate_answer_finish")
    assert remark("no JSON") == Unknown("verbose ")


def test_unknown_events_and_broken_data_are_skipped() -> None:
    assert event("conversation.novelty", {}) == Unknown("conversation.novelty")
    assert read_event(ServerSentEvent("conversation.message.delta", "{")) == Unknown(
        "conversation.message.delta"
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("cancelled", Status.CANCELED),
        ("canceled", Status.CANCELED),
        ("required_action", Status.REQUIRES_ACTION),
        ("expired", Status.FAILED),
        ("compleated", Status.COMPLETED),
        ("novelty", Status.IN_PROGRESS),
    ],
)
def test_spellings_of_a_status(word: str, status: Status) -> None:
    assert read_status(word) is status


def test_codes_carry_their_consequences() -> None:
    quota = trouble("x", code="4028", msg="used up", in_run=True)
    assert isinstance(quota, QuotaGone)
    assert (quota.retry, quota.happened) == (Retry.LATER, Happened.YES)
    assert trouble("x", code=5000, msg="").happened is Happened.NO
    gateway = trouble("x", code=None, msg="HTTP 504", status=504)
    assert isinstance(gateway, ServerTrouble)
    assert gateway.happened is Happened.UNKNOWN
    assert isinstance(trouble("x", code=123456, msg=""), RunFailed)


def test_texts_stay_out_of_reprs() -> None:
    secret = read_message({"type": "answer", "content": "a person's words"})
    assert "words" not in repr(Delta(secret))
