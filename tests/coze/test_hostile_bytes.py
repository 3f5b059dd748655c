"""Whatever bytes come from Coze: troubles of one family, a picture always, and no stuck chat."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from fast import run_fast
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import COZE_TOKEN, World, a_world, key_pair

from bridge.coze.agents import account_id, agent_information
from bridge.coze.auth import Auth, JWTApp, StaticToken, private_key
from bridge.coze.client import Coze
from bridge.coze.conversations import (
    create_conversation,
    newest_messages,
)
from bridge.coze.events import Broke, Ended, read_event
from bridge.coze.feedback import give_feedback
from bridge.coze.kinds.chat_run import follow, rejoin
from bridge.coze.regions import deployment
from bridge.coze.runs import RunRequest, cancel_run, list_run, refuse_tools, retrieve_run, start_run
from bridge.coze.sse import Decoder, EventTooLarge, ServerSentEvent
from bridge.errors.coze import CozeTrouble
from bridge.model import Outcome, ReplyState, State
from bridge.relay.progress import Progress
from bridge.sandbox.coze import saying
from bridge.sandbox.coze.scripts import SCRIPTS
from bridge.sandbox.coze.scripts.steps import Completed, Delta, Event, Raw, Step, ending, fixed
from bridge.store.turns.outcome_json import dump, load

pytestmark = pytest.mark.slow

QUESTION = RunRequest("74", "user", "9", "hello", "mark")
LONGEST_BYTES = 12_000
DEEP = 100_000
ODD_JSON: Sequence[object] = (
    None, True, False, 0, -1, 2**63, 10**400, 1e308, float("nan"), float("inf"), "", "0", "x",
    "\ud800", "\u202e\u2066", "\x00", "x" * 5000, "<think>", "[" * 5000, '{"a":' * 3000, [], {},
    [[]], [None], {"": None}, {"code": {}}, ["a", 1, {}],
)  # fmt: skip
GARBAGE: Sequence[bytes] = (
    b"\n", b"\n\n", b"\r", b"\r\n\r\n", b":", b"data:", b"data:\n\n", b"event:done\n", b"event:\n\n",
    b"event:error\ndata:{}\n\n", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xf0\x9f", b"\xef\xbb\xbf",
    b'"', b"\\", b"\\ud83d", b"{", b"}", b"null", b"9" * 5000, b"id:0\nretry:x\n",
    b"event:conversation.chat.completed\ndata:[]\n\n",
    b"event:conversation.message.delta\ndata:{\"type\":\"answer\",\"content\":1e999}\n\n",
    b"data:" + b"[" * DEEP + b"\n\n",
    b'event:conversation.message.completed\ndata:' + b'{"a":' * DEEP + b"\n\n",
)  # fmt: skip
EVENT_NAMES = (
    "conversation.chat.created", "conversation.chat.in_progress", "conversation.chat.completed",
    "conversation.chat.failed", "conversation.chat.requires_action", "conversation.chat.canceled",
    "conversation.message.delta", "conversation.message.completed", "conversation.audio.delta",
    "error", "done", "conversation.stream.done", "", "PING",
)  # fmt: skip


async def began(coze: Coze) -> None:
    """A run is started without a stream."""
    async with start_run(coze, QUESTION, stream=False) as arriving:
        async for _ in arriving:
            pass


# --- real bytes, and how they are spoiled ---------------------------------------------------------


@cache
def recorded() -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The streams of all scripts as the emulator writes them, and bodies of its JSON answers."""
    streams, bodies = list[bytes](), list[bytes]()

    async def record(world: World) -> None:
        way_in = StaticToken(COZE_TOKEN)
        async with Coze(deployment(world.variables["COZE_API_BASE"]), way_in) as coze:
            for name in SCRIPTS:
                world.coze.use(name)
                place = await create_conversation(coze, world.variables["COZE_BOT_ID"])
                question = RunRequest(
                    world.variables["COZE_BOT_ID"], "user", place, "hello", f"mark {name}"
                )
                with suppress(CozeTrouble):
                    async with start_run(coze, question) as arriving:
                        async for _ in arriving:
                            pass
            for run in list(world.coze.runs.values()):
                streams.append(b"".join(frame.data for frame in run.frames)[:LONGEST_BYTES])
                where = {"conversation_id": run.conversation_id, "chat_id": run.chat_id}
                for path in ("/v3/chat/retrieve", "/v3/chat/message/list"):
                    with suppress(CozeTrouble):
                        found = await coze.call("x", "GET", path, query=where)
                        bodies.append(json.dumps(found).encode())
            made = await coze.call(
                "x", "POST", "/v1/conversation/create", body={"bot_id": question.agent_id}
            )
            agent = await coze.call("x", "GET", f"/v1/bots/{question.agent_id}")
            bodies.extend(json.dumps(one).encode() for one in (made, agent))

    async def whole() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with a_world(Path(folder)) as world:
                await record(world)

    run_fast(whole(), speed=50)
    return tuple(streams), tuple(dict.fromkeys(bodies))


