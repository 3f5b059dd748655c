"""Signed links: what they lead to, how long, and how a download goes wrong."""

import asyncio
import io
import re

import httpx
import pytest
from PIL import Image

from bridge.sandbox.coze import CozeEmulator, Fetch
from bridge.serving import serving

LINK = re.compile(r"\((http://[^)]+)\)")


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("lighthouse.png", "image/png"),
        ("waves.jpg", "image/jpeg"),
        ("chart.png", "image/png"),
        ("report.pdf", "application/pdf"),
        ("planets.csv", "text/csv"),
    ],
)
async def test_a_link_leads_to_its_file(base, coze: CozeEmulator, http, name, content_type):
    answer = await http.get(coze.link(base, name))
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert int(answer.headers["content-length"]) == len(answer.content) > 100
    assert coze.fetched == [Fetch(name, 200)]
    if content_type.startswith("image/"):
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert (picture.size, picture.get_format_mimetype()) == ((960, 640), content_type)
            picture.load()


async def test_the_report_is_a_whole_pdf(base, coze: CozeEmulator, http):
    content = (await http.get(coze.link(base, "report.pdf"))).content
    assert content.startswith(b"%PDF-1.4\n")
    table = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", content)[1])
    assert content[table:].startswith(b"xref\n0 6\n")
    for number, place in enumerate(re.findall(rb"(\d{10}) 00000 n ", content), 1):
        assert content[int(place) :].startswith(b"%d 0 obj\n" % number)


async def test_a_link_is_signed_and_expires(http):
    clock = Clock()
    coze = CozeEmulator(clock=clock)
    coze.link_seconds = 60
    async with serving(coze.app) as base:

        async def said(link: str) -> tuple[int, str]:
            answer = await http.get(link)
            assert answer.headers["content-type"].startswith("application/xml")
            return answer.status_code, re.search("<Message>(.*)</Message>", answer.text)[1]

        link = coze.link(base, "chart.png")
        assert re.fullmatch(
            rf"{base}/signed/chart\.png\?x-expires=1800000060&x-signature=[0-9a-f]{{64}}", link
        )
        forged = (403, "The signature does not match")
        assert await said(link[:-1] + ("0" if link[-1] != "0" else "1")) == forged
        assert await said(link.replace("chart", "waves")) == forged
        assert await said(link.replace("1800000060", "1900000060")) == forged
        assert await said(link.replace("1800000060", "never")) == forged
        assert await said(link.partition("?")[0]) == (403, "The request is not signed")
        unknown = coze.link(base, "unknown.png")
        assert await said(unknown) == (404, "The specified key does not exist")
        clock.now += 59
        assert (await http.get(link)).status_code == 200
        clock.now += 1
        assert await said(link) == (403, "Request has expired")
        assert [fetch.status for fetch in coze.fetched] == [403] * 5 + [404, 200, 403]


async def test_a_file_of_ones_own(base, coze: CozeEmulator, http):
    coze.publish("big.png", bytes(1000), "image/png")
    assert len((await http.get(coze.link(base, "big.png"))).content) == 1000


async def test_a_broken_download(base, coze: CozeEmulator, http):
    coze.spoil_downloads(after_bytes=100)
    link = coze.link(base, "chart.png")
    with pytest.raises(httpx.TransportError):
        await http.get(link)
    assert (await http.get(link)).status_code == 200


async def test_a_download_of_another_type(base, coze: CozeEmulator, http):
    coze.spoil_downloads(content_type="text/html")
    answer = await http.get(coze.link(base, "chart.png"))
    assert answer.headers["content-type"] == "text/html"


async def test_a_download_without_an_end(base, coze: CozeEmulator, http):
    coze.spoil_downloads(endless=True)
    async with http.stream("GET", coze.link(base, "report.pdf")) as answer:
        assert "content-length" not in answer.headers
        length = 0
        async for piece in answer.aiter_bytes():
            length += len(piece)
            if length > 1_000_000:
                break
    assert (await http.get(coze.link(base, "report.pdf"))).content.endswith(b"%%EOF\n")


async def test_a_slow_download(base, coze: CozeEmulator, http):
    coze.spoil_downloads(stall_seconds=0.03)
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await http.get(coze.link(base, "report.pdf"))
    assert answer.content.endswith(b"%%EOF\n")
    assert loop.time() - began >= 0.03


async def test_faults_can_be_taken_back(base, coze: CozeEmulator, http):
    coze.spoil_downloads(after_bytes=0, times=3)
    coze.lose_answer("/v1/users/me")
    coze.mend()
    assert (await http.get(coze.link(base, "chart.png"))).status_code == 200


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("picture", ["lighthouse.png"]),
        ("draw me something nice", ["lighthouse.png"]),
        ("pictures", ["lighthouse.png", "waves.jpg", "chart.png"]),
        ("file", ["report.pdf", "planets.csv"]),
    ],
)
async def test_an_answer_shows_links_that_work(api, coze: CozeEmulator, question, names):
    raw = await api.stream(question)
    (run,) = coze.runs.values()
    links = LINK.findall(run.answers[0])
    assert b"&" not in raw
    completed = next(block for block in raw.split(b"\n\n") if b"message.completed" in block)
    assert completed.count(b"\\u0026x-signature=") == len(names)
    for link in links:
        assert link.startswith(f"{api.base}/signed/")
        assert (await api.http.get(link)).status_code == 200
    assert [fetch.name for fetch in coze.fetched] == names


async def test_links_lead_to_the_host_that_was_asked(api, coze: CozeEmulator):
    headers = {**api.headers, "Host": "coze.test:8080"}
    await api.call("POST", "/v3/chat", **api.ask("picture"), headers=headers)
    (run,) = coze.runs.values()
    assert "(http://coze.test:8080/signed/lighthouse.png?x-expires=" in run.answers[0]


async def test_the_self_hosted_server_has_links_too(studio_api, studio: CozeEmulator):
    await studio_api.stream("picture")
    (run,) = studio.runs.values()
    assert (await studio_api.http.get(LINK.findall(run.answers[0])[0])).status_code == 200
