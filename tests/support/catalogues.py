"""The catalogues of sentences, read from their files."""

from functools import cache
from pathlib import Path
from string import Formatter

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parents[2] / "bridge" / "texts"


@cache
def catalogue(language: str) -> Catalog:
    """Return a language's whole catalogue."""
    return read_po(
        (FOLDER / f"{language}.po").read_text(encoding="utf-8").splitlines(keepends=True)
    )


def sentences(language: str) -> dict[str, tuple[str, ...]]:
    """Return each sentence by its key, in all its plural forms: most have only one."""
    found = {}
    for entry in catalogue(language):
        if entry.id:
            key = entry.id if isinstance(entry.id, str) else entry.id[0]
            found[key] = (entry.string,) if isinstance(entry.string, str) else tuple(entry.string)
    return found


def fields(sentence: str) -> set[str]:
    """Return what is filled into a sentence."""
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def specs(sentence: str) -> set[str]:
    """Return the sentences that write a number with its noun within another sentence."""
    return {spec for _, _, spec, _ in Formatter().parse(sentence) if spec and spec != ","}
