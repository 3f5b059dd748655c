"""A whole world on the loopback address: both emulators over real HTTP, and the real app."""

import asyncio
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fast import run_fast

from bridge.app import App, running
from bridge.sandbox.coze import DEFAULT_BOT_ID, CozeEmulator, Pace
from bridge.sandbox.journal import Journal
from bridge.sandbox.telegram import Budgets, Group, Message, Person, TelegramEmulator
from bridge.serving import serving
from bridge.settings import Settings
from bridge.settings.environment import settings_from
from bridge.store import inbox, migrate
from bridge.store.engine import Store
from bridge.store.operators import stats
from bridge.telegram.commands.context import ProcessControls as Controls

BOT_TOKEN = "42:SANDBOX"
COZE_TOKEN = "pat_sandbox"
made: list["World"] = []
"""The worlds of the test that is running."""
CLIENT_ID, KEY_ID = "1100", "kid-1"


@dataclass
class World:
    """Both emulators, and how to start the bridge between them."""

    telegram: TelegramEmulator
    coze: CozeEmulator
    variables: dict[str, str]
    app: App | None = None
    """The bridge that runs in this process."""

    @property
    def settings(self) -> Settings:
        """The bridge's settings in this world."""
        return settings_from(self.variables)

    @asynccontextmanager
    async def bridge(
        self, *, controls: Controls | None = None, **variables: str
    ) -> AsyncIterator[App]:
        """The real app, running."""
        settings = settings_from({**self.variables, **variables})
        async with running(settings, controls) as app:
            self.app = app
            try:
                yield app
            finally:
                self.app = None

    async def handled(self, timeout: float = 100.0) -> None:
        """Return when every update was taken, and handled by the bridge of this process.

        Answers and notices may still be on their way. `timeout` is in seconds of the loop.
        """
        async with asyncio.timeout(timeout):
            await self.telegram.until(lambda: self.telegram.pending == 0, timeout)
            while self.app is not None and await _unhandled(self.app):  # noqa: ASYNC110  # no event of the store
                await asyncio.sleep(0.05)

    def planted(self) -> list[str]:
        """What people wrote that can be told from anything else."""
        texts = [one.text for one in self.telegram.everything() if not one.by_bot]
        return [one for one in texts if len(one) > 15 and " " in one and one[0] != "/"]

    def posts(self, place: Person | Group) -> list[Message]:
        """The bot's posts in the person's chat, or in a group."""
        return self.telegram.posts(place)

    async def settled(self, place: Person | Group, posts: int, timeout: float = 20.0) -> Message:
        """The newest post, once there are that many and none of them has a Stop button.

        `timeout` is in seconds of the wall, also where the loop's are shorter.
        """
        timeout *= getattr(asyncio.get_running_loop(), "speed", 1.0)

        def done() -> bool:
            found = self.telegram.posts(place)
            return len(found) >= posts and not any(is_running(post) for post in found)

        await self.telegram.until(done, timeout=timeout, what=f"{posts} settled posts")
        return self.telegram.posts(place)[-1]


async def _unhandled(app: App) -> int:
    async with app.store.reading() as tx:
        return await inbox.count(tx, "new")


async def troubles(world: World) -> list[str]:
    """What the operator reads of failed turns, newest first; also once the bridge has ended."""
    store = Store(world.variables["DATABASE_URL"])
    try:
        async with store.reading() as tx:
            return [one.trouble or "" for one in await stats.failures(tx, 20)]
    finally:
        await store.close()


async def eventually(predicate: Callable[[], object], seconds: float) -> None:
    """Return when it holds, asked again at every turn of the loop's clock.

    Raises TimeoutError after `seconds` of the loop.
    """
    async with asyncio.timeout(seconds):
        while not predicate():  # noqa: ASYNC110  # there is no event of the store
            await asyncio.sleep(0.1)


@contextmanager
def kept_port() -> Iterator[int]:
    """A port of ours that refuses connections until `serving` is given it."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else nobody can listen on it
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def is_running(post: Message) -> bool:
    """Whether the post still has its Stop button."""
    return any(data.startswith("stop:") for data in buttons(post).values())


def buttons(post: Message) -> dict[str, str]:
    """The callback data of a post's buttons by label."""
    markup = post.reply_markup or {}
    return {
        button["text"]: button.get("callback_data", "")
        for row in markup.get("inline_keyboard", [])
        for button in row
    }


