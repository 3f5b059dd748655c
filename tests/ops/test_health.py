"""`/healthz`: green while all is well, red with the reason while it is not, green again after."""

import sqlite3
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from fast import run_fast
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from worlds import World, a_world, eventually, kept_port

from bridge.app import App
from bridge.errors import Trouble
from bridge.ops.health import ask
from bridge.ops.http import pages
from bridge.sandbox.coze import saying
from bridge.serving import serving
from bridge.settings.environment import settings_from


def served(world: World, app: App, port: int) -> AbstractAsyncContextManager[None]:
    variables = {**world.variables, "BRIDGE_HEALTH_PORT": str(port)}
    return pages(app, settings_from(variables))


async def look(port: int) -> tuple[int, list[str]]:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/healthz", timeout=1000)
    return answer.status_code, answer.json()["faults"]


def test_health_is_red_with_the_reason_while_the_database_is_locked(tmp_path: Path) -> None:
    async def journey(port: int) -> None:
        async with a_world(tmp_path) as world, world.bridge() as app, served(world, app, port):
            assert await look(port) == (200, [])
            other = sqlite3.connect(tmp_path / "bridge.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            ann = world.telegram.add_person("Ann")
            world.coze.use(saying("An answer."))
            world.telegram.send(ann, "hello")
            await eventually(lambda: app.store.fault, 1000)
            status, faults = await look(port)
            assert (status, len(faults)) == (503, 1)
            assert "database is locked" in faults[0]
            other.execute("ROLLBACK")
            other.close()
            await world.settled(ann, 1, timeout=1000)
            assert await look(port) == (200, [])

    with kept_port() as port:
        run_fast(journey(port))


async def test_a_taken_port_is_a_clear_trouble(world: World) -> None:
    async with world.bridge() as app, serving(world.coze.app) as address:
        with pytest.raises(Trouble, match="BRIDGE_HEALTH_PORT"):
            async with served(world, app, int(address.rpartition(":")[2])):
                pass


@pytest.fixture
async def world(tmp_path: Path):
    async with a_world(tmp_path) as made:
        yield made


async def test_the_command_asks_the_running_bridge(world: World) -> None:
    assert await ask({}) == (False, "Set BRIDGE_HEALTH_PORT, for this and for bridge run.")
    with kept_port() as port:
        variables = {"BRIDGE_HEALTH_PORT": str(port), "HTTP_PROXY": "http://127.0.0.1:9"}
        assert await ask(variables) == (
            False,
            f"No bridge answers at http://127.0.0.1:{port}/healthz (it refused the connection).",
        )
        async with world.bridge() as app, served(world, app, port):
            assert await ask(variables) == (True, "The bridge is well.")


async def test_the_command_says_what_is_wrong() -> None:
    async def ill(_: Request) -> JSONResponse:
        return JSONResponse({"ok": False, "faults": ["It is deaf.", "It cannot write."]}, 503)

    async with serving(Starlette(routes=[Route("/healthz", ill)])) as address:
        port = address.rpartition(":")[2]
        assert await ask({"BRIDGE_HEALTH_PORT": port}) == (False, "It is deaf.\nIt cannot write.")


async def test_another_program_on_the_port_is_no_bridge(world: World) -> None:
    async with serving(world.coze.app) as address:
        port = address.rpartition(":")[2]
        assert await ask({"BRIDGE_HEALTH_PORT": port}) == (
            False,
            f"What answers at {address}/healthz is no bridge.",
        )


async def test_health_is_asked_from_elsewhere_only_where_a_setting_says_so(world: World) -> None:
    foreign = {"Host": "bridge.example.org"}
    with kept_port() as port:
        for host, status in (("127.0.0.1", 403), ("0.0.0.0", 200)):
            world.variables["BRIDGE_HEALTH_HOST"] = host
            async with (
                world.bridge() as app,
                served(world, app, port),
                httpx.AsyncClient() as client,
            ):
                answer = await client.get(f"http://127.0.0.1:{port}/healthz", headers=foreign)
                assert answer.status_code == status
