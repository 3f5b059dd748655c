"""A program on a terminal of its own, to which a person types."""

import asyncio
import fcntl
import os
import signal
import sys
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path


class Terminal:
    """What stands on the terminal, and the keyboard."""

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self._master = master
        self._seen = 0
        self._came = asyncio.Event()
        self.process = process
        self.text = ""

    def read(self) -> None:
        try:
            self.text += os.read(self._master, 65536).decode("utf-8", "replace")
        except OSError:  # the program has ended
            asyncio.get_running_loop().remove_reader(self._master)
        self._came.set()

    async def until(self, words: str, seconds: float = 30.0) -> None:
        """Wait until some words stand behind those that were waited for last."""
        try:
            async with asyncio.timeout(seconds):
                while words not in self.text[self._seen :]:
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise AssertionError(f"{words!r} does not stand in\n{self.text}") from None
        self._seen = self.text.index(words, self._seen) + len(words)

    def type(self, line: str) -> None:
        """Type a line and Enter."""
        os.write(self._master, f"{line}\n".encode())

    async def interrupt(self) -> int:
        """Press Ctrl-C until the program ends; returns what a shell would say of it.

        Pressed again, as one that comes just before a line is read is not seen. An interpreter that
        is already on its way out is ended by the signal itself: 130 to a shell, too.
        """
        while self.process.returncode is None:
            os.write(self._master, b"\x03")
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.process.wait()
        code = self.process.returncode
        return code if code >= 0 else 128 - code

    async def answer(self, prompt: str, line: str) -> None:
        """Wait for a question, and answer it."""
        await self.until(prompt)
        self.type(line)

    async def ended(self, seconds: float = 60.0) -> int:
        async with asyncio.timeout(seconds):
            return await self.process.wait()


def _take_the_terminal() -> None:
    """Be the program on the terminal, which Ctrl-C reaches; those who run tests may ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@asynccontextmanager
async def terminal(
    *words: str, variables: Mapping[str, str], folder: Path
) -> AsyncIterator[Terminal]:
    """`bridge …` on a terminal, with these variables."""
    master, slave = os.openpty()
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge", *words,
        env={**kept, "TERM": "dumb", **variables}, cwd=folder,
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        preexec_fn=_take_the_terminal,
    )  # fmt: skip
    os.close(slave)
    here = Terminal(master, process)
    loop = asyncio.get_running_loop()
    loop.add_reader(master, here.read)
    try:
        yield here
    finally:
        loop.remove_reader(master)
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(master)