def formats(post: Message) -> list[tuple[str, str]]:
    """The post's entities as pairs of type and the text under them."""
    raw = post.text.encode("utf-16-le")
    return [
        (
            one["type"],
            raw[2 * one["offset"] : 2 * (one["offset"] + one["length"])].decode("utf-16-le"),
        )
        for one in post.entities
    ]


@cache
def key_pair() -> tuple[str, str]:
    """A private and a public key as PEM; made once, since it takes a while."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


_migrated: list[bytes] = []


async def put_database(path: Path) -> None:
    """A database with the newest schema; it is migrated once and then copied, which is quicker."""
    if not _migrated:
        store = Store(f"sqlite+aiosqlite:///{path}")
        await migrate.upgrade(store)
        await store.close()
        _migrated.append(path.read_bytes())
    path.touch(mode=0o600)
    path.write_bytes(_migrated[0])


@asynccontextmanager
async def a_world(
    folder: Path,
    *,
    jwt: bool = False,
    budgets: Budgets | None = None,
    pace: Pace | None = None,
    clock: Callable[[], float] = time.time,
    profile: Any = "com",
    server_clock: Callable[[], float] = time.time,
) -> AsyncIterator[World]:
    """Emulators on free ports; the bridge is started with `world.bridge()`.

    `clock` dates messages, `server_clock` the answers to calls: one that is behind with the first
    alone says that messages are old.
    """
    journal = Journal()
    telegram = TelegramEmulator(journal=journal, clock=clock, budgets=budgets or Budgets())
    coze = CozeEmulator(journal=journal, clock=clock, profile=profile)
    telegram.add_bot(BOT_TOKEN)
    coze.add_agent()
    coze.add_token(COZE_TOKEN)
    coze.pace = pace or Pace(0, 0)
    private, public = key_pair() if jwt else ("", "")
    way_in = {"COZE_API_TOKEN": COZE_TOKEN}
    if jwt:
        coze.add_oauth_app(CLIENT_ID, public, KEY_ID)
        way_in = {
            "COZE_JWT_OAUTH_CLIENT_ID": CLIENT_ID,
            "COZE_JWT_OAUTH_PUBLIC_KEY_ID": KEY_ID,
            "COZE_JWT_OAUTH_PRIVATE_KEY": private.replace("\n", "\\n"),
        }
    await put_database(folder / "bridge.db")
    async with AsyncExitStack() as stack:
        telegram_url = await stack.enter_async_context(serving(telegram.app, clock=server_clock))
        coze_url = await stack.enter_async_context(serving(coze.app, clock=server_clock))
        stack.push_async_callback(telegram.close)
        stack.push_async_callback(coze.close)
        world = World(
            telegram,
            coze,
            {
                "TELEGRAM_BOT_TOKEN": BOT_TOKEN,
                "TELEGRAM_API_BASE_URL": telegram_url,
                "COZE_API_BASE": coze_url,
                "COZE_BOT_ID": DEFAULT_BOT_ID,
                "DATABASE_URL": f"sqlite+aiosqlite:///{folder}/bridge.db",
                "BRIDGE_QUIET_SECONDS": "0.02",
                "BRIDGE_ACCESS": "open",
                "BRIDGE_FLOOD": "100000,0.001",
                **way_in,
            },
        )
        made.append(world)
        yield world


Journey = Callable[[World], Coroutine[Any, Any, None]]


def in_a_fast_world(journey: Journey) -> Callable[[Path], None]:
    """Make a test of a journey through a world whose seconds are short."""
    return in_a_world_of_speed(60.0)(journey)


def in_a_world_of_speed(speed: float) -> Callable[[Journey], Callable[[Path], None]]:
    """The same for one with so many seconds in a second of the wall."""

    def made(journey: Journey) -> Callable[[Path], None]:
        def test(tmp_path: Path) -> None:
            async def whole() -> None:
                async with a_world(tmp_path) as world:
                    await journey(world)

            with pytest.MonkeyPatch.context() as patch:  # each can see which files are left
                patch.setattr(tempfile, "tempdir", str(tmp_path))
                run_fast(whole(), speed)

        test.__name__ = journey.__name__
        test.__doc__ = journey.__doc__
        return test

    return made
