"""Every sentence a person can read, by key and language; a further language is one `.po` file."""

from datetime import timedelta
from functools import cache
from importlib import resources

from babel.dates import format_timedelta
from babel.messages.pofile import read_po

DEFAULT = "en"


class _Count(int):
    """A number in a sentence: `{turns:question|questions}` says `1 question` or `2 questions`."""

    def __format__(self, spec: str) -> str:
        one, found, many = spec.partition("|")
        if not found:
            return format(int(self), spec)
        return f"{int(self):,} {one if self == 1 else many}"


def translate(language: str, key: str, **values: object) -> str:
    """Return the sentence `key` in the person's language (an IETF tag such as `zh-hans`).

    Raises KeyError for a key that no catalogue has.
    """
    sentences = catalogues().get(chosen(language), {})
    given = {name: _Count(one) if type(one) is int else one for name, one in values.items()}
    return (sentences.get(key) or catalogues()[DEFAULT][key]).format(**given)


def age(seconds: float, language: str) -> str:
    """Return how long something is ago, in one unit, such as `3 hours`."""
    return format_timedelta(timedelta(seconds=seconds), threshold=1.0, locale=chosen(language))


def chosen(language: str) -> str:
    """Return the catalogue for an IETF tag: its first part, or English."""
    first = language.replace("_", "-").split("-")[0].lower()
    return first if first in catalogues() else DEFAULT


@cache
def catalogues() -> dict[str, dict[str, str]]:
    """Return all sentences by language and key."""
    return {
        source.name.removesuffix(".po"): _read(source.read_bytes())
        for source in resources.files(__name__).iterdir()
        if source.name.endswith(".po")
    }


def _read(content: bytes) -> dict[str, str]:
    catalogue = read_po(content.decode("utf-8").splitlines(keepends=True))
    return {str(entry.id): str(entry.string) for entry in catalogue if entry.id}
