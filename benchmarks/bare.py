"""What one call costs on this machine with the library alone: the measure for all other costs.

Run with `python -m benchmarks.bare`.
"""

import asyncio
import threading
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from telegram import Bot

from bridge.serving import serving

CALLS = 300
_MESSAGE = {"message_id": 5, "date": 1, "chat": {"id": 5, "type": "private"}, "text": "hi"}


async def _answer(request: Request) -> JSONResponse:
    await request.body()
    return JSONResponse({"ok": True, "result": _MESSAGE})


def _serve(addresses: list[str], ready: threading.Event) -> None:
    """A server in a thread of its own, whose processor time is not counted."""

    async def serve() -> None:
        async with serving(
            Starlette(routes=[Route("/{rest:path}", _answer, methods=["POST"])])
        ) as one:
            addresses.append(one)
            ready.set()
            await asyncio.Event().wait()

    asyncio.run(serve())


async def _measure(address: str) -> float:
    """Milliseconds of processor time for one editMessageText."""
    bot = Bot("42:SANDBOX", base_url=f"{address}/bot")
    await bot.edit_message_text("warm", 5, 5)
    begun = time.thread_time()
    for _ in range(CALLS):
        await bot.edit_message_text("x" * 600, 5, 5)
    spent = time.thread_time() - begun
    await bot.shutdown()
    return spent / CALLS * 1000


def main() -> None:
    """Measure and print."""
    addresses: list[str] = []
    ready = threading.Event()
    threading.Thread(target=_serve, args=(addresses, ready), daemon=True).start()
    ready.wait()
    print(f"{asyncio.run(_measure(addresses[0])):.2f} ms of processor time for one bare edit")


if __name__ == "__main__":
    main()
