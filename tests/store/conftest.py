"""A store on either database."""

from collections.abc import AsyncIterator
from pathlib import Path

import postgres
import pytest
from worlds import put_database

from bridge.store.engine import Store


@pytest.fixture(params=["sqlite", "postgresql"])
async def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database with the newest schema."""
    if request.param == "postgresql":
        return await postgres.server().new_database()
    path = tmp_path / "test.db"
    await put_database(path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def store(address: str) -> AsyncIterator[Store]:
    """The store on it."""
    made = Store(address)
    yield made
    await made.close()
