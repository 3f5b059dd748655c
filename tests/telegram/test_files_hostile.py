"""What is hostile in files, in what answers link to, and in the bytes of both."""

import asyncio
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.sandbox.serving import serving
from bridge.telegram.fetching import Fetching, NotFetched

HOMES = (
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "127\u30020\u30020\u30021",
    "127.0.0.\uff11",
)
"""This machine, in letters that a client folds into digits."""


@pytest.mark.parametrize("host", HOMES)
async def test_folded_letters_lead_nowhere_home(host: str, tmp_path: Path) -> None:
    connections = 0

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        home = f"http://{host}:{server.sockets[0].getsockname()[1]}/"

        async def away(_: Request) -> Response:
            return Response(b"", 302, {"Location": home.encode().decode("latin-1")})

        async with serving(Starlette(routes=[Route("/", away)])) as base:
            fetching = Fetching([base.removeprefix("http://")], whole_seconds=2)
            for address in (home, f"{base}/"):
                with pytest.raises(NotFetched):
                    await fetching.fetch(address, tmp_path / "a", 1000)
    assert connections == 0
