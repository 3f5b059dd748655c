"""Repair what agents write slightly off, before it is parsed: fences, tags, rows of tables. Pure.

What comes out is Markdown, and once more through here it stays as it is. A streamed prefix is
repaired in the way that its continuation would be, so that little changes when the rest comes.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from html import unescape

FENCE = re.compile(r"^(\s*(?:>\s?)*(?:[-+*]\s+|\d{1,9}[.)]\s+)?)(`{3,}|~{3,})([^`]*)$")
_BEHIND_WORDS = re.compile(
    r"^(?P<words>[^`]*[^\s`>+*-][^`]*?)[ \t]*(?P<fence>`{3})(?P<name>[\w+#.-]*)[ \t]*$"
)
_MARKDOWN = ("markdown", "md")
_LONGER = 4
"""Marks by which the fence of a Markdown text is made longer than those inside of it."""
_HEADING = re.compile(r"(?i)</?h([1-6])(?:\s[^<>]*)?>")
_BLOCK_TAG = re.compile(r"(?i)^\s*</?(?:ul|ol|li|h[1-6]|pre|hr|blockquote)(?:\s[^<>]*)?/?>")
_PRE = re.compile(
    r"(?i)<pre(?:\s[^<>]*)?>(?:\s*<code(?:\s[^<>]*?language-([\w+#.-]+)[^<>]*|\s[^<>]*)?>)?"
)
_PRE_END = re.compile(r"(?i)(?:</code\s*>)?\s*</pre\s*>")
_PRE_FENCE = "`````"
"""Longer than what such code may hold itself."""
_LIST_TAG = re.compile(r"(?i)<(/?)(ul|ol|li)(?:\s[^<>]*)?>")
_DELIMITER = re.compile(r"^[>\s]*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")


def repaired(markdown: str, *, preview: bool = False) -> str:
    """Return the text in the form that the parser reads as it was meant."""
    text = markdown
    if "```" in text or "~~~" in text:
        text = "\n".join(_fences(text.split("\n"), preview=preview))
    if "<" in text and ">" in text:
        text = "\n".join(_without_tags(text.split("\n")))
    if "|" in text and "-" in text:
        text = "\n".join(_wide_rows(text.split("\n")))
    return text


def _fences(lines: Sequence[str], *, preview: bool) -> Iterator[str]:
    """Begin fences behind words on lines of their own, and keep fences inside of Markdown fences."""
    fence, outer = "", -1
    for number, line in enumerate(lines):
        if outer >= 0 and number < outer:
            yield line
        elif number == outer:
            yield line.rstrip() + line.strip()[0] * _LONGER
            outer = -1
        elif fence:
            yield line
            fence = "" if _closes(line, fence) else fence
        elif found := FENCE.match(line):
            last = _end_of_markdown(lines, number, found) if _is_markdown(found) else None
            if last is None and not (preview and _is_markdown(found)):
                fence = found[2]
                yield line
                continue
            outer = last if last is not None else len(lines)
            yield f"{found[1]}{found[2]}{found[2][0] * _LONGER}{found[3]}"
        elif found := _BEHIND_WORDS.match(line):
            closed = any(_closes(later, found["fence"]) for later in lines[number + 1 :])
            ends = number + 1 == len(lines)
            if not closed and not (preview and not ends):
                yield line
                continue
            fence = found["fence"]
            yield found["words"]
            yield fence + found["name"]
        else:
            yield line


def _is_markdown(found: re.Match[str]) -> bool:
    """Whether a fence of the shortest length holds a Markdown text, which may hold fences."""
    name = found[3].strip().casefold()
    return len(found[2]) == 3 and name in _MARKDOWN


def _end_of_markdown(lines: Sequence[str], start: int, opener: re.Match[str]) -> int | None:
    """The line that ends a fence with named fences inside; None when they do not add up."""
    depth = 1
    for number in range(start + 1, len(lines)):
        found = FENCE.match(lines[number])
        if found is None or found[2][0] != opener[2][0]:
            continue
        depth += 1 if found[3].strip() else -1
        if not depth:
            return number
    return None


def _closes(line: str, fence: str) -> bool:
    found = FENCE.match(line)
    return found is not None and found[2].startswith(fence) and not found[3].strip()


def _without_tags(lines: Sequence[str]) -> Iterator[str]:
    """Write headings, lists and code of HTML as Markdown, where a line begins with such a tag."""
    fence, in_pre, lists = "", False, list[str]()
    for line in lines:
        if fence:
            yield line
            fence = "" if _closes(line, fence) else fence
        elif in_pre:
            in_pre = (yield from _code_of(line)) is False
        elif found := FENCE.match(line):
            fence = found[2]
            yield line
        elif not _BLOCK_TAG.match(line):
            yield line
        elif begun := _PRE.match(line.lstrip()):
            yield f"{_PRE_FENCE}{begun[1] or ''}"
            rest = line.lstrip()[begun.end() :]
            in_pre = not rest or (yield from _code_of(rest)) is False
        else:
            yield from _written(line, lists)


def _code_of(line: str) -> Generator[str, None, bool]:
    """A line inside of `<pre>` as code; returns whether the code ends in it."""
    end = _PRE_END.search(line)
    body = line[: end.start()] if end else line
    if body or not end:
        yield unescape(body)
    if end is None:
        return False
    yield _PRE_FENCE
    if rest := line[end.end() :].strip():
        yield rest
    return True


def _written(line: str, lists: list[str]) -> Iterator[str]:
    """A line of tags as lines of Markdown; `lists` are the open ones, outermost first."""
    text = re.sub(r"(?i)<hr\s*/?>", "\n\n---\n\n", line.strip())
    text = re.sub(r"(?i)</blockquote\s*>", "\n\n", re.sub(r"(?i)<blockquote[^<>]*>", "\n> ", text))
    text = _HEADING.sub(
        lambda tag: "\n\n" if tag[0][1] == "/" else f"\n\n{'#' * int(tag[1])} ", text
    )
    parts, done = list[str](), 0
    for tag in _LIST_TAG.finditer(text):
        parts.append(text[done : tag.start()].strip(" \t"))
        done = tag.end()
        name = tag[2].casefold()
        if name == "li":
            mark = "1." if lists and lists[-1] == "ol" else "-"
            parts += [] if tag[1] else [f"\n{'   ' * (len(lists) - 1)}{mark} "]
        elif not tag[1]:
            parts += ["\n"] if not lists else []
            lists.append(name)
        elif lists:
            lists.pop()
            parts += ["\n"] if not lists else []
    parts.append(text[done:].strip(" \t"))
    written = "".join(parts).split("\n")
    if text.startswith("\n") or not written[-1]:
        yield from written
    else:
        yield from (one for one in written if one.strip())


def _wide_rows(lines: Sequence[str]) -> Sequence[str]:
    """Give the heads of tables as many cells as their widest row has.

    A `|` in a code span cuts no cell where the row would fit then.
    """
    made = list(lines)
    fence, at = "", 0
    while at < len(made):
        if fence:
            fence = "" if _closes(made[at], fence) else fence
        elif found := FENCE.match(made[at]):
            fence = found[2]
        elif at and _DELIMITER.match(made[at]) and "|" in made[at - 1] and "-" in made[at]:
            at = _widen(made, at)
            continue
        at += 1
    return made


def _widen(lines: list[str], delimiter: int) -> int:
    """Widen the table whose second line that is; returns the line behind it."""
    columns = _cells(lines[delimiter])
    if _cells(lines[delimiter - 1]) != columns:
        return delimiter + 1
    end, widest = delimiter + 1, columns
    while end < len(lines) and lines[end].strip(" \t>") and "|" in lines[end]:
        if _cells(lines[end]) > columns:
            guarded = _CODE_SPAN.sub(_guarded, lines[end])
            if _cells(guarded) <= columns:
                lines[end] = guarded
        widest = max(widest, _cells(lines[end]))
        end += 1
    if widest > columns:
        lines[delimiter - 1] = _longer(lines[delimiter - 1], "  |" * (widest - columns))
        lines[delimiter] = _longer(lines[delimiter], " --- |" * (widest - columns))
    return end


def _guarded(span: re.Match[str]) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", span[0])


def _longer(line: str, more: str) -> str:
    line = line.rstrip()
    return (line if line.endswith("|") else f"{line} |") + more


def _cells(line: str) -> int:
    """How many cells the parser would cut a line into."""
    inner = re.sub(r"^[>\s]*", "", line).rstrip()
    bars = len(re.findall(r"(?<!\\)\|", inner))
    return bars + 1 - inner.startswith("|") - (inner.endswith("|") and not inner.endswith("\\|"))
