"""A store on either database."""

from collections.abc import AsyncIterator
from pathlib import Path

import postgres
import pytest
from worlds import put_database

from bridge.store.engine import Store


@pytest.fixture(params=["sqlite", "postgresql"])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of an empty database with the newest schema."""
    if request.param == "postgresql":
        async with postgres.server().database() as address:
            yield address
        return
    path = tmp_path / "test.db"
    await put_database(path)
    yield f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    """The store on it."""
    made = Store(address)
    yield made
    await made.close()
