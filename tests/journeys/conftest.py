"""A world for each journey."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from fast import FastLoop
from worlds import World, a_world

SPEED = 10.0
IN_SECONDS_OF_THE_WALL = ("test_crashes.py", "test_dashboard_page.py", "test_sandbox_page.py")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Both emulators, answering without pauses; a journey starts the bridge itself."""
    async with a_world(tmp_path) as made:
        yield made


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Journeys wait in seconds of a tenth of the wall's, but those with other processes or pages."""
    if item.path.name in IN_SECONDS_OF_THE_WALL:
        return {"seconds of the wall": asyncio.new_event_loop}
    return {"short seconds": lambda: FastLoop(SPEED)}
