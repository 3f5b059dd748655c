"""The bridge as a process that can be killed: started from a server that has imported it already."""

import asyncio
import multiprocessing
import os
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from itertools import count
from multiprocessing import forkserver
from pathlib import Path

import pytest
from fast import run_fast_together
from worlds import eventually

from bridge.failpoints import VARIABLE
from bridge.ops import logs
from bridge.ops.run import run
from bridge.settings.environment import settings_from

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["processes"])
_numbers = count()


def _serve_forks() -> None:
    """Start the server of forks, which finds this module by the environment only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        forkserver.ensure_running()


def _live(variables: Mapping[str, str], crash_at: str, output: str, speed: float) -> None:
    """What `bridge run` does, in the new process."""
    sys.stdout = sys.stderr = Path(output).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115
    if crash_at:
        os.environ[VARIABLE] = crash_at
    settings = settings_from(variables)
    logs.set_up(settings.bridge_log_level, settings.bridge_log_format)
    run_fast_together(run(settings), speed)


class Bridge:
    """One `bridge run`, which dies at a named point if one is given."""

    def __init__(
        self,
        variables: Mapping[str, str],
        folder: Path,
        crash_at: str = "",
        *,
        speed: float = 1.0,
    ) -> None:
        """`speed` is that of the test's own loop, so that both have the same seconds."""
        self.output = folder / f"output of {next(_numbers)}"
        _serve_forks()
        self._process = _forks.Process(
            target=_live, args=(dict(variables), crash_at, str(self.output), speed)
        )
        self._process.start()

    async def ready(self, seconds: float = 60.0) -> None:
        """Return when it runs and hears signals. Raises TimeoutError."""

        def said() -> bool:
            return self.output.exists() and " ready " in self.output.read_text("utf-8")

        await eventually(said, seconds)

    async def ended(self, seconds: float = 60.0) -> int:
        """Its exit code, once it has ended: -9 when it was killed."""
        loop = asyncio.get_running_loop()
        gone = loop.create_future()
        loop.add_reader(self._process.sentinel, gone.cancel)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.wait([gone])
        finally:
            loop.remove_reader(self._process.sentinel)
            gone.cancel()
        self._process.join()
        code = self._process.exitcode
        assert code is not None
        return code

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()

    def terminate(self) -> None:
        """Ask it to stop."""
        self._process.terminate()


def unfinished(folder: Path) -> int:
    """How many turns are open, and how many posts there are of which a copy may stand."""
    query = """SELECT (SELECT count(*) FROM orphans)
        + (SELECT count(*) FROM turns WHERE state IN ('waiting', 'running'))"""
    with closing(sqlite3.connect(folder / "bridge.db")) as database:
        (count,) = database.execute(query).fetchone()
        return int(count)