@pytest.fixture(autouse=True, scope="module")
def _recorded_before() -> None:
    """Recording takes its time, which is not that of an example."""
    recorded()


def places(found: object, depth: int = 0) -> list[tuple[object, object]]:
    """Every container in some JSON with each of its keys."""
    keys: Sequence[object] = ()
    if isinstance(found, dict):
        keys = list(found)
    elif isinstance(found, list):
        keys = range(len(found))
    mine: list[tuple[object, object]] = [(found, key) for key in keys]
    for key in keys if depth < 8 else ():
        mine += places(found[key], depth + 1)  # type: ignore[index]  # a dict or a list
    return mine


@st.composite
def spoiled_json(draw: st.DrawFn, text: bytes) -> bytes:
    """The JSON with some members gone or of another kind."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    for _ in range(draw(st.integers(1, 3))):
        all_places = places(found)
        if not all_places:
            return json.dumps(draw(st.sampled_from(ODD_JSON))).encode()
        inside, key = draw(st.sampled_from(all_places))
        if draw(st.booleans()):
            inside[key] = draw(st.sampled_from(ODD_JSON))  # type: ignore[index]
        else:
            del inside[key]  # type: ignore[attr-defined]
    return json.dumps(found, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


@st.composite
def spoiled_lines(draw: st.DrawFn, stream: bytes) -> bytes:
    """The stream with other event names and data of other kinds, lines gone, doubled or moved."""
    lines = stream.split(b"\n")
    for _ in range(draw(st.integers(1, 4))):
        number = draw(st.integers(0, len(lines) - 1))
        line = lines[number]
        match draw(st.sampled_from(["spoil", "spoil", "spoil", "drop", "double", "move"])):
            case "spoil" if line.startswith(b"data:"):
                lines[number] = b"data:" + draw(spoiled_json(line.removeprefix(b"data:")))
            case "spoil" if line.startswith(b"event:"):
                lines[number] = b"event:" + draw(st.sampled_from(EVENT_NAMES)).encode()
            case "drop":
                del lines[number]
                lines = lines or [b""]
            case "double":
                lines[number:number] = [line, b""]
            case "move":
                lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(number))
    return b"\n".join(lines)


@st.composite
def spoiled_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with some flipped, cut out, doubled or put in."""
    spoiled = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        here = draw(st.integers(0, len(spoiled)))
        there = min(len(spoiled), here + draw(st.integers(1, 200)))
        match draw(st.sampled_from(["flip", "cut", "double", "insert", "end"])):
            case "flip" if here < len(spoiled):
                spoiled[here] ^= draw(st.integers(1, 255))
            case "cut":
                del spoiled[here:there]
            case "double":
                spoiled[here:here] = spoiled[here:there]
            case "insert":
                spoiled[here:here] = draw(st.sampled_from(GARBAGE))
            case "end":
                del spoiled[here:]
    return bytes(spoiled)


