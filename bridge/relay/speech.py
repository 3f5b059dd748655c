"""Have an answer spoken: sentence by sentence, as one recording."""

import asyncio
import re
from collections.abc import Sequence

import structlog

from bridge.coze.audio import MOST_SPOKEN_BYTES, Voice, speak, voices
from bridge.coze.client import Coze
from bridge.errors import Retry
from bridge.errors.coze import CozeTrouble, Forbidden, Garbled, NotOffered
from bridge.relay.ogg import NotOgg, joined

log = structlog.get_logger(__name__)
_PERMISSIONS = "Give the token the permissions createSpeech and listVoice."
MOST_PIECES = 12
"""Of one answer: some ten minutes, and each piece is a call of the plan."""
AT_ONCE = 3
_ENDS = re.compile(r"(?<=[。！？\n])|(?<=[.!?…])(?=\s)|(?<=[.!?…][\"'”’)])(?=\s)")
_CJK = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


class SpeechMaker:
    """Speaks with one Coze account's voices."""

    def __init__(self, coze: Coze | None, voice_id: str | None) -> None:
        self._voice_id = voice_id
        self._voices: Sequence[Voice] = ()
        self._coze = coze
        self.possible = coze is not None
        """Whether this account and deployment can speak."""

    async def spoken(self, text: str, language: str) -> bytes | None:
        """Return a text as OGG/Opus; of a long one the beginning. None when that cannot be had."""
        parts = pieces(text)[:MOST_PIECES]
        coze = self._coze
        if not parts or not self.possible or coze is None:
            return None
        try:
            voice_id = self._voice_id or await self._voice_of(coze, text, language)
            room = asyncio.Semaphore(AT_ONCE)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_piece(coze, one, voice_id, room)) for one in parts]
            recordings = [task.result() for task in tasks]
            return await asyncio.to_thread(joined, recordings)  # each byte is looked at
        except* (NotOffered, Forbidden) as troubles:
            self.possible = False
            for trouble in troubles.exceptions:
                if isinstance(trouble, Forbidden):
                    trouble = trouble.with_(cure=_PERMISSIONS)
                log.warning("speech switched off", trouble=str(trouble))
        except* (CozeTrouble, NotOgg) as troubles:
            log.warning("speech failed", trouble=str(troubles.exceptions[0]))
        return None

    async def _voice_of(self, coze: Coze, text: str, language: str) -> str:
        """Return the first voice of the text's language. Raises what the call may raise."""
        if not self._voices:
            self._voices = await voices(coze)
        if not self._voices:
            raise Garbled("Looking up the voices", "there are none", cure="Set COZE_VOICE_ID.")
        wanted = "zh" if _CJK.search(text) else language.partition("-")[0].lower() or "en"
        fits = [voice for voice in self._voices if voice.language == wanted]
        return (fits or self._voices)[0].id


async def _piece(coze: Coze, text: str, voice_id: str, room: asyncio.Semaphore) -> bytes:
    async with room:
        for pause in (1.0, 4.0):
            try:
                return await speak(coze, text, voice_id)
            except CozeTrouble as trouble:
                if trouble.retry is not Retry.WAIT:
                    raise
                await asyncio.sleep(pause)
        return await speak(coze, text, voice_id)


def pieces(text: str, most_bytes: int = MOST_SPOKEN_BYTES) -> Sequence[str]:
    """Return a text in pieces that can be spoken: as many whole sentences as fit. Pure."""
    found, piece = list[str](), ""
    for sentence in _ENDS.split(text):
        for part in _short(sentence, most_bytes):
            if len((piece + part).encode()) > most_bytes and piece.strip():
                found.append(piece.strip())
                piece = ""
            piece += part
    return [*found, piece.strip()] if piece.strip() else found


def _short(sentence: str, most_bytes: int) -> Sequence[str]:
    """Return a sentence that is too long, cut between words; a word, between characters."""
    if len(sentence.encode()) <= most_bytes:
        return [sentence]
    found, part = list[str](), ""
    for word in re.findall(r"\S+\s*|\s+", sentence):
        for bit in [word] if len(word.encode()) <= most_bytes else word:
            if len((part + bit).encode()) > most_bytes:
                found.append(part)
                part = ""
            part += bit
    return [*found, part]
