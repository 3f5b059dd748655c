"""Files of questions: fetched from their addresses, and what the agent is given of them."""

import asyncio
import io
import zipfile
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.sandbox.coze_projects import ProjectEmulator
from bridge.serving import serving


@dataclass
class Shelf:
    """A file server of the client's."""

    url: str = ""
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def put(self, name: str, content: bytes, kind: str = "application/octet-stream") -> str:
        self.files[name] = (content, kind)
        return f"{self.url}/{name}"


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    shelf = Shelf()

    async def give(http: Request) -> Response:
        name = http.path_params["name"]
        shelf.asked.append((http.method, name))
        if name not in shelf.files:
            return Response(status_code=404)
        content, kind = shelf.files[name]
        return Response(content, media_type=kind)

    app = Starlette(routes=[Route("/{name}", give, methods=["GET", "HEAD"])])
    async with serving(app) as url:
        shelf.url = url
        yield shelf


def zipped(name: str, content: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


async def test_a_picture_is_seen(api, project: ProjectEmulator, shelf: Shelf):
    url = shelf.put("chart.png", b"\x89PNG", "image/png")
    heard = await api.stream("What is this?", files=[url])
    assert "I see a picture: chart.png" in heard.text
    (run,) = project.runs
    assert run.urls == [url]
    assert run.prompt == f"What is this?\n{url}"
    assert (run.seen[0].kind, run.seen[0].size, run.seen[0].error) == ("image", 4, "")
    assert shelf.asked == [("GET", "chart.png")]


async def test_the_extension_of_the_address_goes_before_the_name(
    api, project: ProjectEmulator, shelf: Shelf
):
    await api.stream("?", files=[(shelf.put("a.txt", b"words"), "a.png")])
    await api.stream("?", files=[(shelf.put("b", b"\x89PNG"), "b.png")])
    assert [run.seen[0].kind for run in project.runs] == ["document", "image"]


async def test_a_file_without_any_extension_is_asked_for(
    api, project: ProjectEmulator, shelf: Shelf
):
    await api.stream("?", files=[shelf.put("photo", b"\xff\xd8", "image/jpeg")])
    assert project.runs[0].seen[0].kind == "image"
    assert shelf.asked == [("HEAD", "photo"), ("GET", "photo")]


PDF = b"%PDF-1.4\nstream\n" + zlib.compress(b"BT (tea in a pdf) Tj ET") + b"\nendstream\n"


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("notes.txt", "茶 and words".encode(), "茶 and words"),
        ("notes.csv", "名,数\n茶,1\n".encode("gb18030") * 9, "名,数\n茶,1"),
        ("paper.pdf", PDF, "tea in a pdf"),
        ("paper.docx", zipped("word/document.xml", "<a>tea in word</a>"), "tea in word"),
        ("paper.xlsx", zipped("xl/sharedStrings.xml", "<a>tea</a>"), "tea"),
        ("page.unknown", b"plain after all", "plain after all"),
    ],
)
async def test_a_documents_text_is_in_the_prompt(
    api, project: ProjectEmulator, shelf: Shelf, name, content, text
):
    url = shelf.put(name, content)
    heard = await api.stream("Hello", files=[(url, "given name")])
    prompt = project.runs[0].prompt
    assert prompt.startswith("Hello\n")
    assert text in prompt
    assert f"given name, url: {url}" in prompt
    assert text.splitlines()[0] in heard.text  # the plain script quotes what it was given


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", b"PK"),
        ("a.pdf", b"no pdf"),
        ("a.docx", b"no zip"),
        ("nameless", PDF + b"\x00\x01"),
    ],
)
async def test_what_nobody_can_read_is_a_line(
    api, project: ProjectEmulator, shelf: Shelf, name, content
):
    heard = await api.stream("Hi", files=[(shelf.put(name, content), "x.pdf")])
    assert heard.code == "0"
    assert "[FileOps Error] x.pdf: " in project.runs[0].prompt
    assert project.runs[0].seen[0].error


async def test_a_file_that_is_too_large(api, project: ProjectEmulator, shelf: Shelf):
    await api.stream("Hi", files=[shelf.put("a.txt", b"x" * (10 * 1024 * 1024 + 1))])
    assert "larger than 10 MB" in project.runs[0].prompt


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example/a.txt",
        "https://files.example/a",
        "data:text/plain;base64,eA==",
        "file:///etc/passwd",
        "http://127.0.0.1:1/a.txt",
        "nonsense",
    ],
)
async def test_what_cannot_be_fetched_is_a_line(api, project: ProjectEmulator, url):
    heard = await api.stream("Hi", files=[url])
    assert heard.code == "0"
    assert "[FileOps Error]" in heard.text
    assert "[FileOps Error]" in project.runs[0].prompt
    assert bool(project.complaints) == (not url.startswith("http"))


async def test_a_missing_file(api, project: ProjectEmulator, shelf: Shelf):
    await api.stream("Hi", files=[f"{shelf.url}/gone.txt"])
    assert "HTTP 404" in project.runs[0].prompt


async def test_every_download_fails(api, project: ProjectEmulator, shelf: Shelf):
    project.quirks.files = "failing"
    await api.stream("Hi", files=[shelf.put("a.txt", b"x")])
    assert "[FileOps Error]" in project.runs[0].prompt
    assert shelf.asked == []


async def test_a_picture_that_is_not_there_may_fail_the_run(
    api, project: ProjectEmulator, shelf: Shelf
):
    project.quirks.broken_picture = "301008"
    heard = await api.stream("Hi", files=[f"{shelf.url}/gone.png"])
    assert (heard.types, heard.code) == (["message_start", "message_end"], "301008")


@pytest.mark.parametrize("name", ["voice.mp3", "voice.m4a"])
async def test_sounds_are_not_heard(api, project: ProjectEmulator, shelf: Shelf, name):
    url = shelf.put(name, b"x")
    heard = await api.stream("Hi", files=[url])
    assert f"audio url: {url}" in project.runs[0].prompt
    assert "I hear" not in heard.text
    assert shelf.asked == []


async def test_nothing_is_written_while_files_are_fetched(api, project: ProjectEmulator):
    async def slow(http: Request) -> Response:
        await project.until(lambda: project.runs[0].listening)
        await asyncio.sleep(0.05)
        return Response(b"words")

    project.quirks.heartbeat, project.quirks.heartbeat_seconds = "comment", 0.001
    async with serving(Starlette(routes=[Route("/a.txt", slow)])) as url:
        heard = await api.stream("Hi", files=[f"{url}/a.txt"])
    assert heard.raw.startswith(b'event: message\ndata: {"type":"message_start"')


async def test_opus_is_no_sound(api, project: ProjectEmulator, shelf: Shelf):
    await api.stream("Hi", files=[shelf.put("voice.opus", b"OggS\x00\x02")])
    assert project.runs[0].seen[0].kind == "document"
    assert "[FileOps Error]" in project.runs[0].prompt


@pytest.mark.parametrize(("name", "fetched"), [("a.mp4", 1), ("a.mkv", 0)])
async def test_films(api, project: ProjectEmulator, shelf: Shelf, name, fetched):
    url = shelf.put(name, b"x")
    await api.stream("Hi", files=[url])
    assert url in project.runs[0].prompt
    assert len(shelf.asked) == fetched


async def test_the_words_of_a_document_choose_no_script(
    api, project: ProjectEmulator, shelf: Shelf
):
    heard = await api.stream("Hi", files=[shelf.put("a.txt", b"fail\ndraw a table")])
    assert "I have a file: a.txt" in heard.text
    assert "signed" not in heard.text
