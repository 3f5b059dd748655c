"""Files in a real browser, with the real emulator behind: seen from both sides, sent by hand."""

import io
import json
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Locator, expect

from bridge.sandbox.telegram import AlbumItem
from bridge.sandbox.telegram.content.file_types import ogg_checksum, opus_seconds

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]
expect.set_options(timeout=4000)

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"


def picture(colour: str = "teal", size: tuple[int, int] = (320, 200), kind: str = "JPEG") -> bytes:
    """A picture of one colour."""
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, kind)
    return written.getvalue()


def silence(seconds: int = 1) -> bytes:
    """A voice message in which nothing is said."""
    head = b"OpusHead" + bytes([1, 1, 0, 0]) + (48_000).to_bytes(4, "little") + bytes(3)
    tags = b"OpusTags" + bytes(8)
    pages = [(2, 0, [head]), (0, 0, [tags])]
    pages += [(0, 48_000 * n, [b"\xf8\xff\xfe"] * 50) for n in range(1, seconds + 1)]
    written = b""
    for number, (flags, granule, packets) in enumerate(pages):
        page = b"OggS" + bytes([0, flags]) + granule.to_bytes(8, "little") + bytes(4)
        page += number.to_bytes(4, "little") + bytes(4) + bytes([len(packets)])
        page += bytes(len(each) for each in packets) + b"".join(packets)
        written += page[:22] + ogg_checksum(page).to_bytes(4, "little") + page[26:]
    return written


def picked(name: str, mime: str, content: bytes) -> Any:
    """A file as the browser's picker takes it."""
    return {"name": name, "mimeType": mime, "buffer": content}


async def shows(image: Locator) -> tuple[int, int]:
    """The size of a picture that the browser has drawn, in its own pixels."""
    await expect(image).to_be_visible()
    await image.evaluate("(image) => image.decode()")
    size = await image.evaluate("(image) => [image.naturalWidth, image.naturalHeight]")
    return size[0], size[1]


async def test_a_photo_is_sent_with_a_caption(whole: Any) -> None:
    page = whole.page
    await page.get_by_test_id("file-picker").set_input_files(
        picked("sea.png", "image/png", picture(kind="PNG"))
    )
    await expect(page.get_by_test_id("tray-file")).to_contain_text("sea.png")
    await page.get_by_test_id("composer").fill("the sea")
    await page.keyboard.press("Enter")
    (message,) = await whole.written()
    assert (message.attachment.kind, message.text) == ("photo", "the sea")
    assert whole.telegram.content_of(message) == picture(kind="PNG")
    bubble = whole.bubbles.last
    await expect(bubble.get_by_test_id("message-text")).to_have_text("the sea")
    assert await shows(bubble.get_by_test_id("picture")) == (320, 200)
    await expect(page.get_by_test_id("tray")).to_be_hidden()


async def test_an_album_is_sent(whole: Any) -> None:
    page = whole.page
    colours = ("teal", "tomato", "gold")
    files = [picked(f"{one}.jpg", "image/jpeg", picture(one)) for one in colours]
    await page.get_by_test_id("file-picker").set_input_files(files)
    await expect(page.get_by_test_id("tray-file")).to_have_count(3)
    await page.get_by_label("Leave out gold.jpg").click()
    await page.get_by_test_id("composer").fill("two of them")
    await page.get_by_test_id("send").click()
    messages = await whole.written(2)
    assert [each.text for each in messages] == ["two of them", ""]
    assert len({each.media_group_id for each in messages}) == 1
    await expect(page.get_by_test_id("album").last.get_by_test_id("picture")).to_have_count(2)


