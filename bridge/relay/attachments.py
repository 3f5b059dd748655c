"""Bring a turn's files to the agent: written down, read into the question, or uploaded."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bridge.coze.audio import MOST_HEARD_BYTES, transcribe
from bridge.coze.client import Coze
from bridge.coze.files import taken, upload, written
from bridge.coze.kinds.agent import FilesBy
from bridge.errors import FileGone, Happened, Retry, Trouble
from bridge.errors.coze import CozeTrouble, FileRefused, Forbidden, NothingToAsk, NotOffered
from bridge.model import Attachment, AttachmentKind, Turn
from bridge.relay.plaintext import fenced, plain_text
from bridge.relay.protocols import Files
from bridge.store.coze import uploads
from bridge.store.engine import Store
from bridge.store.turns import lifecycle

log = structlog.get_logger(__name__)
AT_ONCE = 3
"""Files on their way at a time: a plan allows Coze ten uploads a second."""
SMALL_BYTES = 64 * 1024
"""A text up to this size stands in the question, whatever its name."""
MOST_CHARACTERS = 20_000
"""Of all texts of a question together; the agent's model has to read them."""


@dataclass
class PreparedAttachments:
    """What became of a turn's files."""

    turn: Turn
    """With what is said in its voice messages."""
    uploads: dict[str, tuple[AttachmentKind, str]] = field(default_factory=dict)
    """Of each file at Coze its kind and id."""
    texts: dict[str, str] = field(default_factory=dict)
    """What stands in the question for a file."""
    notices: list[str] = field(default_factory=list)
    """Keys of sentences about what could not be passed on."""
    known: list[str] = field(default_factory=list)
    """The files that were uploaded for an earlier question."""
    refused: list[str] = field(default_factory=list)
    """The files that the agent does not get."""

    def __repr__(self) -> str:
        return f"PreparedAttachments({len(self.uploads)} uploads, {len(self.texts)} texts)"

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """What goes with the question, in the order of the messages."""
        keys = [one.key for one in self.turn.attachments if one.key in self.uploads]
        return tuple(self.uploads[key] for key in keys)


@dataclass(frozen=True, kw_only=True)
class FileAccess:
    """How files reach an agent."""

    by: FilesBy
    coze: Coze | None
    """Where they are uploaded, and recordings written down; None where neither can be."""
    place: str = ""
    """Names the account: elsewhere an upload's id means nothing."""
    address: Callable[[Attachment], str] | None = None
    """Where the agent can fetch a file for a while."""


