"""A chatflow's stream in every shape that the reference names, cut behind every event."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fast import run_fast

from bridge.coze.auth import StaticToken
from bridge.coze.client import Coze
from bridge.coze.contents import lettered
from bridge.coze.events import Ended, Status, read_event
from bridge.coze.kinds.chatflow import ChatflowAgent, Flow
from bridge.coze.kinds.unwrap import inside
from bridge.coze.regions import deployment
from bridge.coze.runs import RunRequest
from bridge.coze.sse import Decoder
from bridge.coze.values import harmless, values
from bridge.errors import Happened
from bridge.errors.coze import CozeTrouble, RunLost
from bridge.relay.progress import Progress
from bridge.sandbox.coze import CozeEmulator, Pace, saying
from bridge.serving import serving

TOKEN, FLOW, APP = "pat_sandbox", "7400000000000000001", "7400000000000000002"
TEXT = "It will **rain**; 明天见 🌧️."


@asynccontextmanager
async def a_flow(profile: Any = "com") -> AsyncIterator[tuple[CozeEmulator, ChatflowAgent]]:
    coze = CozeEmulator(profile=profile)
    coze.add_agent()
    coze.add_token(TOKEN)
    coze.add_chatflow(FLOW, app_id=APP)
    coze.pace = Pace(0, 0)
    async with (
        serving(coze.app, only_local=True) as address,
        Coze(deployment(address), StaticToken(TOKEN)) as client,
    ):
        try:
            yield coze, ChatflowAgent(client, Flow(workflow_id=FLOW, app_id=APP))
        finally:
            await coze.close()


async def heard(
    agent: ChatflowAgent, place: str, text: str = "hello", mark: str = "mark-1"
) -> tuple[Progress, CozeTrouble | None]:
    progress = Progress()
    try:
        async for event in agent.ask(RunRequest("", "tg-1", place, text, mark)):
            progress = progress.after(event)
            if isinstance(event, Ended) and event.run.failure is not None:
                raise event.run.failure
    except CozeTrouble as trouble:
        return progress, trouble
    return progress, None


QUIRKS: list[dict[str, Any]] = [
    {}, {"done": "[DONE]"}, {"bot_id": True}, {"event_ids": True}, {"toy_ids": True},
    {"shuffled": False}, {"empty_result": False}, {"follow_ups": True},
    {"toy_ids": True, "event_ids": True, "follow_ups": True},
]  # fmt: skip


@pytest.mark.parametrize("profile", ["com", "studio"])
@pytest.mark.parametrize("quirks", QUIRKS, ids=str)
def test_the_text_is_whole_in_every_shape(quirks: dict[str, Any], profile: str) -> None:
    async def journey() -> None:
        async with a_flow(profile) as (coze, agent):
            for name, value in quirks.items():
                setattr(coze.quirks.flow, name, value)
            coze.use(saying(TEXT))
            progress, trouble = await heard(agent, await agent.open_conversation())
            assert trouble is None
            assert progress.finished().text == TEXT
            assert progress.ended is Status.COMPLETED
            assert progress.finished().note is None

    run_fast(journey(), 60)


@pytest.mark.parametrize("profile", ["com", "studio"])
@pytest.mark.parametrize("interrupt", ["verbose", "requires_action", "both"])
@pytest.mark.parametrize("cards", [True, False])
def test_a_node_that_waits_is_answered_by_the_next_question(
    profile: str, interrupt: str, *, cards: bool
) -> None:
    async def journey() -> None:
        async with a_flow(profile) as (coze, agent):
            coze.quirks.flow.interrupt = interrupt  # type: ignore[assignment]
            coze.quirks.flow.cards = cards
            coze.use("options", times=1)
            place = await agent.open_conversation()
            progress, trouble = await heard(agent, place)
            assert trouble is None
            end = progress.finished()
            assert "How long will you stay?" in end.text
            assert "{" not in end.text
            assert "a week" in end.suggestions
            assert end.note == "reply.asks"
            progress, trouble = await heard(agent, place, "a week", "mark-2")
            assert trouble is None
            assert "You chose" in progress.text

    run_fast(journey(), 60)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("clean", [True, False])
def test_a_stream_cut_behind_any_event_is_asked_once(*, listed: bool, clean: bool) -> None:
    async def cut(number: int) -> None:
        async with a_flow() as (coze, agent):
            coze.quirks.flow.listed = listed
            coze.use(saying(TEXT))
            place = await agent.open_conversation()
            coze.drop_stream(after_events=number, clean_eof=clean)
            progress, trouble = await heard(agent, place)
            if listed:
                assert trouble is None
                assert progress.finished().text == TEXT
            else:
                assert trouble is None or type(trouble) is RunLost
                assert trouble is None or trouble.happened is Happened.YES
                assert TEXT.startswith(progress.text)
            assert len(coze.asked) == 1

    async def journey() -> None:
        await asyncio.gather(*map(cut, range(9)))  # each is looked for over two minutes

    run_fast(journey(), 60)


def test_a_stream_cut_at_any_byte_says_a_beginning_of_it_or_all() -> None:
    streams: list[bytes] = []

    async def journey() -> None:
        async with a_flow() as (coze, agent):
            coze.use(saying(TEXT))
            place = await agent.open_conversation()
            body = {
                "workflow_id": FLOW, "app_id": APP, "conversation_id": place, "parameters": {},
                "additional_messages": [{"role": "user", "content_type": "text", "content": "hello"}],
            }  # fmt: skip
            async with serving(coze.app, only_local=True) as address, httpx.AsyncClient() as client:
                headers = {"Authorization": f"Bearer {TOKEN}"}
                answer = await client.post(
                    f"{address}/v1/workflows/chat", json=body, headers=headers
                )
                streams.append(answer.content)

    run_fast(journey(), 60)
    (stream,) = streams
    for cut in range(len(stream) + 1):
        decoder, progress = Decoder(), Progress()
        for sent in (*decoder.feed(stream[:cut]), *decoder.end()):
            progress = progress.after(read_event(sent))
        assert TEXT.startswith(progress.text)
    assert progress.ended is Status.COMPLETED


@pytest.mark.parametrize("failure", ["short", "chat", "error", "text"])
def test_a_failure_in_each_form_happened(failure: str) -> None:
    async def journey() -> None:
        async with a_flow() as (coze, agent):
            coze.quirks.flow.failure = failure  # type: ignore[assignment]
            coze.use("fail")
            _, trouble = await heard(agent, await agent.open_conversation())
            assert trouble is not None
            assert trouble.happened is Happened.YES

    run_fast(journey(), 60)


def test_options_are_lettered_lines_at_the_end_and_nothing_else() -> None:
    assert lettered("Which?\nA. one\nB. two") == ("one", "two")
    assert lettered("哪个？\nA、一\nB、二\nC、三") == ("一", "二", "三")
    for text in (
        "Which?\nA. one",
        "A. one\nC. two",
        "B. one\nC. two",
        "A. one\nB. two\nWell?",
        "",
        "A. B. C.",
    ):
        assert lettered(text) == ()


def test_only_an_object_with_one_text_is_unwrapped() -> None:
    assert inside('{"output": "Hi"}') == "Hi"
    assert inside(' {"x":\n"Hi"}\n') == "Hi"
    for text in (
        '{"a": 1}',
        '{"a": ""}',
        '{"a": "x", "b": "y"}',
        '["x"]',
        "{not json",
        "Hi",
        "{}",
        "",
    ):
        assert inside(text) == text


def test_values_are_harmless_on_one_line_and_short() -> None:
    assert harmless("{{Ann}}\n%{x}\u202e<b>") == "Ann x b"
    assert len(harmless("x" * 200)) == 64
    told = values({"a": "first_name", "b": "is_group", "c": "text:{{kept}}", "d": "chat_title"},
                  {"first_name": "{Ann}", "is_group": True})  # fmt: skip
    assert told == {"a": "Ann", "b": True, "c": "{{kept}}", "d": ""}
