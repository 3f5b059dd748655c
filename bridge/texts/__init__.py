"""Every sentence a person can read, by key and language; a further language is one `.po` file."""

import gettext
import io
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from importlib import resources

from babel import Locale
from babel.dates import format_skeleton, format_timedelta
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

DEFAULT = "en"
_TRADITIONAL = {"hant", "tw", "hk", "mo"}
"""What a tag says of Chinese that is written in traditional characters: the script, or a region."""


class _Count:
    """A number in a sentence: `{turns:count.question}` says `1 question`, or `2 questions`."""

    def __init__(self, number: int, language: str) -> None:
        self._number = number
        self._language = language

    def __format__(self, spec: str) -> str:
        if spec == ",":
            return str(format_decimal(self._number, locale=locale_of(self._language)))
        return translate(self._language, spec, count=self._number) if spec else str(self._number)

    def __str__(self) -> str:
        return str(self._number)


def translate(language: str, key: str, **values: object) -> str:
    """Return the sentence `key` in the person's language (an IETF tag such as `zh-hans`).

    A sentence that has plural forms takes the one of its `count`.
    Raises KeyError for a key that no catalogue has.
    """
    language = chosen(language)
    count = values.get("count")
    sentence = _sentence(language, key, count if type(count) is int else None)
    counts = {n: _Count(one, language) for n, one in values.items() if type(one) is int}
    return sentence.format(**{**values, **counts})


def age(seconds: float, language: str) -> str:
    """Return how long something is ago, in one unit, such as `3 hours`."""
    return format_timedelta(timedelta(seconds=seconds), threshold=1.0, locale=locale_of(language))


def day(at: date, language: str, *, with_year: bool = True) -> str:
    """Return a day as the language writes it, such as `Nov 29, 2026`."""
    skeleton = "yMMMd" if with_year else "MMMd"
    return str(format_skeleton(skeleton, at, locale=locale_of(language)))


def chosen(language: str) -> str:
    """Return the catalogue for an IETF tag, or the name of a locale such as `zh_TW.UTF-8`.

    That of its first part, for Chinese also of its script; English where there is none.
    """
    first, *others = language.partition(".")[0].replace("_", "-").lower().split("-")
    if first == "zh" and "hans" not in others and _TRADITIONAL & {*others}:
        return "zh-hant"
    return first if first in languages() else DEFAULT


def locale_of(language: str) -> Locale:
    """Return what Babel needs to write days, ages and numbers as the catalogue's readers do."""
    return Locale.parse(chosen(language), sep="-")


def compiled(source: str) -> gettext.GNUTranslations:
    """Return the sentences of a `.po` file's text, with their plural forms."""
    content = io.BytesIO()
    write_mo(content, read_po(source.splitlines(keepends=True)))
    content.seek(0)
    return gettext.GNUTranslations(content)


@cache
def languages() -> Sequence[str]:
    """Return the languages that there are sentences in, as IETF tags in lower case."""
    names = (source.name for source in resources.files(__name__).iterdir())
    return sorted(name.removesuffix(".po") for name in names if name.endswith(".po"))


def _sentence(language: str, key: str, count: int | None) -> str:
    known = _translations(language)
    found = known.ngettext(key, key, count) if count is not None else key
    if found == key:
        found = known.gettext(key)
    if found == key:
        raise KeyError(key)
    return found


@cache
def _translations(language: str) -> gettext.GNUTranslations:
    """Read a catalogue (some 40 ms); what it lacks is said in English."""
    source = resources.files(__name__).joinpath(f"{language}.po").read_text(encoding="utf-8")
    found = compiled(source)
    if language != DEFAULT:
        found.add_fallback(_translations(DEFAULT))
    return found
