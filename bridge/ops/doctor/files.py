"""Whether files and voice can go through: tried with empty files, which are refused for that only."""

import io
from collections.abc import AsyncIterator

from bridge.coze.audio import voices
from bridge.coze.client import Coze
from bridge.errors.coze import (
    BadRequest,
    CozeTrouble,
    FileRefused,
    Forbidden,
    NotOffered,
    Refused,
    ServerTrouble,
)
from bridge.ops.doctor.findings import Finding, bad, good, note, said_by
from bridge.preferences import Speech
from bridge.settings import Settings

_WAYS = (
    ("Files", "uploadFile", "/v1/files/upload", "pictures and files of people"),
    ("Voice", "createTranscription", "/v1/audio/transcriptions", "voice messages"),
)


async def check_files(coze: Coze, settings: Settings) -> AsyncIterator[Finding]:
    """Yield what people can send besides text, and whether answers can be spoken."""
    for subject, permission, path, what in _WAYS:
        yield await _tried(coze, subject, permission, path, what)
    if settings.bridge_speech is not Speech.OFF or settings.coze_voice_id is not None:
        yield await _speech(coze, settings)


async def _tried(coze: Coze, subject: str, permission: str, path: str, what: str) -> Finding:
    try:
        await coze.call("Trying a file", "POST", path, file=("empty.pdf", io.BytesIO()))
    except (FileRefused, BadRequest, Refused, ServerTrouble):
        pass  # it was let in, and then refused for what it is: empty
    except Forbidden:
        cure = f"Give the token the permission {permission}, if people are to send them."
        return note(subject, f"{what} cannot be passed on", cure)
    except NotOffered:
        return note(subject, f"this Coze takes no {what}", "Nothing to do; people are told so.")
    except CozeTrouble as trouble:
        return note(subject, f"uploads failed: {said_by(trouble)}", trouble.cure)
    return good(subject, f"{what} are passed on")


async def _speech(coze: Coze, settings: Settings) -> Finding:
    """Return whether there is a voice to speak with, where the settings want that."""
    try:
        found = {voice.id for voice in await voices(coze)}
    except NotOffered:
        return bad("Speech", "this Coze has no voices", "Set BRIDGE_SPEECH=off.")
    except Forbidden:
        cure = "Give the token the permissions createSpeech and listVoice."
        return bad("Speech", "answers cannot be spoken", cure)
    except CozeTrouble as trouble:
        return bad("Speech", said_by(trouble), trouble.cure)
    wanted = settings.coze_voice_id
    if wanted is not None and wanted not in found:
        return bad("Speech", "there is no voice with the id in COZE_VOICE_ID", "Correct it.")
    return good("Speech", f"{len(found)} voices")