@st.composite
def hostile_streams(draw: st.DrawFn) -> bytes:
    stream = draw(st.sampled_from(recorded()[0]))
    how = draw(st.integers(0, 3))
    if how != 1:
        stream = draw(spoiled_lines(stream))
    return draw(spoiled_bytes(stream)) if how else stream


@st.composite
def hostile_bodies(draw: st.DrawFn) -> bytes:
    body = draw(st.sampled_from(recorded()[1]))
    how = draw(st.integers(0, 3))
    body = draw(spoiled_json(body)) if how else body
    return draw(spoiled_bytes(body)) if how in (0, 1) else body


# --- straight into the fold ------------------------------------------------------------------------


def cut(content: bytes, ends: Sequence[int]) -> list[bytes]:
    marks = sorted({end % (len(content) + 1) for end in ends} | {0, len(content)})
    return [content[a:b] for a, b in pairwise(marks)]


def decoded(pieces: Sequence[bytes]) -> list[ServerSentEvent]:
    decoder = Decoder()
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return found + list(decoder.end())


def assert_pictures(progress: Progress) -> None:
    """Every picture of the progress is made of texts, and its end can be written down."""
    for picture in (
        progress.reply_state(),
        progress.finished(),
        progress.broken_off("trouble.coze"),
    ):
        assert isinstance(picture, ReplyState)
        assert isinstance(picture.text, str)
        assert all(isinstance(one, str) for one in (*picture.answers, *picture.suggestions))
        end = Outcome(State.ANSWERED, picture)
        assert load(json.loads(json.dumps(dump(end)))) == end


def folded(events: Sequence[ServerSentEvent]) -> Progress:
    """What all the events come to; the picture is looked at on the way, too."""
    progress = Progress()
    for number, one in enumerate(events):
        event = read_event(one, "LOG")
        progress = progress.after(event)
        if isinstance(event, Broke):
            assert str(event.trouble).count("\n") == 0
        if isinstance(event, Ended) and event.run.failure is not None:
            assert str(event.run.failure).count("\n") == 0
        if number % 16 == 0:
            assert_pictures(progress)
    assert_pictures(progress)
    return progress


def test_what_was_recorded_is_understood() -> None:
    streams, bodies = recorded()
    assert len(streams) == len(SCRIPTS)
    assert len(bodies) > 20
    assert sum(bool(folded(decoded([one])).text) for one in streams) > 15


@settings(derandomize=True, deadline=None, max_examples=80)
@given(hostile_streams(), st.lists(st.integers(0, 20_000), max_size=12))
def test_no_stream_breaks_the_fold(stream: bytes, ends: list[int]) -> None:
    events = decoded([stream])
    assert decoded(cut(stream, ends)) == events
    folded(events)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.binary(max_size=300) | st.lists(st.sampled_from(GARBAGE), max_size=6).map(b"".join))
def test_no_bytes_break_the_fold(stream: bytes) -> None:
    folded(decoded([stream]))


def test_events_may_come_in_any_order() -> None:
    for stream in recorded()[0]:
        events = decoded([stream])
        folded(events[::-1])
        folded(events[1::2] + events[::2])
        folded([event for event in events[:60] for _ in range(2)])


# --- over HTTP -------------------------------------------------------------------------------------

Answer = Callable[[str], bytes]
"""The whole bytes of the HTTP answer to a request by its path."""


@asynccontextmanager
async def raw_server(answer: Answer) -> AsyncIterator[str]:
    """Answers every request with bytes, and closes the connection; its address."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            for line in head.lower().split("\r\n"):
                if line.startswith("content-length:"):
                    await reader.readexactly(int(line.partition(":")[2]))
            writer.write(answer(head.split(" ")[1].partition("?")[0]))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


def http(
    body: bytes, kind: str = "application/json", status: str = "200 OK", more: str = ""
) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n{more}\r\n"
    return head.encode() + body


def event_stream(body: bytes) -> bytes:
    return http(body, "text/event-stream")


async def told(coze: Coze, *, stream: bool = True) -> Progress | CozeTrouble:
    """What a question comes to; anything else that is raised is the test's failure."""
    progress = Progress()
    try:
        async with aclosing(follow(coze, QUESTION, stream=stream)) as events:
            async for event in events:
                progress = progress.after(event)
    except CozeTrouble as trouble:
        return trouble
    finally:
        assert_pictures(progress)
    assert progress.ended is not None
    return progress


