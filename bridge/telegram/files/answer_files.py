"""What goes with an answer, below its text: pictures and files that it links to, long code, speech.

Links to what an agent made expire, so they are fetched when the answer is complete. Each call is
written down before it is made: after a crash, what stands there is not sent again.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from telegram.constants import ChatAction

from bridge.model import ReplyState
from bridge.relay.speech import SpeechMaker
from bridge.store.coze import uploads
from bridge.store.engine import Store
from bridge.telegram.files import tempfiles
from bridge.telegram.files.extract import Linked, Made, linked, made, name_of, speakable, without
from bridge.telegram.files.fetch_url import NotFetched, UrlFetcher
from bridge.telegram.files.photo import shape_of
from bridge.telegram.files.send import Batch, OutgoingFile, Shape, batches
from bridge.telegram.files.send_once import FileSender
from bridge.telegram.markdown.streaming import sanitize

log = structlog.get_logger(__name__)
MOST_BYTES = 20 * 1024 * 1024
"""Of one file; Telegram takes up to 50 MB from bots."""
AT_ONCE = 4
"""Of one answer."""
MOST_AT_ONCE = 32
"""Of all answers: each may keep a thread busy with a name that is looked up."""
ALL_SECONDS = 40.0
"""How long all files of an answer may take; the rest stays links."""
_SPEECH = "speech"
_PAGES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True)
class ReadyFile:
    """A file that lies on the disk or at Telegram, or that it was sent already."""

    file: OutgoingFile
    sent: bool = False


class FileDelivery:
    """Finds and sends what goes with answers."""

    def __init__(
        self,
        store: Store,
        fetching: UrlFetcher,
        speaking: SpeechMaker,
        bot_id: int,
        file_characters: int,
    ) -> None:
        self.speaking = speaking
        self._store = store
        self._fetching = fetching
        self._bot_id = bot_id
        self._file_characters = file_characters
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    @asynccontextmanager
    async def of(
        self, reply_state: ReplyState, sender: FileSender, speak_in: str | None
    ) -> AsyncIterator["AnswerFiles"]:
        """Give what goes with a final state; its temporary files are gone with the context.

        `speak_in` is the language in which the answer is spoken, None for not at all.
        """
        answer = sanitize(reply_state.text) if reply_state.note is None else ""
        links, parts = linked(answer), made(answer, self._file_characters)
        with ExitStack() as stack:
            found, sent, folder = list[ReadyFile](), set[str](), None
            if links or parts or (speak_in is not None and answer):
                folder = _folder(stack)
            if folder is not None:
                sent = await sender.sent({_digest(one.address): one.label for one in links})
                found = await self._all(links, folder, sent)
                written = [_write(*pair, folder) for pair in enumerate(parts)]
                found += [ReadyFile(one, one.key in sent) for one in written if one is not None]
            spoken = _SPEECH in sent
            yield AnswerFiles(
                delivery=self,
                reply_state=reply_state,
                found=found,
                sender=sender,
                speak_in=speak_in,
                folder=folder,
                spoken=spoken,
            )

    async def _all(self, links: Sequence[Linked], folder: Path, sent: set[str]) -> list[ReadyFile]:
        """Get hold of what is linked, as far as that does not take too long."""
        room = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, link: Linked) -> ReadyFile | None:
            async with room:
                return await self._lying(link, folder / str(number), sent)

        tasks = [asyncio.create_task(one(*pair)) for pair in enumerate(links)]
        try:
            done, _ = await asyncio.wait(tasks, timeout=ALL_SECONDS) if tasks else (set(), None)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        found = [task.result() for task in tasks if task in done]
        return [lying for lying in found if lying is not None]

    async def _lying(self, link: Linked, path: Path, sent: set[str]) -> ReadyFile | None:
        """Get hold of something linked; None when it stays a link."""
        key = _digest(link.address)
        if key in sent:
            shape = Shape.PHOTO if link.picture else Shape.DOCUMENT
            return ReadyFile(OutgoingFile(key, shape, link.label, address=link.address), sent=True)
        known_as, known = f"url:{key}", None
        if link.signed:
            async with self._store.reading() as tx:
                known = await uploads.at_telegram(tx, self._bot_id, known_as)
        if known is not None:
            shape, file_id = Shape(known[0]), known[1]
            name, caption = link.label, _caption(link, shape)
            return ReadyFile(
                OutgoingFile(
                    key=key,
                    shape=shape,
                    name=name,
                    caption=caption,
                    path=None,
                    file_id=file_id,
                    address=link.address,
                    known_as=(known_as,),
                )
            )
        return await self._fetched(link, path)

    async def _fetched(self, link: Linked, path: Path) -> ReadyFile | None:
        """Fetch something linked; None when it stays a link."""
        async with self._room:
            try:
                found = await self._fetching.fetch(link.address, path, MOST_BYTES)
            except NotFetched as error:
                log.info("linked file not fetched", why=str(error))
                return None
        if found.media_type in _PAGES:
            return None
        shape = await asyncio.to_thread(shape_of, found.path)
        key = _digest(link.address)
        content = await asyncio.to_thread(_sum_of, found.path)
        async with self._store.reading() as tx:
            known = await uploads.at_telegram(tx, self._bot_id, content)
        file = OutgoingFile(
            key=key,
            shape=shape,
            name=name_of(link, found.media_type),
            caption=_caption(link, shape),
            path=found.path,
            file_id=known[1] if known and known[0] == shape else "",
            address=link.address,
            known_as=(f"url:{key}", content),
        )
        return ReadyFile(file)

    async def note(self, batch: Batch, file_ids: Sequence[str]) -> None:
        """Remember by what Telegram knows the files now."""
        async with self._store.writing(of=()) as tx:
            for one, file_id in zip(batch, file_ids, strict=True):
                if file_id and one.known_as:
                    await uploads.sent(tx, self._bot_id, one.known_as, one.shape, file_id)

    async def forget(self, batch: Batch) -> None:
        """Forget what Telegram was said to have, and refused."""
        async with self._store.writing(of=()) as tx:
            for one in batch:
                await uploads.not_there(tx, self._bot_id, one.known_as)


class AnswerFiles:
    """What goes with one answer."""

    def __init__(
        self,
        delivery: FileDelivery,
        reply_state: ReplyState,
        found: Sequence[ReadyFile],
        sender: FileSender,
        speak_in: str | None,
        folder: Path | None,
        *,
        spoken: bool,
    ) -> None:
        """`spoken` says that the recording was sent already."""
        self._spoken = spoken
        self._speak_in = speak_in
        self._folder = folder
        self._delivery = delivery
        self._reply_state = reply_state
        self._found = list(found)
        self._sender = sender

    @property
    def reply_state(self) -> ReplyState:
        """What the reply shows: labels in place of links to what goes with it."""
        addresses: dict[bool, set[str]] = {True: set(), False: set()}
        for one in self._found:
            if one.file.address:
                addresses[one.file.shape is not Shape.DOCUMENT].add(one.file.address)
        if not self._found:
            return self._reply_state
        answers = (
            without(text, addresses[True], addresses[False]) for text in self._reply_state.answers
        )
        return replace(self._reply_state, answers=tuple(answers))

    async def send(self) -> bool:
        """Send what was not sent; False when something was refused, and stays a link.

        Raises what `FileSender.post` raises.
        """
        before = len(self._found)
        for batch in batches([one.file for one in self._found if not one.sent]):
            await self._send(batch)
        complete = len(self._found) == before
        if self._reply_state.note is None and not await self._speak():
            notices = (*self._reply_state.notices, "speech.silent")
            self._reply_state = replace(self._reply_state, notices=notices)
            return False
        return complete

    async def _speak(self) -> bool:
        """Have the answer spoken, and send that; False when it cannot be had."""
        text = speakable(sanitize(self._reply_state.text))
        if self._speak_in is None or self._spoken or not text:
            return True
        if self._folder is None:
            return False
        await self._sender.act(ChatAction.RECORD_VOICE)
        sound = await self._delivery.speaking.spoken(text, self._speak_in)
        if sound is None:
            return False
        path = self._folder / "voice.ogg"
        try:
            await asyncio.to_thread(path.write_bytes, sound)
        except OSError as error:
            _complain(error)
            return False
        voice = OutgoingFile(_SPEECH, Shape.VOICE, "answer.ogg", path=path)
        if await self._sender.post((voice,)) is not None:
            return True
        document = replace(voice, shape=Shape.DOCUMENT)  # some people let nobody send them voice
        return await self._sender.post((document,)) is not None

    async def _send(self, batch: Batch) -> None:
        """Send it together; if Telegram does not take that, each as it can be taken."""
        file_ids = await self._sender.post(batch)
        if file_ids is not None:
            await self._delivery.note(batch, file_ids)
            return
        if any(one.file_id for one in batch):
            await self._delivery.forget(batch)
        for one in batch:
            if not await self._send_otherwise(one, alone=len(batch) == 1):
                self._found = [each for each in self._found if each.file.key != one.key]

    async def _send_otherwise(self, one: OutgoingFile, *, alone: bool) -> bool:
        """Send what was refused: by itself, as a file from the disk, at last as a document."""
        tries = [] if alone and not one.file_id else [replace(one, file_id="")]
        if one.shape is not Shape.DOCUMENT:
            tries.append(replace(one, shape=Shape.DOCUMENT, file_id=""))
        for attempt in tries:
            if attempt.path is None:
                break
            file_ids = await self._sender.post((attempt,))
            if file_ids is not None:
                await self._delivery.note((attempt,), file_ids)
                return True
        return False


def _folder(stack: ExitStack) -> Path | None:
    """Return a folder for the files of an answer, which is worth more than they are; None without one."""
    try:
        return stack.enter_context(tempfiles.folder())
    except OSError as error:
        _complain(error)
        return None


def _complain(error: OSError) -> None:
    cure = "Check the folder for temporary files (TMPDIR): its rights, and the free disk space."
    log.error("temporary files not available", error=type(error).__name__, cure=cure)


def _write(number: int, part: Made, folder: Path) -> OutgoingFile | None:
    path = folder / f"made-{number}"
    try:
        path.write_text(part.content, encoding="utf-8")
    except OSError as error:
        _complain(error)
        return None
    return OutgoingFile(f"made-{number}", Shape.DOCUMENT, part.name, path=path)


def _caption(link: Linked, shape: Shape) -> str:
    """Return what stands below it; a document has its name."""
    return link.label if shape is not Shape.DOCUMENT else ""


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:24]


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return f"sum:{hashlib.file_digest(file, 'sha256').hexdigest()}"
