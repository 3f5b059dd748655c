"""Thoughts that an agent prints inside its answer, between `<think>` and `</think>`. Pure."""

import re

_OPEN, _CLOSE = "<think>", "</think>"
_BEGINS = re.compile(r"[\s\ufeff]*<think(?:ing)?\s*>", re.IGNORECASE)
_ENDS = re.compile(r"</think(?:ing)?>\s*", re.IGNORECASE)


def without_thoughts(answer: str) -> tuple[str, str]:
    """The thoughts at the beginning of an answer, and the answer itself.

    Thoughts that are still being written have no end yet; a tag that is half written is neither.
    Elsewhere the tags are text: an agent may write about them.
    """
    thoughts: list[str] = []
    while begun := _BEGINS.match(answer):
        ended = _ENDS.search(answer, begun.end())
        if ended is None:
            rest, _, half = answer[begun.end() :].rpartition("<")
            unfinished = half and _CLOSE.startswith("<" + half.lower())
            thoughts.append(rest if unfinished else answer[begun.end() :])
            return _joined(thoughts), ""
        thoughts.append(answer[begun.end() : ended.start()])
        answer = answer[ended.end() :]
    begin = answer[:64].lstrip().lower()
    if begin and len(begin) < len(_OPEN) and _OPEN.startswith(begin):
        answer = ""
    return _joined(thoughts), answer


def _joined(thoughts: list[str]) -> str:
    return "\n\n".join(one.strip() for one in thoughts if one.strip())
