"""Thoughts that an agent prints inside its answer, between `<think>` and `</think>`. Pure.

Models spell the tag in several ways; some begin to think before their output begins, so that only
the end of it is printed.
"""

import re

_NAMES = ("think", "thinking", "thought", "thoughts")
_NAME = "(?:think(?:ing)?|thoughts?)"
_BEGINS = re.compile(rf"[\s\ufeff]*<{_NAME}\s*>", re.IGNORECASE)
_ENDS = re.compile(rf"</{_NAME}\s*>\s*", re.IGNORECASE)
_BARE_END = re.compile(rf"^[ \t]*</{_NAME}\s*>[ \t]*(?:\n|\Z)\s*", re.IGNORECASE | re.MULTILINE)
_LONGEST_TAG = max(map(len, _NAMES)) + 3


def without_thoughts(answer: str) -> tuple[str, str]:
    """Return the thoughts at the beginning of an answer, and the answer itself.

    Thoughts that are still being written have no end yet; a tag that is half written is neither.
    Elsewhere the tags are text: an agent may write about them.
    """
    thoughts: list[str] = []
    while begun := _BEGINS.match(answer):
        ended = _ENDS.search(answer, begun.end())
        if ended is None:
            rest, sign, half = answer[begun.end() :].rpartition("<")
            unfinished = sign and _may_become("</", sign + half)
            thoughts.append(rest if unfinished else answer[begun.end() :])
            return _joined(thoughts), ""
        thoughts.append(answer[begun.end() : ended.start()])
        answer = answer[ended.end() :]
    if not thoughts and (bare := _BARE_END.search(answer)):
        before = answer[: bare.start()]
        if before.count("```") % 2 == 0 and before.count("~~~") % 2 == 0:  # else it is in code
            return _joined([before]), answer[bare.end() :]
    begin = answer[:64].lstrip()
    if begin and _may_become("<", begin):
        answer = ""
    return _joined(thoughts), answer


def _may_become(lead: str, half: str) -> bool:
    """Return whether the whole of a text may be the beginning of a tag."""
    if len(half) > _LONGEST_TAG:
        return False
    return any(f"{lead}{name}>".startswith(half.lower()) for name in _NAMES)


def _joined(thoughts: list[str]) -> str:
    return "\n\n".join(one.strip() for one in thoughts if one.strip())
