"""What the libraries alone cost on this machine: the measure for all other costs.

Run with `python -m benchmarks.bare`. Nothing of the bridge runs here: an answer is 247 deltas that httpx
reads, 15 edits by python-telegram-bot and 18 statements of SQLAlchemy, at the pace of `benchmarks.reply`;
with `--short` one of `benchmarks.cluster`: 6 deltas, 2 calls, 18 statements on a PostgreSQL from a wheel.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import httpx
import uvloop
from httpx_aiohttp import AiohttpTransport
from sqlalchemy import (
    Column,
    Executable,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from telegram import Bot
from telegram.request import HTTPXRequest

from benchmarks.postgresql import server
from bridge.serving import serving

CALLS = 300
DELTAS, DELTA_SECONDS = 247, 0.075
EDITS, EDIT_SECONDS = 15, 1.25
TRANSACTIONS, STATEMENTS = 8, 18
"""What one answer of `benchmarks.reply` is made of."""
SHORT_DELTAS, SHORT_CALLS, SHORT_SECONDS = 6, 2, 20.0
"""What one of `benchmarks.cluster` is made of, and for how long they are made."""
_MESSAGE = {"message_id": 5, "date": 1, "chat": {"id": 5, "type": "private"}, "text": "hi"}
_DELTA = {
    "id": "7379462189365198898",
    "conversation_id": "7379462189365198899",
    "bot_id": "7379462189365198900",
    "chat_id": "7379462189365198901",
    "role": "assistant",
    "type": "answer",
    "content": " depth",
    "content_type": "text",
}
_IMPORTED = (
    "uvloop", "typer", "structlog", "pydantic", "telegram", "httpx_aiohttp", "sqlalchemy.ext.asyncio",
    "aiosqlite", "markdown_it", "babel.dates", "jinja2", "starlette.applications", "uvicorn",
    "prometheus_client", "jwt", "wcwidth", "filelock",
)  # fmt: skip
"""What a bridge on SQLite needs of its libraries."""
_IMPORT = f"""
import importlib, resource
for name in {_IMPORTED!r}:
    importlib.import_module(name)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


async def _answer(request: Request) -> Response:
    await request.body()
    return JSONResponse({"ok": True, "result": _MESSAGE})


async def _stream(request: Request) -> Response:
    count, seconds = (SHORT_DELTAS, 0.1) if "short" in request.url.path else (DELTAS, DELTA_SECONDS)

    async def deltas() -> AsyncIterator[bytes]:
        event = f"event:conversation.message.delta\ndata:{json.dumps(_DELTA)}\n\n".encode()
        for _ in range(count):
            yield event
            await asyncio.sleep(seconds)

    return StreamingResponse(deltas(), media_type="text/event-stream")


async def _serve() -> None:
    """Serve Telegram and Coze in a process whose cost is not counted, and print their address."""
    routes = [
        Route("/stream", _stream, methods=["POST"]),
        Route("/short", _stream, methods=["POST"]),
        Route("/{rest:path}", _answer, methods=["POST"]),
    ]
    async with serving(Starlette(routes=routes)) as address:
        print(address, flush=True)
        await asyncio.Event().wait()


async def _edits(bot: Bot) -> float:
    """Return the milliseconds of processor time of one edit, many of which follow each other."""
    await bot.edit_message_text("warm", 5, 5)
    begun = time.process_time()
    for _ in range(CALLS):
        await bot.edit_message_text("x" * 600, 5, 5)
    return (time.process_time() - begun) / CALLS * 1000


async def _answers(address: str, bot: Bot, chats: int) -> float:
    """Return the milliseconds of processor time of one answer, when so many chats get one at once."""

    async def show() -> None:
        for _ in range(EDITS):
            await bot.edit_message_text("x" * 600, 5, 5)
            await asyncio.sleep(EDIT_SECONDS)

    store = _store()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(transport=AiohttpTransport(limits=limits), timeout=60) as client:
        begun = time.process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(chats):
                _write(*store)
                group.create_task(_read(client, f"{address}/stream"))
                group.create_task(show())
        return (time.process_time() - begun) / chats * 1000


async def _read(client: httpx.AsyncClient, address: str) -> None:
    async with client.stream("POST", address, json={}) as response:
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                json.loads(line[5:])


