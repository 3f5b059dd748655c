"""Every sentence a person can read, by key and language; a further language is one `.po` file."""

from datetime import timedelta
from functools import cache
from importlib import resources

from babel.dates import format_timedelta
from babel.messages.pofile import read_po

DEFAULT = "en"


def translate(language: str, key: str, **values: object) -> str:
    """The sentence `key` in the person's language (an IETF tag such as `zh-hans`).

    Raises KeyError for a key that no catalogue has.
    """
    sentences = catalogues().get(chosen(language), {})
    return (sentences.get(key) or catalogues()[DEFAULT][key]).format(**values)


def age(seconds: float, language: str) -> str:
    """How long something is ago, in one unit, such as `3 hours`."""
    return format_timedelta(timedelta(seconds=seconds), threshold=1.0, locale=chosen(language))


def chosen(language: str) -> str:
    """The catalogue for an IETF tag: its first part, or English."""
    first = language.replace("_", "-").split("-")[0].lower()
    return first if first in catalogues() else DEFAULT


@cache
def catalogues() -> dict[str, dict[str, str]]:
    """All sentences by language and key."""
    return {
        source.name.removesuffix(".po"): _read(source.read_bytes())
        for source in resources.files(__name__).iterdir()
        if source.name.endswith(".po")
    }


def _read(content: bytes) -> dict[str, str]:
    catalogue = read_po(content.decode("utf-8").splitlines(keepends=True))
    return {str(entry.id): str(entry.string) for entry in catalogue if entry.id}
