"""One emulator, one real client, and a loop whose seconds pass quickly."""

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import telegram as ptb
from fast import run_fast
from PIL import Image
from telegram.request import HTTPXRequest

from bridge.sandbox.telegram import Person, TelegramEmulator
from bridge.sandbox.telegram.content.file_types import ogg_checksum
from bridge.serving import serving

TOKEN = "42:SANDBOX"
FASTER = 50.0


@dataclass
class Stage:
    """The emulator, its address, two clients and a person who has written."""

    telegram: TelegramEmulator
    url: str
    bot: ptb.Bot
    http: httpx.AsyncClient
    ann: Person

    async def call(self, method: str, **params: Any) -> tuple[int, Any]:
        """A raw call with a JSON body: the status and the answer."""
        kind = {"Content-Type": "application/json"}
        body = json.dumps(params)
        answer = await self.http.post(f"/bot{TOKEN}/{method}", content=body, headers=kind)
        return answer.status_code, answer.json()

    async def refused(self, method: str, **params: Any) -> str:
        """The description of a call that must be refused."""
        status, answer = await self.call(method, **params)
        assert answer["ok"] is False, answer
        assert answer["error_code"] == status
        return str(answer["description"])

    async def done(self, method: str, **params: Any) -> Any:
        """The result of a call that must succeed."""
        _, answer = await self.call(method, **params)
        assert answer["ok"] is True, answer
        return answer["result"]


class Made:
    """Real files, small ones."""

    def picture(
        self, width: int = 400, height: int = 300, kind: str = "JPEG", mode: str = "RGB"
    ) -> bytes:
        """A picture of one colour."""
        written = io.BytesIO()
        Image.new(mode, (width, height), "teal").save(written, kind)
        return written.getvalue()

    def voice(self, seconds: float = 1.0, codec: bytes = b"OpusHead") -> bytes:
        """OGG with silent packets of 20 ms."""
        head = codec + bytes([1, 1, 0, 0]) + (48_000).to_bytes(4, "little") + bytes(3)
        tags = b"OpusTags" + (4).to_bytes(4, "little") + b"test" + bytes(4)
        pages = [self.page(0, 2, 0, [head]), self.page(1, 0, 0, [tags])]
        count = round(seconds * 50)
        for number, at in enumerate(range(0, count, 50), 2):
            packets = [b"\xf8\xff\xfe"] * min(50, count - at)
            done = at + len(packets)
            pages.append(self.page(number, 4 if done == count else 0, done * 960, packets))
        return b"".join(pages)

    def page(self, number: int, flags: int, granule: int, packets: list[bytes]) -> bytes:
        """One page of OGG; no packet is longer than 254 bytes."""
        page = b"OggS" + bytes([0, flags]) + granule.to_bytes(8, "little") + b"\7\0\0\0"
        page += number.to_bytes(4, "little") + bytes(4) + bytes([len(packets)])
        page += bytes(len(each) for each in packets) + b"".join(packets)
        return page[:22] + ogg_checksum(page).to_bytes(4, "little") + page[26:]

    pdf = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    mp3 = b"ID3\x04" + bytes(40)
    mp4 = b"\0\0\0\x18ftypisom" + bytes(12)


@pytest.fixture(scope="session")
def made() -> Made:
    """Files to send."""
    return Made()


@asynccontextmanager
async def staged(telegram: TelegramEmulator) -> AsyncIterator[Stage]:
    telegram.add_bot(TOKEN)
    ann = telegram.add_person("Ann", username="ann_lee", language_code="en")
    async with serving(telegram.app) as url:
        # Loading certificates takes longer than most tests.
        patient = {"read_timeout": 90, "pool_timeout": 90, "httpx_kwargs": {"verify": False}}
        plain = HTTPXRequest(connection_pool_size=64, **patient)
        polls = HTTPXRequest(connection_pool_size=8, **patient)
        bot = ptb.Bot(
            TOKEN,
            base_url=f"{url}/bot",
            base_file_url=f"{url}/file/bot",
            request=plain,
            get_updates_request=polls,
        )
        async with bot, httpx.AsyncClient(base_url=url, timeout=90, verify=False) as http:
            try:
                yield Stage(telegram, url, bot, http, ann)
            finally:
                await telegram.close()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Without limits on rates; Ann has written message 1, which is confirmed."""
    async with staged(TelegramEmulator(budgets=None)) as stage:
        stage.telegram.send(stage.ann, "hello")
        stage.telegram.updates.clear()
        yield stage


@pytest.fixture
async def limited() -> AsyncIterator[Stage]:
    """The same with the usual limits."""
    async with staged(TelegramEmulator()) as stage:
        stage.telegram.send(stage.ann, "hello")
        stage.telegram.updates.clear()
        yield stage


@pytest.fixture
def quickly() -> Callable[..., None]:
    """Run a scene with an emulator on a fast loop."""

    def run(scene: Callable[[Stage], Awaitable[None]], **options: Any) -> None:
        async def play() -> None:
            async with staged(TelegramEmulator(**options)) as stage:
                stage.telegram.send(stage.ann, "hello")
                stage.telegram.updates.clear()
                await scene(stage)

        run_fast(play(), speed=FASTER)

    return run
