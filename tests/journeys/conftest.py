"""A world for each journey."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from worlds import World, a_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Both emulators, answering without pauses; a journey starts the bridge itself."""
    async with a_world(tmp_path) as made:
        yield made
