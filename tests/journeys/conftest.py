"""A world for each journey."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import planted
import pytest
from fast import FastLoop
from worlds import BOT_TOKEN, COZE_TOKEN, World, a_world, made

SPEED = 10.0
IN_SECONDS_OF_THE_WALL = (
    "test_crashes.py",
    "test_dashboard_page.py",
    "test_backup_and_restore.py",
    "test_on_postgresql.py",
    "test_sandbox_agents.py",
    "test_sandbox_page.py",
    "test_several_processes.py",
)


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No token and no message stands in a file, a table or a log where none should."""
    made.clear()
    yield
    told = capsys.readouterr()
    sys.stdout.write(told.out)
    sys.stderr.write(told.err)
    words = [text for world in made for text in world.planted()]
    assert planted.bytes_with(tmp_path, (BOT_TOKEN, COZE_TOKEN)) == []
    assert planted.columns_with(tmp_path, words) == []
    logged = told.out + told.err
    assert [one for one in (BOT_TOKEN, COZE_TOKEN, *words) if one in logged] == []


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Both emulators, answering without pauses; a journey starts the bridge itself."""
    async with a_world(tmp_path) as there:
        yield there


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Journeys wait in seconds of a tenth of the wall's, but those with other processes or pages."""
    if item.path.name in IN_SECONDS_OF_THE_WALL:
        return {"seconds of the wall": asyncio.new_event_loop}
    return {"short seconds": lambda: FastLoop(SPEED)}