class Attachments:
    """Brings files to one agent."""

    def __init__(self, store: Store, files: Files, access: FileAccess) -> None:
        self._store = store
        self._files = files
        self._access = access
        self._room = asyncio.Semaphore(AT_ONCE)

    async def carry(self, turn: Turn, begin: Callable[[], None]) -> PreparedAttachments:
        """Do it for all files of a turn; `begin` is called when that takes time.

        What cannot be passed on is noted. Raises NothingToAsk when nothing else was asked, and the
        Trouble that kept files from being fetched or uploaded.
        """
        carried = PreparedAttachments(turn)
        async with self._store.reading() as tx:
            keys = [one.key for one in turn.attachments]
            known = await uploads.at_coze(tx, self._access.place, keys) if self._uploads else {}
        new = []
        for one in turn.attachments:
            if one.key in known and one.kind is not AttachmentKind.VOICE:
                carried.uploads[one.key] = (one.kind, known[one.key])
                carried.known.append(one.key)
            elif not one.said:
                new.append(one)
        if new:
            begin()
            await self._carry_all(new, carried)
        _is_something(carried)
        return carried

    async def forget(self, carried: PreparedAttachments) -> None:
        """Forget earlier uploads: Coze refused a question with them, so they may be gone."""
        async with self._store.writing(of=()) as tx:
            await uploads.forget(tx, self._access.place, carried.known)

    @property
    def _uploads(self) -> bool:
        return self._access.by is FilesBy.UPLOAD

    async def _carry_all(self, files: list[Attachment], carried: PreparedAttachments) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for one in files:
                    group.create_task(self._carry(one, carried), name="a file for Coze")
        except* Trouble as troubles:
            raise troubles.exceptions[0] from None

    async def _carry(self, attachment: Attachment, carried: PreparedAttachments) -> None:
        """Bring one file there, or note why not."""
        async with self._room:
            try:
                await self._bring(attachment, carried)
            except (FileGone, FileRefused, NotOffered) as trouble:
                said = trouble.sentence
                if isinstance(trouble, NotOffered):
                    said = (
                        "file.missing"
                        if attachment.kind is not AttachmentKind.VOICE
                        else "speech.missing"
                    )
                _note(carried, attachment, said, trouble)
            except Forbidden as trouble:
                voice = attachment.kind is AttachmentKind.VOICE
                right = "createTranscription" if voice else "uploadFile"
                cure = f"Give the token the permission {right} in Coze."
                said = "speech.closed" if voice else "file.closed"
                _note(carried, attachment, said, trouble.with_(cure=cure))

    async def _bring(self, attachment: Attachment, carried: PreparedAttachments) -> None:
        if attachment.kind is AttachmentKind.VOICE:
            await self._write_down(attachment, carried)
            return
        if self._access.address is not None and not written(attachment.name):
            carried.uploads[attachment.key] = (attachment.kind, self._access.address(attachment))
            return
        if self._access.by is FilesBy.NONE and not written(attachment.name):
            raise _no_files()
        async with self._files.opened(attachment) as path:
            if attachment.kind is AttachmentKind.FILE and written(attachment.name):
                text = await asyncio.to_thread(_text_of, path)
                small = path.stat().st_size <= SMALL_BYTES
                alone = not taken(attachment.name) or self._access.by is FilesBy.NONE
                if text is not None and (small or alone):
                    _inline(attachment, text, carried)
                    return
            if self._access.address is not None:
                carried.uploads[attachment.key] = (
                    attachment.kind,
                    self._access.address(attachment),
                )
                return
            file_id = await self._uploaded(path, attachment)
        async with self._store.writing(of=()) as tx:
            await uploads.uploaded(tx, self._access.place, attachment.key, file_id)
        carried.uploads[attachment.key] = (attachment.kind, file_id)

    async def _uploaded(self, path: Path, attachment: Attachment) -> str:
        """Return the id of a file at Coze. Raises FileRefused where the agent gets none of its kind."""
        coze, doing = self._access.coze, "Passing on a file"
        if coze is None or not self._uploads:
            raise _no_files()
        if not taken(attachment.name):
            raise FileRefused(doing, "Coze does not take its type", sentence="file.type")
        return await self._patiently(lambda: upload(coze, path, attachment.name))

    async def _patiently(self, bring: Callable[[], Awaitable[str]]) -> str:
        """Do it, again after a pause: another copy at Coze harms nobody."""
        for pause in (1.0, 4.0):
            try:
                return await bring()
            except CozeTrouble as trouble:
                passes = trouble.retry in (Retry.ONCE, Retry.WAIT)
                if not passes and trouble.happened is Happened.NO:
                    raise
                log.info("resending file", trouble=str(trouble))
                await asyncio.sleep(pause)
        return await bring()

    async def _write_down(self, attachment: Attachment, carried: PreparedAttachments) -> None:
        if attachment.size > MOST_HEARD_BYTES:
            raise FileGone("Writing down a voice message", "its size", sentence="speech.too_long")
        coze = self._access.coze
        if coze is None:
            raise NotOffered("Writing down a voice message", "no Coze is there to do it")
        async with self._files.opened(attachment) as path:
            said = await self._patiently(lambda: transcribe(coze, path, attachment.name))
        if not said:
            raise FileGone("Writing down a voice message", "no word", sentence="speech.empty")
        async with self._store.writing(of=carried.turn.chat.chat_id) as tx:
            carried.turn = await lifecycle.written_down(tx, carried.turn.id, attachment.key, said)


def _no_files() -> FileRefused:
    return FileRefused("Passing on a file", "the agent takes no files", sentence="file.agent")


def _text_of(path: Path) -> str | None:
    """Return the beginning of a file, if it is text."""
    with path.open("rb") as file:
        return plain_text(file.read(4 * MOST_CHARACTERS))


def _inline(attachment: Attachment, text: str, carried: PreparedAttachments) -> None:
    room = MOST_CHARACTERS - sum(len(one) for one in carried.texts.values())
    if len(text) > room:
        text = text[: max(0, room)]
        _say(carried, "file.cut")
    carried.texts[attachment.key] = fenced(attachment.name, text)


def _note(
    carried: PreparedAttachments, attachment: Attachment, said: str, trouble: Trouble
) -> None:
    log.warning("file not passed on", turn=carried.turn.id, trouble=str(trouble))
    carried.refused.append(attachment.key)
    _say(carried, said)


def _say(carried: PreparedAttachments, sentence: str) -> None:
    if sentence not in carried.notices:
        carried.notices.append(sentence)


def _is_something(carried: PreparedAttachments) -> None:
    """Raises NothingToAsk when only files came, and none of them can be passed on."""
    words = any(part.text.strip() or part.quote for part in carried.turn.parts)
    if carried.refused and len(carried.refused) == len(carried.turn.attachments) and not words:
        raise NothingToAsk("Passing on files", "none can be", sentence=carried.notices[0])
