"""As a service of systemd: what it is told, when its watchdog starves, and what the unit allows."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from worlds import World, a_world, kept_port

from bridge.ops.systemd import Systemd
from bridge.settings import Settings

pytestmark = pytest.mark.slow

UNIT = Path(__file__).parents[2] / "deploy" / "coze-telegram-bridge.service"


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    async def heard(self, seconds: float = 20.0) -> str:
        async with asyncio.timeout(seconds):
            found = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
        return found.decode()

    def nothing(self) -> bool:
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    yield made
    made.close()


@pytest.fixture
async def world(tmp_path: Path):
    async with a_world(tmp_path) as made:
        yield made


async def test_the_watchdog_is_fed_while_all_is_well(manager: Manager) -> None:
    variables = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "30000"}
    well, looked = True, asyncio.Event()

    def look() -> bool:
        looked.set()
        return well

    async with Systemd(variables).told(look):
        assert await manager.heard() == "READY=1\nSTATUS=Listening to Telegram."
        assert await manager.heard() == "WATCHDOG=1"
        assert await manager.heard() == "WATCHDOG=1"
        well = False
        for _ in range(3):
            looked.clear()
            await looked.wait()
        while not manager.nothing():  # what was on its way before
            pass
        for _ in range(3):
            looked.clear()
            await looked.wait()
        assert manager.nothing()
    assert (await manager.heard()).startswith("STOPPING=1\n")


async def test_without_systemd_or_with_another_processes_watchdog_nothing_happens(
    manager: Manager,
) -> None:
    async with Systemd({}).told(lambda: True):
        pass
    variables = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}
    async with Systemd(variables).told(lambda: True):
        assert (await manager.heard()).startswith("READY=1\n")
        await asyncio.sleep(0)
        assert manager.nothing()
    assert (await manager.heard()).startswith("STOPPING=1\n")
    async with Systemd({"NOTIFY_SOCKET": "/nowhere/notify"}).told(lambda: True):
        pass


async def test_the_process_says_when_it_works_and_when_it_ends(
    world: World, manager: Manager, tmp_path: Path
) -> None:
    read, write = os.pipe()
    there = os.fstat(write)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with kept_port() as port:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bridge", "run", cwd=tmp_path, stderr=write,
            env={
                **kept, **world.variables, "NOTIFY_SOCKET": str(manager.path),
                "WATCHDOG_USEC": "600000", "BRIDGE_HEALTH_PORT": str(port),
                "JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}",
            },
        )  # fmt: skip
        os.close(write)
        assert (await manager.heard()).startswith("READY=1\n")
        assert await manager.heard() == "WATCHDOG=1"
        process.send_signal(signal.SIGTERM)
        while not (await manager.heard()).startswith("STOPPING=1"):
            pass
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    with os.fdopen(read, encoding="utf-8") as logged:
        lines = logged.read().splitlines()
    (ready,) = [line for line in lines if " ready " in line]
    assert ready.startswith("<6>[info")  # no time of ours
    assert not [line for line in lines if line[:2] == "20"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_the_unit_is_right_and_lets_the_process_do_little() -> None:
    words = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT)]
    judged = subprocess.run(words, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout[-300:]
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True, check=False
    )
    said = [line for line in verified.stderr.splitlines() if UNIT.name in line]
    assert [line for line in said if "is not executable" not in line] == []


def test_the_unit_gives_an_answer_the_time_to_end() -> None:
    lines = dict(line.split("=", 1) for line in UNIT.read_text("utf-8").splitlines() if "=" in line)
    assert (
        float(lines["TimeoutStopSec"]) > 3 * Settings.model_fields["bridge_grace_seconds"].default
    )
    assert lines["Type"] == "notify"