async def _short_answers(address: str, bot: Bot, rate: float) -> float:
    """Return the milliseconds of processor time of one short answer, when so many a second are made."""
    metadata = MetaData()
    kinds, limits = _statements(metadata), httpx.Limits(max_connections=None)

    async def answer(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
        for first, last in _transactions():
            async with engine.begin() as connection:
                for number in range(first, last):
                    await connection.execute(kinds[number % len(kinds)]())
        await _read(client, f"{address}/short")
        for _ in range(SHORT_CALLS):
            await bot.edit_message_text("x" * 100, 5, 5)

    async with (
        server() as database,
        httpx.AsyncClient(transport=AiohttpTransport(limits=limits), timeout=60) as client,
    ):
        url = database.address.replace("postgresql://", "postgresql+asyncpg://")
        engine = create_async_engine(url, pool_size=14)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        begun, count = time.process_time(), int(rate * SHORT_SECONDS)
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(answer(client, engine))
                await asyncio.sleep(1 / rate)
        used = time.process_time() - begun
        await engine.dispose()
        return used / count * 1000


def _store() -> tuple[Engine, Sequence[Callable[[], Executable]]]:
    """Return a database in memory, and what is asked of it."""
    engine, metadata = create_engine("sqlite://"), MetaData()
    kinds = _statements(metadata)
    metadata.create_all(engine)
    return engine, kinds


def _statements(metadata: MetaData) -> Sequence[Callable[[], Executable]]:
    """Return what is asked of a table, which is added to `metadata`."""
    columns = [Column(f"c{number}", Text) for number in range(20)]
    rows = Table("rows", metadata, Column("id", Integer, primary_key=True), *columns)
    one = rows.c.id == 1
    return (
        lambda: insert(rows).values(c1="x", c2="y", c3="z"),
        lambda: select(rows).where(one, rows.c.c1 == "x"),
        lambda: update(rows).where(one, rows.c.c2 == "y").values(c4="a", c5="b"),
    )


def _write(engine: Engine, kinds: Sequence[Callable[[], Executable]]) -> None:
    """Run one answer's statements."""
    for first, last in _transactions():
        with engine.begin() as connection:
            for number in range(first, last):
                connection.execute(kinds[number % len(kinds)]())


def _transactions() -> Iterator[tuple[int, int]]:
    """Yield which statements each transaction has."""
    for transaction in range(TRANSACTIONS):
        yield (
            STATEMENTS * transaction // TRANSACTIONS,
            STATEMENTS * (transaction + 1) // TRANSACTIONS,
        )


async def _measure(address: str, chats: Sequence[int], short: float | None) -> None:
    request = HTTPXRequest(connection_pool_size=max(chats) + 100, pool_timeout=60)
    bot = Bot("42:SANDBOX", base_url=f"{address}/bot", request=request)
    edit = await _edits(bot)
    print(f"{edit:.2f} ms of processor time for one bare edit")
    if short:
        answer = await _short_answers(address, bot, short)
        print(
            f"{answer:.1f} ms for a short answer, {short:g} a second: {answer / edit:.0f} bare edits"
        )
    for count in () if short else chats:
        answer = await _answers(address, bot, count)
        print(f"{answer:.0f} ms for an answer, {count} at once: {answer / edit:.0f} bare edits")
    await bot.shutdown()


async def _beside_a_server(chats: Sequence[int], short: float | None) -> None:
    serve = (sys.executable, "-m", "benchmarks.bare", "--serve")
    sides = await asyncio.create_subprocess_exec(*serve, stdout=asyncio.subprocess.PIPE)
    assert sides.stdout is not None  # noqa: S101  # it is a pipe
    try:
        await _measure((await sides.stdout.readline()).decode().strip(), chats, short)
    finally:
        sides.terminate()
        await sides.wait()


def main(chats: Sequence[int], short: float | None) -> None:
    """Measure and print."""
    memory = subprocess.check_output([sys.executable, "-c", _IMPORT])  # noqa: S603  # our own words
    print(f"{float(memory):.0f} MiB for importing the libraries")
    uvloop.run(_beside_a_server(chats, short))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chats", type=int, nargs="*", default=[1, 100], help="answers at once")
    parser.add_argument("--short", type=float, help="short answers a second, instead")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(_serve())
    else:
        main(given.chats, given.short)
