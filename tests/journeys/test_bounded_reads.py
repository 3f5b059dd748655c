"""Whatever a neighbour sends has a size and an end, and our own servers wait for nobody for long."""

import asyncio
import gzip
import json
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send
from worlds import World, a_world, in_a_fast_world, in_a_world_of_speed

from bridge.coze.auth import StaticToken
from bridge.coze.client import Coze
from bridge.coze.conversations import create_conversation
from bridge.coze.regions import deployment
from bridge.errors.coze import CozeTrouble, Garbled, Interrupted
from bridge.ops.http import pages
from bridge.sandbox.coze import Pace, saying
from bridge.sandbox.coze.scripts.steps import Completed, Delta, Open, Step, Turn
from bridge.serving import serving
from bridge.store.tables import turns

pytestmark = pytest.mark.slow

Answer = Callable[[Send], Awaitable[None]]


def answering(answer: Answer) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send)

    return app


async def begin(send: Send, **headers: str) -> None:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})


async def body(send: Send, piece: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": piece, "more_body": more})
    await asyncio.sleep(0)  # once the reader is gone, uvicorn's `send` waits for nothing


def bomb() -> bytes:
    """Some hundred kilobytes that are 400 MB of blanks once they are unpacked."""
    packer = zlib.compressobj(9, wbits=31)
    blanks = b" " * (1 << 20)
    return b"".join([packer.compress(blanks) for _ in range(400)]) + packer.flush()


def coze_at(address: str) -> Coze:
    return Coze(deployment(address), StaticToken("pat_sandbox"))


async def test_a_small_answer_that_unpacks_to_a_giant_is_refused() -> None:
    packed = bomb()
    assert len(packed) < 500_000

    async def answer(send: Send) -> None:
        await begin(send, content_type="application/json", content_encoding="gzip")
        await body(send, packed, more=False)

    async with serving(answering(answer)) as address, coze_at(address) as coze:
        with pytest.raises(Garbled, match="over 8388608 bytes"):
            await create_conversation(coze, "7400000000000000001")


async def test_a_packed_answer_of_a_common_size_is_read() -> None:
    packed = gzip.compress(json.dumps({"code": 0, "data": {"id": "74"}}).encode())

    async def answer(send: Send) -> None:
        await begin(send, content_type="application/json", content_encoding="gzip")
        await body(send, packed, more=False)

    async with serving(answering(answer)) as address, coze_at(address) as coze:
        assert await create_conversation(coze, "7400000000000000001") == "74"


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_without_end_is_refused(stream: bool) -> None:
    async def answer(send: Send) -> None:
        await begin(send, content_type="text/event-stream" if stream else "application/json")
        await body(send, b'{"code": 0, "data": "')
        while True:
            await body(send, b"x" * 65_536)

    async with serving(answering(answer)) as address, coze_at(address) as coze:
        with pytest.raises(CozeTrouble, match="over 8388608 bytes"):
            if stream:
                async with coze.stream("Asking", "/v3/chat", query={}, body={}) as events:
                    [event async for event in events]
            await create_conversation(coze, "7400000000000000001")


@in_a_fast_world
async def test_an_answer_that_drips_has_a_deadline(world: World) -> None:
    async def answer(send: Send) -> None:
        await begin(send, content_type="application/json")
        while True:
            await body(send, b" ")
            await asyncio.sleep(2)

    loop = asyncio.get_running_loop()
    async with serving(answering(answer)) as address, coze_at(address) as coze:
        begun = loop.time()
        with pytest.raises(Interrupted, match="no whole answer within 60 s"):
            await create_conversation(coze, "7400000000000000001")
        assert 55 < loop.time() - begun < 90
    assert world.posts


async def test_a_file_larger_than_was_said_is_not_taken(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        ann = world.telegram.add_person("Ann")
        world.coze.use(saying("An answer."))
        giant = b"x" * (30 << 20)
        async with world.bridge():
            world.telegram.send_document(ann, "a.txt", giant, caption="what?", file_size=5)
            post = await world.settled(ann, 1, timeout=60)
    assert "20 MB" in post.text
    assert "An answer." in post.text


@pytest.mark.parametrize("how", ["text", "reasoning"])
async def test_an_agent_that_never_stops_is_stopped(tmp_path: Path, how: str) -> None:
    words = "words that go on and on " * 400

    def for_ever(_: Turn) -> Iterator[Step]:
        yield Open("answer")
        for _ in range(400):
            yield Delta("answer", **{how: words})
        yield Completed("answer")

    async with a_world(tmp_path) as world:
        ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
        world.coze.use(for_ever, for_text="for ever")
        world.coze.pace = Pace(0, 0.02)  # else it may all be said before anybody stops it
        world.coze.use(saying("A short answer."))
        async with world.bridge() as app:
            world.telegram.send(ann, "for ever")
            world.telegram.send(bo, "hello")
            await world.settled(bo, 1, timeout=60)
            await world.telegram.until(
                lambda: any(run.status == "canceled" for run in world.coze.runs.values()), 30
            )
            async with asyncio.timeout(60):
                while True:
                    async with app.store.reading() as tx:
                        mine = turns.select().where(turns.c.sender_id == ann.id)
                        row = (await tx.execute(mine)).one()
                    if row.final is not None or row.state != "running":
                        break
                    await asyncio.sleep(0.1)
    if row.final is not None:  # it may still be shown, post by post
        assert row.final["reply_state"]["note"] == "reply.too_long"
        assert sum(map(len, row.final["reply_state"]["answers"])) < 300_000
    else:
        assert row.state == "stopped"


@in_a_world_of_speed(200.0)
async def test_a_run_has_its_time_and_people_hear_that_it_goes_on(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("late"))
    world.coze.pace = Pace(5000, 0)
    async with world.bridge(BRIDGE_STREAMING="edits"):
        world.telegram.send(ann, "hello")
        await world.telegram.until(
            lambda: any("still at it" in post.text for post in world.posts(ann)), 20_000
        )
        await world.telegram.until(
            lambda: any("took too long" in post.text for post in world.posts(ann)), 200_000
        )
    (run,) = world.coze.runs.values()
    assert run.status == "canceled"


async def served(tmp_path: Path) -> AsyncIterator[int]:
    async with a_world(tmp_path) as world:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            port = int(held.getsockname()[1])
        async with world.bridge() as app:
            settings = world.settings.model_copy(update={"bridge_health_port": port})
            async with pages(app, settings):
                yield port


async def test_half_requests_do_not_use_up_the_files(tmp_path: Path) -> None:
    async for port in served(tmp_path):
        halves = [await asyncio.open_connection("127.0.0.1", port) for _ in range(150)]
        for _, writer in halves:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        await asyncio.sleep(0)
        gone = 0
        for reader, _ in halves[-40:]:
            try:
                async with asyncio.timeout(5):
                    gone += await reader.read() == b""
            except ConnectionError:
                gone += 1
        assert gone == 40
        for _, writer in halves:
            writer.close()
        async with asyncio.timeout(10):
            while True:  # until the server has seen that they are gone
                try:
                    async with httpx.AsyncClient(trust_env=False) as http:
                        answer = await http.get(f"http://127.0.0.1:{port}/healthz")
                        break
                except httpx.HTTPError:
                    await asyncio.sleep(0.05)
        assert answer.status_code == 200


@in_a_fast_world
async def test_a_half_request_is_not_waited_for(world: World) -> None:
    async def answer(send: Send) -> None:
        await begin(send, content_length="2")
        await body(send, b"ok", more=False)

    async with serving(answering(answer)) as address:
        port = int(address.rpartition(":")[2])
        for half in (b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"POST / HTTP/1.1\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(half)
            async with asyncio.timeout(60):
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
            writer.close()
    assert world.posts


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_a_foreign_host_is_refused(tmp_path: Path, path: str) -> None:
    async for port in served(tmp_path):
        async with httpx.AsyncClient(trust_env=False) as http:
            for host, refused in (("evil.example", True), ("localhost:1", False)):
                answer = await http.get(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
                assert (answer.status_code == 403) is refused


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "zstd", "compress"])
async def test_an_answer_in_another_packing_is_not_unpacked(coding: str) -> None:
    async def answer(send: Send) -> None:
        await begin(send, content_type="application/json", content_encoding=coding)
        await body(send, gzip.compress(gzip.compress(b" " * 1_000_000)), more=False)

    async with serving(answering(answer)) as address, coze_at(address) as coze:
        with pytest.raises(CozeTrouble):
            await create_conversation(coze, "7400000000000000001")


@pytest.mark.parametrize("kind", ["answers", "empty", "suggestions"])
async def test_a_run_of_countless_parts_is_cut_or_read(world: World, kind: str) -> None:
    def parts(_: Turn) -> Iterator[Step]:
        for number in range(2000):
            yield Open(f"a{number}")
            if kind == "answers":
                yield Delta(f"a{number}", "x")
            elif kind == "empty":
                yield Completed(f"a{number}", "")
            else:
                yield Completed(f"a{number}", f"And number {number}?", type="follow_up")
        yield Completed("end", "done")

    ann, bo = world.telegram.add_person("Ann"), world.telegram.add_person("Bo")
    world.coze.use(parts, for_text="for ever")
    async with world.bridge() as app:
        world.telegram.send(ann, "for ever")
        world.telegram.send(bo, "/help")
        await world.settled(bo, 1, timeout=60)
        await world.telegram.until(lambda: bool(world.coze.runs) and len(app.lanes) == 0, 120)
        async with app.store.reading() as tx:
            row = (await tx.execute(turns.select())).one()
    assert row.state == ("answered" if kind == "suggestions" else "stopped")
