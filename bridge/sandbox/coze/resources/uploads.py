"""Uploaded files: what is kept of each, which types are taken, and who may name one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "audio", "file"]

_DOCUMENTS = "doc docx xls xlsx ppt pptx pdf numbers csv"
_SOURCES = "cpp py java c"
_IMAGES = "jpg jpg2 jpeg png gif webp heic heif bmp pcd tiff"
_SOUNDS = "wav mp3 flac m4a aac ogg wma midi"
_FILMS = "mp4 avi mov 3gp flv webm wmv rmvb m4v mkv"
_ARCHIVES = "rar zip 7z gz bz2"
IMAGE_TYPES = frozenset(_IMAGES.split(" "))
AUDIO_TYPES = frozenset(_SOUNDS.split(" "))
FILE_TYPES = (
    IMAGE_TYPES
    | AUDIO_TYPES
    | frozenset(" ".join((_DOCUMENTS, _SOURCES, _FILMS, _ARCHIVES)).split(" "))
)


@dataclass(frozen=True)
class Upload:
    """An uploaded file; its content is not kept."""

    id: str
    name: str
    bytes: int
    sha256: str
    """Of its content, in hexadecimal digits."""
    content_type: str
    """As the multipart part says, "" when it does not."""
    account: str
    """Whose token uploaded it; to everybody else the file does not exist."""
    created_at: int
    """Unix time in seconds."""

    @property
    def kind(self) -> Kind:
        """What a message may name it as, by its extension; a `file` may be anything."""
        ending = extension(self.name)
        if ending in IMAGE_TYPES:
            return "image"
        return "audio" if ending in AUDIO_TYPES else "file"


@dataclass(frozen=True)
class Shelf:
    """The uploads that one account may name in its messages."""

    uploads: Mapping[str, Upload]
    account: str
    deaf: bool = False
    """Whether audio items are passed over, as the self-hosted server does."""

    def find(self, file_id: str) -> Upload | None:
        """Return the account's own file of that id, None for an unknown or a foreign one."""
        upload = self.uploads.get(file_id)
        return upload if upload is not None and upload.account == self.account else None


def extension(name: str) -> str:
    """Return what stands behind the last dot of a file's name, in lower case; "" without a dot."""
    return name.rpartition(".")[2].lower() if "." in name else ""
