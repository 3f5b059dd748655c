"""What kind of file an address leads to: by its extension, by its name, or by asking."""

from pathlib import PurePosixPath
from urllib.parse import urlsplit

from bridge.sandbox.coze_projects.runs import FileBlock, FileKind

_EXTENSIONS: dict[FileKind, str] = {
    "image": "apng avif bmp gif heic ico jpg jpeg png svg tiff webp",
    "video": "mp4 mov webm 3gp m4v",
    "video url": "avi mkv flv wmv",
    "audio": "mp3 wav flac aac ogg wma m4a",
    "document": "pdf doc docx xls xlsx ppt pptx txt md csv json xml html",
}
KINDS: dict[str, FileKind] = {
    extension: kind for kind, names in _EXTENSIONS.items() for extension in names.split()
}
_MAJOR: dict[str, FileKind] = {"image": "image", "video": "video", "audio": "audio"}


def extension_of(path: str) -> str:
    """Return the extension of a path in small letters, without its dot."""
    return PurePosixPath(path).suffix.lower().lstrip(".")


def url_extension(url: str) -> str:
    """Return the extension of the path of an address."""
    return extension_of(urlsplit(url).path)


def known_kind(block: FileBlock) -> FileKind | None:
    """Return the kind that address or name tell; None where the server has to ask."""
    for extension in (url_extension(block.url), extension_of(block.name)):
        if extension in KINDS:
            return KINDS[extension]
        if extension:
            return "document"
    return None


def kind_of_type(content_type: str) -> FileKind:
    """Return the kind for a content type."""
    return _MAJOR.get(content_type.partition("/")[0].strip().lower(), "document")
