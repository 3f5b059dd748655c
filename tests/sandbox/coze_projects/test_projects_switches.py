"""What real projects do in several ways: each switch bends what it says and nothing else."""

import pytest

from bridge.sandbox.coze.scripts.steps import Completed, Delta
from bridge.sandbox.coze_projects import ProjectEmulator, fixed, saying

RAIN = fixed(Delta("a", "It will "), Delta("a", "rain."), Completed("a"))


def finishes(heard):
    return [
        (event["content"]["answer"], event["finish"])
        for event in heard.events
        if event["type"] == "answer"
    ]


@pytest.mark.parametrize(
    ("way", "pieces"),
    [
        ("empty", [("It will ", False), ("rain.", False), ("", True)]),
        ("last", [("It will ", False), ("rain.", True)]),
        ("whole", [("It will rain.", True)]),
    ],
)
async def test_how_an_answer_ends(api, project: ProjectEmulator, way, pieces):
    project.quirks.finish = way
    project.use(RAIN)
    assert finishes(await api.stream()) == pieces
    assert [one.text for one in project.memory["tg-1"]] == ["hi", "It will rain."]


@pytest.mark.parametrize("way", ["empty", "last", "whole"])
async def test_an_answer_that_no_step_ends_is_ended(api, project: ProjectEmulator, way):
    project.quirks.finish = way
    project.use(fixed(Delta("a", "half")))
    heard = await api.stream()
    assert (heard.text, finishes(heard)[-1][1]) == ("half", True)
    assert project.runs[0].answers == ["half"]


async def test_a_list_as_python_writes_it(api, project: ProjectEmulator):
    project.quirks.content, project.quirks.finish = "python", "whole"
    project.use(saying("it's"))
    assert (await api.stream()).text == """[{'type': 'text', 'text': "it's"}]"""


async def test_reasoning(api, project: ProjectEmulator):
    silent = await api.stream("think")
    assert "thinking" not in silent.types
    assert "<think>" not in silent.text
    project.quirks.thinking = "events"
    told = await api.stream("think")
    thoughts = [event for event in told.events if event["type"] == "thinking"]
    assert thoughts[0]["content"]["thinking"]
    assert {event["finish"] for event in thoughts} == {False}
    assert told.text == silent.text
    project.quirks.thinking = "tags"
    tagged = await api.stream("think")
    assert tagged.text.startswith("<think>")
    assert tagged.text.endswith("</think>\n\n" + silent.text)
    assert (await api.stream("think tag")).text.startswith("<think>")


@pytest.mark.parametrize(
    ("way", "numbers"),
    [
        ("clean", [1, 2, 3, 4, 5]),
        ("restart", [1, 2, 3, 4, 1]),
        ("duplicate", [1, 1, 2, 2, 3, 3, 4, 4, 5]),
        ("gap", [1, 2, 6, 7, 8]),
        ("shuffled", [1, 3, 2, 5, 4]),
    ],
)
async def test_numbers_of_events(api, project: ProjectEmulator, way, numbers):
    project.quirks.sequence = way
    project.use(RAIN)
    heard = await api.stream()
    assert [event["sequence_id"] for event in heard.events] == numbers
    if way == "duplicate":
        assert heard.events[2] == heard.events[3]
    else:
        assert heard.text == "It will rain."


async def test_content_without_the_key_error(api, project: ProjectEmulator):
    project.quirks.error_key = False
    heard = await api.stream()
    assert all("error" not in event["content"] for event in heard.events)


async def test_tools_in_parallel(api, project: ProjectEmulator):
    project.quirks.tools = "parallel"
    heard = await api.stream("weather")
    kinds = [kind for kind in heard.types if kind.startswith("tool")]
    assert kinds == ["tool_request"] * 2 + ["tool_response"] * 2


async def test_a_large_result(api, project: ProjectEmulator):
    project.quirks.tools = "huge"
    heard = await api.stream("weather")
    (response,) = (one for one in heard.events if one["type"] == "tool_response")
    assert len(response["content"]["tool_response"]["result"]) > 1_000_000
    assert heard.code == "0"


async def test_a_tool_that_failed_says_code_0(api, project: ProjectEmulator):
    project.quirks.tools = "failed"
    heard = await api.stream("weather")
    (response,) = (one for one in heard.events if one["type"] == "tool_response")
    answered = response["content"]["tool_response"]
    assert (answered["code"], answered["result"][:5]) == ("0", "Error")


async def test_a_tool_that_says_nothing(api, project: ProjectEmulator):
    project.quirks.tools = "silent"
    project.quirks.idle_cut = 0.2
    heard = await api.stream("weather")
    assert (heard.broken, heard.types) == (True, ["message_start", "tool_request"])


async def test_frames_without_an_event_line(api, project: ProjectEmulator):
    project.quirks.event_line = False
    heard = await api.stream()
    assert heard.raw.startswith(b'data: {"type":"message_start"')
    assert b"event:" not in heard.raw
    assert heard.code == "0"


async def test_carriage_returns(api, project: ProjectEmulator):
    project.quirks.line_end = "\r\n"
    project.use(saying("x"))
    raw = (await api.stream()).raw
    assert raw.startswith(b'event: message\r\ndata: {"type"')
    assert raw.endswith(b"}\r\n\r\n")
    assert raw.count(b"\n") == raw.count(b"\r\n")


async def test_one_chunk_an_event(api, project: ProjectEmulator):
    project.use(RAIN)
    heard = await api.stream()
    assert len(heard.chunks) == len(heard.events)


async def test_chunks_that_split_characters(api, project: ProjectEmulator):
    project.quirks.chunks = "split"
    project.use(saying("雨会下很久很久"))
    heard = await api.stream()
    assert heard.text == "雨会下很久很久"

    def whole(chunk):
        try:
            return bool(chunk.decode())
        except UnicodeDecodeError:
            return False

    assert not all(whole(chunk) for chunk in heard.chunks)


async def test_chunks_of_several_events(api, project: ProjectEmulator):
    project.quirks.chunks = "joined"
    heard = await api.stream()
    assert max(chunk.count(b"event: message") for chunk in heard.chunks) >= 3
    assert heard.code == "0"


@pytest.mark.parametrize("script", ["noise", "card", "objects", "menu", "knowledge", "audio"])
async def test_scripts_of_the_other_emulator(api, project: ProjectEmulator, script):
    project.use(script)
    heard = await api.post("/stream_run", api.body())
    types = [event.get("type") for event in heard.events]
    assert (types[0], types[-1]) == ("message_start", "message_end")
    assert project.runs[0].status == "completed"


async def test_objects_become_links(api):
    text = (await api.stream("objects")).text
    assert "![image](http://127.0.0.1" in text
    assert "[report.pdf](http://127.0.0.1" in text


async def test_a_tool_of_the_callers_does_not_exist(api):
    heard = await api.stream("use your local tool")
    assert "there is no such tool" in heard.text
    assert heard.code == "0"


async def test_links_in_answers_need_no_token_and_expire(api, project: ProjectEmulator):
    text = (await api.stream("draw a lighthouse")).text
    link = text.partition("](")[2].partition(")")[0]
    answer = await api.http.get(link)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    project.link_seconds = -1
    project.publish("late.png", b"x", "image/png")
    late = await api.http.get(project.link(api.base, "late.png"))
    assert late.status_code == 403
    assert [one.status for one in project.fetched] == [200, 403]
