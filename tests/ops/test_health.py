"""`/healthz`: green while all is well, red with the reason while it is not, green again after."""

import sqlite3
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from fast import run_fast
from worlds import World, a_world, eventually, kept_port

from bridge.app import App
from bridge.errors import Trouble
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
