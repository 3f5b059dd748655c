"""The whole schema: the tables of all files."""

from bridge.store.coze import tables as _coze  # noqa: F401  # importing it adds its tables
from bridge.store.operators import tables as _operators  # noqa: F401
from bridge.store.tables import metadata

__all__ = ["metadata"]