@settings(derandomize=True, deadline=None, max_examples=25)
@given(hostile_streams(), hostile_bodies(), st.booleans())
def test_a_hostile_stream_over_http_ends_or_is_a_trouble(
    stream: bytes, body: bytes, streamed: bool
) -> None:
    async def ask() -> None:
        def answer(path: str) -> bytes:
            return event_stream(stream) if path == "/v3/chat" and streamed else http(body)

        async with raw_server(answer) as base, Coze(deployment(base), StaticToken("x")) as coze:
            async with asyncio.timeout(10_000):
                await told(coze, stream=streamed)

    run_fast(ask(), speed=1000)


CALLS: Sequence[Callable[[Coze], Awaitable[object]]] = (
    lambda coze: create_conversation(coze, "74"),
    lambda coze: newest_messages(coze, "9"),
    lambda coze: began(coze),
    lambda coze: retrieve_run(coze, "9", "8"),
    lambda coze: list_run(coze, "9", "8"),
    lambda coze: cancel_run(coze, "9", "8"),
    lambda coze: give_feedback(coze, "9", "8", like=True),
    lambda coze: agent_information(coze, "74"),
    lambda coze: account_id(coze),
)


async def ask_everything(coze: Coze) -> None:
    for call in CALLS:
        with suppress(CozeTrouble):
            await call(coze)
    with suppress(CozeTrouble):
        run = await retrieve_run(coze, "9", "8")
        await refuse_tools(coze, run, run.tool_calls)
    with suppress(CozeTrouble):
        progress = Progress()
        async with aclosing(rejoin(coze, QUESTION, None)) as events:
            async for event in events:
                progress = progress.after(event)
        assert_pictures(progress)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(hostile_bodies(), st.sampled_from(["200 OK", "200 OK", "400 X", "401 X", "502 X"]))
def test_a_hostile_answer_to_any_call_is_a_value_or_a_trouble(body: bytes, status: str) -> None:
    async def ask() -> None:
        async with (
            raw_server(lambda _: http(body, status=status)) as base,
            Coze(deployment(base), StaticToken("x")) as coze,
            asyncio.timeout(10_000),
        ):
            await ask_everything(coze)

    run_fast(ask(), speed=1000)


_OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
_SSE = _OK + b"Content-Type: text/event-stream\r\n"
BROKEN_HTTP: dict[str, bytes] = {
    "nothing": b"",
    "no HTTP": b"\x00\x01garbage\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nConte",
    "a log id of no text": _OK + b"x-tt-logid: \xff\xfe\r\n\r\n{}",
    "a kind of no text": _OK + b"Content-Type: \xff\xff\r\n\r\n{}",
    "no gzip": _OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "no gzip in a stream": _SSE + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "an encoding that nobody knows": _OK + b"Content-Encoding: nonsense\r\n\r\n{}",
    "a charset that nobody knows": _OK + b"Content-Type: application/json; charset=x\r\n\r\n{}",
    "a wrong chunk": _OK + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}",
    "a wrong chunk in a stream": _SSE + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nZZ\r\n",
    "too short": _OK + b"Content-Length: 200\r\n\r\n{}",
    "a stream too short": _SSE + b"Content-Length: 200\r\n\r\nevent:x\n\n",
    "two lengths": _OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a status of four digits": b"HTTP/1.1 1000 OK\r\n\r\n{}",
    "another protocol": b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{}",
    "no content": b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n",
    "a move to nowhere": b"HTTP/1.1 302 F\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
    "a head too large": _OK + b"X: " + b"a" * 100_000 + b"\r\n\r\n{}",
    "a nul in the head": _OK + b"X: a\x00b\r\n\r\n{}",
    "deep JSON": _OK + b"\r\n" + b"[" * DEEP,
    "a number too long": _OK + b'\r\n{"code":' + b"9" * 5000 + b"}",
    "no text": _OK + b"\r\n\xff\xfe{\x00",
    "an event too large": _SSE + b"\r\ndata:" + b"x" * (9 * 2**20),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_HTTP)
