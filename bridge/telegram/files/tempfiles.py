"""Temporary files: each in a folder that is gone with its context, or an hour after a crash."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LEAD = "coze-bridge-"
LEFT_SECONDS = 3600.0
"""No file of ours is needed for so long: an older folder was left by a process that died."""


@contextmanager
def folder() -> Iterator[Path]:
    """Give a folder that nobody else reads."""
    with tempfile.TemporaryDirectory(prefix=_LEAD, ignore_cleanup_errors=True) as name:
        yield Path(name)


def left() -> list[Path]:
    """Return the folders that there are now."""
    return [*Path(tempfile.gettempdir()).glob(f"{_LEAD}*")]


def sweep() -> None:
    """Remove what processes left that died."""
    old = time.time() - LEFT_SECONDS
    for each in left():
        with suppress(OSError):
            if each.is_dir() and not each.is_symlink() and each.stat().st_mtime < old:
                shutil.rmtree(each, ignore_errors=True)