async def test_files_are_sent_as_files(whole: Any) -> None:
    page = whole.page
    await page.get_by_test_id("file-picker").set_input_files(
        picked("sea.jpg", "image/jpeg", picture())
    )
    await page.get_by_test_id("send-as").select_option("file")
    await page.get_by_test_id("send").click()
    await whole.written(1)
    await page.get_by_test_id("file-picker").set_input_files(
        picked("notes.pdf", "application/pdf", PDF)
    )
    await page.get_by_test_id("send").click()
    first, second = await whole.written(2)
    assert first.attachment.kind == second.attachment.kind == "document"
    assert whole.telegram.content_of(second) == PDF
    link = whole.bubbles.last.get_by_test_id("file")
    await expect(link).to_contain_text("notes.pdf")
    await expect(link).to_contain_text(f"{len(PDF)} B")
    async with page.expect_download() as waited:
        await link.click()
    download = await waited.value
    assert download.suggested_filename == "notes.pdf"
    assert (await download.path()).read_bytes() == PDF


@pytest.mark.parametrize("way", ["drop", "paste"])
async def test_files_are_dropped_and_pasted(whole: Any, way: str) -> None:
    content = list(picture())
    await whole.page.evaluate(
        """([way, bytes]) => {
            const carried = new DataTransfer();
            const file = new File([new Uint8Array(bytes)], `${way}.jpg`, { type: "image/jpeg" });
            carried.items.add(file);
            const details = { bubbles: true, cancelable: true };
            const event = way === "drop"
                ? new DragEvent("drop", { ...details, dataTransfer: carried })
                : new ClipboardEvent("paste", { ...details, clipboardData: carried });
            document.querySelector(way === "drop" ? "#log" : "textarea").dispatchEvent(event);
        }""",
        [way, content],
    )
    await expect(whole.page.get_by_test_id("tray-file")).to_contain_text(f"{way}.jpg")
    await whole.page.get_by_test_id("send").click()
    (message,) = await whole.written()
    assert message.attachment.kind == "photo"


async def test_a_voice_message_is_recorded(whole: Any) -> None:
    page = whole.page
    await page.get_by_test_id("record").click()
    await expect(page.get_by_test_id("recording")).to_contain_text("0:01")
    await page.get_by_test_id("record-send").click()
    (message,) = await whole.written()
    assert message.attachment.kind == "voice"
    seconds = opus_seconds(whole.telegram.content_of(message))
    assert seconds is not None
    assert 0.5 < seconds < 5
    player = whole.bubbles.last.get_by_test_id("audio")
    heard = "(player) => new Promise((done) => { player.onended = () => done(player.currentTime);"
    heard += " player.muted = true; player.play(); })"
    assert abs(await player.evaluate(heard) - seconds) < 0.3
    await page.get_by_test_id("record").click()
    await page.get_by_test_id("record-cancel").click()
    await expect(page.get_by_test_id("recording")).to_be_hidden()


async def test_an_ogg_file_may_be_a_voice_message(whole: Any) -> None:
    page = whole.page
    await page.get_by_test_id("file-picker").set_input_files(
        picked("said.ogg", "audio/ogg", silence(2))
    )
    await page.get_by_test_id("send-as").select_option("voice")
    await page.get_by_test_id("send").click()
    (message,) = await whole.written()
    assert message.attachment.kind == "voice"
    assert message.attachment.description["duration"] == 2


async def test_a_browser_that_cannot_record_says_so(whole: Any) -> None:
    await whole.page.evaluate("delete globalThis.MediaStreamTrackProcessor")
    await whole.page.get_by_test_id("record").click()
    said = "This browser cannot record OGG/Opus: attach an .ogg file instead"
    await expect(whole.page.get_by_test_id("toast").last).to_have_text(said)
    await whole.page.reload()


async def test_what_is_refused_comes_back(whole: Any) -> None:
    page = whole.page
    await page.get_by_test_id("file-picker").set_input_files(
        picked("no.jpg", "image/jpeg", b"no picture")
    )
    await page.get_by_test_id("composer").fill("look")
    await page.get_by_test_id("send").click()
    said = "This is no picture: send it as a file."
    await expect(page.get_by_test_id("toast").last).to_have_text(said)
    await expect(page.get_by_test_id("tray-file")).to_contain_text("no.jpg")
    await expect(page.get_by_test_id("composer")).to_have_value("look")
    await page.get_by_label("Leave out no.jpg").click()
    await page.get_by_test_id("composer").fill("")
    # the browser itself writes down that an answer was 400
    assert ["400" in line for line in whole.console] == [True]
    whole.console.clear()