def test_broken_http_is_a_trouble(name: str) -> None:
    async def ask() -> None:
        async with (
            raw_server(lambda _: BROKEN_HTTP[name]) as base,
            Coze(deployment(base), StaticToken("x")) as coze,
            asyncio.timeout(10_000),
        ):
            await ask_everything(coze)
            assert isinstance(await told(coze), CozeTrouble)

    run_fast(ask(), speed=1000)


def test_an_event_too_large_is_refused_while_it_comes() -> None:
    decoder = Decoder()
    with pytest.raises(EventTooLarge):
        for _ in range(200):
            list(decoder.feed(b"data:" + b"x" * 65_536 + b"\n"))


# --- the way in ------------------------------------------------------------------------------------


def jwt_app(base: str) -> Auth:
    return JWTApp(deployment(base), "1100", "kid", private_key(key_pair()[0]))


TOKENS: dict[str, bytes] = {
    "nothing": b"",
    "a list": b"[]",
    "an empty object": b"{}",
    "an error of no text": b'{"error_code":{"a":[]},"error_message":[1]}',
    "a token of null": b'{"access_token":null,"expires_in":null}',
    "a token that is a list": b'{"access_token":[],"expires_in":[]}',
    "an end that is no number": b'{"access_token":"x","expires_in":"soon"}',
    "an end that is NaN": b'{"access_token":"x","expires_in":NaN}',
    "an end that is endless": b'{"access_token":"x","expires_in":1e999}',
    "an end long ago": b'{"access_token":"x","expires_in":-1e18}',
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_hostile_sign_in_is_a_token_or_a_trouble(name: str) -> None:
    sign_in(TOKENS[name])


def sign_in(answer: bytes, to_others: bytes = b'{"code":0,"data":{"id":"1"}}') -> None:
    async def ask() -> None:
        def answered(path: str) -> bytes:
            return http(answer if "oauth2" in path else to_others)

        async with (
            raw_server(answered) as base,
            Coze(deployment(base), jwt_app(base)) as coze,
            asyncio.timeout(10_000),
        ):
            with suppress(CozeTrouble):
                await create_conversation(coze, "74")
            with suppress(CozeTrouble):
                async with start_run(coze, QUESTION) as arriving:
                    async for _ in arriving:
                        pass

    run_fast(ask(), speed=200)


# --- what once left the client ------------------------------------------------------------------


def test_a_reason_phrase_of_no_text_is_a_trouble() -> None:
    async def ask() -> None:
        async with (
            raw_server(lambda _: b"HTTP/1.1 200 \xff\xfe\r\nConnection: close\r\n\r\n{}") as base,
            Coze(deployment(base), StaticToken("x")) as coze,
        ):
            await ask_everything(coze)

    run_fast(ask(), speed=100)


def test_an_odd_cookie_does_not_break_the_client_for_good() -> None:
    async def ask() -> None:
        first = http(b'{"data":{"id":"9"}}', more="Set-Cookie: é=1\r\n")
        answers = iter([first, http(b'{"data":{"id":"10"}}')])
        async with (
            raw_server(lambda _: next(answers)) as base,
            Coze(deployment(base), StaticToken("x")) as coze,
        ):
            assert await create_conversation(coze, "74") == "9"
            assert await create_conversation(coze, "74") == "10"

    asyncio.run(ask())


def test_a_deep_answer_to_the_sign_in_is_a_trouble() -> None:
    sign_in(b"[" * DEEP)


def test_a_deep_answer_behind_a_sign_in_is_a_trouble() -> None:
    sign_in(b'{"access_token":"x","expires_in":3600}', to_others=b"[" * DEEP)


@pytest.mark.parametrize("token", ["a\r\nX: y", "\ud800"])
def test_a_token_that_no_header_can_hold_is_a_trouble(token: str) -> None:
    sign_in(json.dumps({"access_token": token, "expires_in": 3600}).encode())


def test_a_broken_chunk_does_not_put_the_answer_into_the_logs() -> None:
    async def ask() -> None:
        body = b'event:conversation.message.delta\ndata:{"type":"answer","content":"my secret"}\n\n'
        broken = _SSE + b"Transfer-Encoding: chunked\r\n\r\n" + body
        async with (
            raw_server(lambda _: broken) as base,
            Coze(deployment(base), StaticToken("x")) as coze,
        ):
            with pytest.raises(CozeTrouble) as trouble:
                async with start_run(coze, QUESTION) as arriving:
                    async for _ in arriving:
                        pass
            assert "secret" not in str(trouble.value)

    asyncio.run(ask())


# --- journeys --------------------------------------------------------------------------------------


def delta(content: object) -> Step:
    return Event("conversation.message.delta", json.dumps({"type": "answer", "content": content}))


def completed(**content: object) -> Step:
    return Event("conversation.message.completed", json.dumps({"type": "answer"} | content))


SHORT = [one for one in ODD_JSON if len(str(one)) < 500]
GARBAGE_ANSWERS: dict[str, Sequence[Step]] = {
    "brackets": [Raw("data:" + "[" * DEEP + "\n\n"), delta("A."), *ending()],
    "no JSON": [Raw("event:conversation.message.delta\ndata:{{{\n\n"), *ending()],
    "no events": [Raw("<html>Bad gateway</html>\n\n" * 50)],
    "wrong kinds": [*[delta(one) for one in SHORT], *ending()],
    "completed by wrong kinds": [completed(id=one, content="B.") for one in SHORT],
    "an empty error": [Delta("a", "half"), Event("error", "{}")],
    "an error of a list": [Delta("a", "half"), Event("error", "[]")],
    "an odd failure": [Event("conversation.chat.failed", '{"last_error":[],"code":{}}')],
    "an early end": [Event("done", ""), Delta("a", "late")],
    "an end of nothing": [Event("conversation.chat.completed", "{}"), Event("done", "[DONE]")],
    "tools of nothing": [
        Event("conversation.chat.requires_action", '{"required_action":{"submit_tool_outputs":7}}')
    ],
    "a verbose of brackets": [
        completed(type="verbose", content="[" * 5000), Delta("a", "C."), *ending()
    ],
    "a card of nothing": [Completed("a", '{"data":' * 500, content_type="card"), *ending()],
    "bidi and nul": [Delta("a", "\u202e\u2066\x00\x07 D."), Completed("a"), *ending()],
    "another run": [
        Event("conversation.chat.created", '{"id":null,"conversation_id":{}}'), Delta("a", "E."),
        Completed("a"), *ending()
    ],
    "half a character": [delta("\ud83d"), delta("\ude00"), *ending()],
    "a character never whole": [completed(id="7", content="F \ud83d"), *ending()],
}  # fmt: skip


@pytest.mark.parametrize("name", GARBAGE_ANSWERS)
def test_an_agent_that_talks_garbage_blocks_no_chat(name: str, tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge():
            ann = world.telegram.add_person("Ann")
            world.coze.use(fixed(*GARBAGE_ANSWERS[name]), for_text="garbage")
            world.coze.use(saying("Good."), for_text="fine")
            world.telegram.send(ann, "garbage please")
            first = await world.settled(ann, 1, timeout=100)
            assert first.text.strip()
            world.telegram.send(ann, "fine?")
            assert (await world.settled(ann, 2, timeout=100)).text == "Good."
            assert [one.question for one in world.coze.asked] == ["garbage please", "fine?"]

    run_fast(journey())
