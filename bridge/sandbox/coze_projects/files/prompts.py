"""What a question becomes before the agent sees it: its files are fetched from their addresses."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from bridge.sandbox.coze.scripts.steps import Attachment
from bridge.sandbox.coze_projects.files.documents import Unreadable, text_of
from bridge.sandbox.coze_projects.files.kinds import kind_of_type, known_kind, url_extension
from bridge.sandbox.coze_projects.quirks import Quirks
from bridge.sandbox.coze_projects.runs import FileBlock, FileKind, SeenFile

LOCAL = ("127.0.0.1", "localhost")
LARGEST = 10 * 1024 * 1024
PROBE_SECONDS = 5.0
FETCH_SECONDS = 60.0


class Unfetched(Exception):
    """A file that could not be had."""


@dataclass(eq=False)
class Prompt:
    """What an agent is given of one question."""

    lines: list[str] = field(default_factory=list)
    """What it reads, addresses of pictures and films not counted."""
    addresses: list[str] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    """What it sees."""
    seen: list[SeenFile] = field(default_factory=list)
    broken_pictures: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What it reads."""
        return "\n".join(self.lines)

    @property
    def whole(self) -> str:
        """Everything that is text in it."""
        return "\n".join((*self.lines, *self.addresses))


@dataclass(eq=False)
class PromptMaker:
    """Makes the prompts; it fetches from this machine only."""

    quirks: Quirks

    async def prompt(self, text: str, files: tuple[FileBlock, ...]) -> Prompt:
        """Return what the agent is given."""
        prompt = Prompt([text] if text else [])
        if not files:  # making a client takes long
            return prompt
        async with httpx.AsyncClient(trust_env=False, timeout=FETCH_SECONDS) as http:
            for block in files:
                await self._add(prompt, block, http)
        return prompt

    async def _add(self, prompt: Prompt, block: FileBlock, http: httpx.AsyncClient) -> None:
        kind = known_kind(block) or await self._probed(block, http)
        name = block.name or urlsplit(block.url).path.rpartition("/")[2] or block.url
        if kind == "audio":
            prompt.lines.append(f"audio url: {block.url}")
            prompt.seen.append(SeenFile(block.url, kind))
            return
        if kind == "video url":
            form = url_extension(block.url) or "unknown"
            prompt.lines.append(f"video url: {block.url}, format: {form}")
            prompt.seen.append(SeenFile(block.url, kind))
            return
        try:
            content = await self._fetched(block.url, http)
            text = text_of(url_extension(block.url), content) if kind == "document" else ""
        except (Unfetched, Unreadable) as error:
            self._failed(prompt, block, kind, str(error))
            return
        prompt.seen.append(SeenFile(block.url, kind, size=len(content)))
        prompt.attachments.append(Attachment("image" if kind == "image" else "file", name))
        if kind == "document":
            prompt.lines += [f"file name: {name}, url: {block.url}", text]
        else:
            prompt.addresses.append(block.url)

    def _failed(self, prompt: Prompt, block: FileBlock, kind: FileKind, error: str) -> None:
        prompt.seen.append(SeenFile(block.url, kind, error))
        if kind == "image" and self.quirks.broken_picture == "301008":
            prompt.broken_pictures.append(block.url)
        else:
            prompt.lines.append(f"[FileOps Error] {block.name or block.url}: {error}")

    async def _probed(self, block: FileBlock, http: httpx.AsyncClient) -> FileKind:
        try:
            _check(block.url)
            answer = await http.head(block.url, timeout=PROBE_SECONDS)
        except (Unfetched, httpx.HTTPError):
            return "document"
        return kind_of_type(answer.headers.get("content-type", ""))

    async def _fetched(self, url: str, http: httpx.AsyncClient) -> bytes:
        """Return a file's content; raises Unfetched."""
        if self.quirks.files == "failing":
            raise Unfetched("download failed")
        _check(url)
        content = bytearray()
        try:
            async with http.stream("GET", url, headers={"User-Agent": "coze-project"}) as answer:
                if answer.status_code != 200:
                    raise Unfetched(f"download failed with HTTP {answer.status_code}")
                async for chunk in answer.aiter_bytes():
                    content += chunk
                    if len(content) > LARGEST:
                        raise Unfetched("the file is larger than 10 MB")
        except httpx.HTTPError as error:
            raise Unfetched(f"download failed: {type(error).__name__}") from None
        return bytes(content)


def _check(url: str) -> None:
    """Raise Unfetched for an address that is not on this machine."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise Unfetched("no such local file")  # anything else is taken for a path
    if parts.hostname not in LOCAL:
        raise Unfetched("the emulator fetches from this machine only")
