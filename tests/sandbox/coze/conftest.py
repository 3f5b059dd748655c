import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cozepy import AsyncCoze, AsyncTokenAuth
from cozepy.request import AsyncHTTPClient
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.sandbox.coze import CozeEmulator, Pace
from bridge.serving import serving

BOT = "7379462189365198898"
FLOW = "7400000000000000001"
APP = "7400000000000000002"
APP_FLOW = "7400000000000000003"
WORKFLOW = "7400000000000000004"
PAT = "pat_sandbox"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@dataclass(frozen=True)
class Keys:
    key: rsa.RSAPrivateKey
    private: str
    public: str


def new_keys() -> Keys:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Keys(key, private.decode(), public.decode())


@pytest.fixture(scope="session")
def keys() -> Keys:
    return new_keys()


@pytest.fixture(scope="session")
def other_keys() -> Keys:
    return new_keys()


def prepared(**options: Any) -> CozeEmulator:
    coze = CozeEmulator(**options)
    coze.pace = Pace(0, 0, 0)
    coze.add_agent(BOT)
    coze.add_token(PAT)
    coze.add_chatflow(FLOW)
    coze.add_chatflow(APP_FLOW, app_id=APP)
    coze.add_workflow(WORKFLOW)
    return coze


class Client:
    """Raw HTTP, as a client that knows nothing but the protocol."""

    def __init__(self, base: str, http: httpx.AsyncClient) -> None:
        self.base = base
        self.http = http
        self.headers = {"Authorization": f"Bearer {PAT}"}

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        options.setdefault("headers", self.headers)
        return await self.http.request(method, self.base + path, **options)

    async def json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = (await self.call(method, path, **options)).json()
        return answer

    async def code(self, method: str, path: str, **options: Any) -> int:
        code: int = (await self.json(method, path, **options))["code"]
        return code

    async def conversation(self) -> str:
        created = await self.json("POST", "/v1/conversation/create", json={"bot_id": BOT})
        return str(created["data"]["id"])

    async def uploaded(self, name: str, content: bytes = PNG) -> str:
        answer = await self.json("POST", "/v1/files/upload", files={"file": (name, content)})
        return str(answer["data"]["id"])

    async def shown(self, text: str, *items: dict[str, str]) -> str:
        """The answer to a question with media items."""
        content = json.dumps([{"type": "text", "text": text}, *items])
        message = {"role": "user", "content": content, "content_type": "object_string"}
        return await self.answer(text, additional_messages=[message])

    def ask(self, text: str, conversation: str | None = None, **body: Any) -> dict[str, Any]:
        """The arguments of a chat request."""
        return {
            "params": {} if conversation is None else {"conversation_id": conversation},
            "json": {
                "bot_id": BOT,
                "user_id": "tg-42",
                "stream": True,
                "additional_messages": [
                    {
                        "role": "user",
                        "type": "question",
                        "content": text,
                        "content_type": "text",
                    }
                ],
                **body,
            },
        }

    async def stream(self, text: str, conversation: str | None = None, **body: Any) -> bytes:
        answer = await self.call("POST", "/v3/chat", **self.ask(text, conversation, **body))
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
        return answer.content

    def flow(self, text: str, conversation: str | None = None, **body: Any) -> dict[str, Any]:
        """The body of a request to a chatflow."""
        message = {"role": "user", "type": "question", "content": text, "content_type": "text"}
        given = {} if conversation is None else {"conversation_id": conversation}
        owner = {} if "app_id" in body else {"bot_id": BOT}
        flow = APP_FLOW if "app_id" in body else FLOW
        return {
            "workflow_id": flow,
            "additional_messages": [message],
            "parameters": {},
            "ext": {"user_id": "tg-42"},
            **owner,
            **given,
            **body,
        }

    async def flowing(self, text: str, conversation: str | None = None, **body: Any) -> bytes:
        """The stream of a chatflow."""
        asked = self.flow(text, conversation, **body)
        answer = await self.call("POST", "/v1/workflows/chat", json=asked)
        assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
        return answer.content

    async def said(self, text: str, conversation: str | None = None, **body: Any) -> str:
        """The answer of a chatflow."""
        return answer_of(events(await self.flowing(text, conversation, **body)))

    async def answer(self, text: str, conversation: str | None = None, **body: Any) -> str:
        return answer_of(events(await self.stream(text, conversation, **body)))


def events(raw: bytes) -> list[tuple[str, Any]]:
    """A byte-level reading of clean frames."""
    found = []
    for block in raw.decode().split("\n\n"):
        lines = dict(line.split(":", 1) for line in block.split("\n") if ":" in line)
        if "event" in lines:
            text = lines.get("data", "")
            found.append((lines["event"].removeprefix(" "), json.loads(text) if text else None))
    return found


def answer_of(found: list[tuple[str, Any]]) -> str:
    return "\n".join(
        data["content"]
        for name, data in found
        if name == "conversation.message.completed" and data["type"] == "answer"
    )


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=10, verify=False) as client:
        yield client


@pytest.fixture
async def coze() -> AsyncIterator[CozeEmulator]:
    emulator = prepared()
    yield emulator
    await emulator.close()


@pytest.fixture
async def base(coze: CozeEmulator) -> AsyncIterator[str]:
    async with serving(coze.app) as url:
        yield url
        await coze.close()


@pytest.fixture
def api(base: str, http: httpx.AsyncClient) -> Client:
    return Client(base, http)


@pytest.fixture
async def studio() -> AsyncIterator[CozeEmulator]:
    emulator = prepared(profile="studio")
    yield emulator
    await emulator.close()


@pytest.fixture
async def studio_api(studio: CozeEmulator, http: httpx.AsyncClient) -> AsyncIterator[Client]:
    async with serving(studio.app) as url:
        yield Client(url, http)
        await studio.close()


@pytest.fixture
def read_events() -> Callable[[bytes], list[tuple[str, Any]]]:
    return events


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
async def sdk(base: str) -> AsyncIterator[AsyncCoze]:
    """The official SDK, which speaks to the emulator."""
    client = AsyncHTTPClient(verify=False)
    yield AsyncCoze(AsyncTokenAuth("pat_sandbox"), base_url=base, http_client=client)
    await client.aclose()