async def test_what_the_bot_sends_is_seen(whole: Any) -> None:
    photo = ("a.png", picture("tomato", (500, 300), "PNG"))
    await whole.call("sendPhoto", {"photo": photo}, caption="a *tomato*")
    bubble = whole.bubbles.last
    assert await shows(bubble.get_by_test_id("picture")) == (500, 300)
    await expect(bubble.get_by_test_id("message-text")).to_have_text("a *tomato*")
    media = [{"type": "photo", "media": f"attach://{name}"} for name in "abc"]
    files = {
        name: (name, picture(colour))
        for name, colour in zip("abc", ("red", "gold", "navy"), strict=True)
    }
    await whole.call("sendMediaGroup", files, media=json.dumps(media))
    album = whole.page.get_by_test_id("album").last
    await expect(album.get_by_test_id("picture")).to_have_count(3)
    assert await shows(album.get_by_test_id("picture").last) == (320, 200)
    await whole.call("sendVoice", {"voice": ("v.ogg", silence(2))})
    player = whole.bubbles.last.get_by_test_id("audio")
    loaded = """(it) => new Promise((done) => {
        const told = () => Number.isFinite(it.duration) && done(it.duration);
        it.addEventListener("durationchange", told);
        told();
    })"""
    assert round(await player.evaluate(loaded)) == 2
    sent = await whole.call("sendDocument", {"document": ("answer.pdf", PDF)}, caption="read")
    await expect(whole.bubbles.last.get_by_test_id("file")).to_contain_text("answer.pdf")
    where = {"message_id": str(sent["message_id"])}
    await whole.call("editMessageCaption", **where, caption="read it")
    await expect(whole.bubbles.last.get_by_test_id("message-text")).to_have_text("read it")
    await whole.call("deleteMessage", message_id=str(sent["message_id"] - 2))
    await expect(album.get_by_test_id("picture")).to_have_count(2)


async def test_other_kinds_are_seen(whole: Any) -> None:
    it, me = whole.telegram, whole.me
    it.send_sticker(me, picture(kind="WEBP", size=(512, 512)), "🐳")
    assert await shows(whole.bubbles.last.get_by_test_id("sticker")) == (512, 512)
    it.send_sticker(me, b"\x1f\x8b", "🦄", "animated")
    await expect(whole.bubbles.last).to_contain_text("🦄")
    it.send_venue(me, 48.2, 16.4, "Park", "Ring 1")
    await expect(whole.bubbles.last.get_by_test_id("carried")).to_have_text("Park, Ring 1")
    it.send_location(me, 48.2, 16.4)
    await expect(whole.bubbles.last.get_by_test_id("carried")).to_have_text("48.2, 16.4")
    it.send_contact(me, "+431234", "Bo", "Li")
    await expect(whole.bubbles.last.get_by_test_id("carried")).to_have_text("Bo Li, +431234")
    it.send_poll(me, "Tea?", ["yes", "no"])
    await expect(whole.bubbles.last.get_by_test_id("carried")).to_have_text("Tea?")
    papers = [AlbumItem("document", PDF, f"{number}.pdf") for number in (1, 2)]
    it.send_album(me, papers, "both")
    await expect(whole.page.get_by_test_id("album").last.get_by_test_id("file")).to_have_count(2)


async def test_what_strangers_send_does_not_run(whole: Any) -> None:
    evil = b"<script>opener.document.title='hit'</script><svg onload=\"alert(1)\"/>"
    await whole.call("sendDocument", {"document": ("evil.html", evil, "text/html")})
    link = whole.bubbles.last.get_by_test_id("file")
    href = await link.get_attribute("href")
    answer = await whole.http.get(href)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    name = '<img src=x onerror="document.title=1">.pdf'
    whole.telegram.send_document(whole.me, name, PDF)
    await expect(whole.bubbles.last.get_by_test_id("file")).to_contain_text(name)
