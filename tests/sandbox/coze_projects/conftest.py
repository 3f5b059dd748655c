import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from bridge.sandbox.coze_projects import Pace, ProjectEmulator
from bridge.serving import serving

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJzYW5kYm94In0.c2lnbmF0dXJl"


@dataclass
class Heard:
    """What came over the wire until the end, or until it broke."""

    raw: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    broken: bool = False
    status: int = 0
    headers: Any = None

    @property
    def events(self) -> list[dict[str, Any]]:
        return events(self.raw)

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def text(self) -> str:
        return "".join(
            event["content"]["answer"] for event in self.events if event["type"] == "answer"
        )

    @property
    def code(self) -> str:
        """The code of the terminal event, "" when there is none."""
        last = self.events[-1] if self.events else {"type": ""}
        if last["type"] not in ("message_end", "error"):
            return ""
        code: str = last["content"][last["type"]]["code"]
        return code


class Client:
    """Raw HTTP, as a client that knows nothing but the protocol."""

    def __init__(self, base: str, http: httpx.AsyncClient, project_id: str) -> None:
        self.base = base
        self.http = http
        self.project_id = project_id
        self.headers = {"Authorization": f"Bearer {TOKEN}"}

    async def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        options["headers"] = {**self.headers, **options.get("headers", {})}
        return await self.http.request(method, self.base + path, **options)

    async def json(self, method: str, path: str, **options: Any) -> Any:
        return (await self.call(method, path, **options)).json()

    def body(self, text: str = "hi", session: str = "tg-1", **members: Any) -> dict[str, Any]:
        """The body of a question; `files` are addresses, or pairs with a name."""
        blocks: list[Any] = [{"type": "text", "content": {"text": text}}] if text else []
        for file in members.pop("files", ()):
            url, name = file if isinstance(file, tuple) else (file, "")
            upload = {"url": url, "file_name": name, "file_path": ""}
            blocks.append({"type": "upload_file", "content": {"upload_file": upload}})
        return {
            "type": "query",
            "project_id": int(self.project_id),
            "session_id": session,
            "content": {"query": {"prompt": blocks}},
            **members,
        }

    async def stream(
        self, text: str = "hi", session: str = "tg-1", path: str = "/stream_run", **members: Any
    ) -> Heard:
        headers = members.pop("headers", {})
        return await self.post(path, self.body(text, session, **members), headers=headers)

    async def post(self, path: str, body: object, headers: Any = ()) -> Heard:
        heard = Heard()
        sent = {**self.headers, **dict(headers)}
        try:
            async with self.http.stream(
                "POST", self.base + path, headers=sent, json=body
            ) as answer:
                heard.status, heard.headers = answer.status_code, answer.headers
                async for chunk in answer.aiter_raw():
                    heard.chunks.append(chunk)
                    heard.raw += chunk
        except httpx.TransportError:
            heard.broken = True
        return heard


def events(raw: bytes) -> list[dict[str, Any]]:
    """A byte-level reading of clean frames."""
    found = []
    for block in raw.decode("utf-8", "ignore").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if lines.get("data", "").endswith("}"):
            found.append(json.loads(lines["data"]))
    return found


def prepared(**options: Any) -> ProjectEmulator:
    project = ProjectEmulator(**options)
    project.pace = Pace(0, 0, 0)
    project.add_token(TOKEN)
    return project


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        yield client


@pytest.fixture
def project_kind() -> str:
    return "agent"


@pytest.fixture
async def project(project_kind: str) -> AsyncIterator[ProjectEmulator]:
    emulator = prepared(kind=project_kind)
    yield emulator
    await emulator.close()


@pytest.fixture
async def base(project: ProjectEmulator) -> AsyncIterator[str]:
    async with serving(project.app) as url:
        yield url
        await project.close()


@pytest.fixture
def api(base: str, http: httpx.AsyncClient, project: ProjectEmulator) -> Client:
    return Client(base, http, project.project_id)


@pytest.fixture
def read_events() -> Callable[[bytes], list[dict[str, Any]]]:
    return events
