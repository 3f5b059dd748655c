"""The whole schema: the tables of both files."""

from bridge.store.operators import tables as _  # noqa: F401  # importing it adds its tables
from bridge.store.tables import metadata

__all__ = ["metadata"]
