"""Repair what agents write slightly off, before it is parsed: fences, tags, rows of tables. Pure.

What comes out is Markdown, and once more through here it stays as it is. A streamed prefix is
repaired in the way that its continuation would be, so that little changes when the rest comes.
"""

import re
from bisect import bisect_right
from collections.abc import Generator, Iterator, Sequence
from html import unescape

FENCE = re.compile(r"^(\s*(?:>\s?)*(?:[-+*]\s+|\d{1,9}[.)]\s+)?)(`{3,}|~{3,})([^`]*)$")
_CONTAINER = re.compile(r"^(\s*(?:>\s?)*)((?:[-+*]|\d{1,9}[.)])\s+)?")
_NAME = re.compile(r"[\w+#.-]{0,32}")
_MARKDOWN = ("markdown", "md")
_LONGER = 4
"""Marks by which the fence of a Markdown text is made longer than those inside of it."""
MOST_COLUMNS = 30
"""A row with more cells than that is no table's."""
_DEEPEST = 8
_HEADING = re.compile(r"(?i)</?h([1-6])(?:\s[^<>]*)?>")
_ATTRIBUTES = r"(?:\s[^<>]*)?"
_BLOCK_TAG = re.compile(
    rf"(?i)</?(?:ul|ol|blockquote){_ATTRIBUTES}>\s*(?:$|<)|</?li{_ATTRIBUTES}>|<hr\s*/?>\s*$"
    rf"|<h([1-6]){_ATTRIBUTES}>.*</h\1\s*>|<pre{_ATTRIBUTES}>"
)
_PRE = re.compile(rf"(?i)<pre{_ATTRIBUTES}>(?:\s*<code({_ATTRIBUTES})>)?")
_LANGUAGE = re.compile(r"language-([\w+#.-]+)")
_PRE_END = re.compile(r"(?i)</pre\s*>")
_CODE_END = re.compile(r"(?i)</code\s*>$")
_PRE_FENCE = "`````"
"""Longer than what such code may hold itself."""
_LIST_TAG = re.compile(rf"(?i)<(/?)(ul|ol|li){_ATTRIBUTES}>")
_DELIMITER_CELL = re.compile(r":?-+:?")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")


def repaired(markdown: str, *, preview: bool = False) -> str:
    """Return the text in the form that the parser reads as it was meant."""
    text = markdown
    if "```" in text or "~~~" in text:
        text = "\n".join(_fences(text.split("\n"), preview=preview))
    if "<" in text and ">" in text:
        text = "\n".join(_without_tags(text.split("\n"), preview=preview))
    if "|" in text and "-" in text:
        text = "\n".join(_wide_rows(text.split("\n")))
    return text


def _fences(lines: Sequence[str], *, preview: bool) -> Iterator[str]:
    """Begin and end fences on lines of their own, and keep those inside of Markdown fences."""
    ends = _Ends(lines)
    fence, outer = "", -1
    for number, line in enumerate(lines):
        if outer >= 0 and number < outer:
            yield line
        elif number == outer:
            yield line.rstrip() + line.strip()[0] * _LONGER
            outer = -1
        elif fence:
            closed = _closes(line, fence)
            words = "" if closed or ends.bare_after(number) else _words_behind(line, fence)
            yield line if not words else line[: line.index(fence) + len(fence)]
            fence = "" if closed or words else fence
            if words:
                yield words
        elif found := FENCE.match(line):
            last = _end_of_markdown(lines, number, found) if _is_markdown(found) else None
            if last is None and not (preview and _is_markdown(found)):
                fence = found[2]
                yield line
                continue
            outer = last if last is not None else len(lines)
            yield f"{found[1]}{found[2]}{found[2][0] * _LONGER}{found[3]}"
        elif begun := _behind_words(line):
            closer = ends.after(number)
            if closer is None and not (preview and number + 1 < len(lines)):
                yield line
                continue
            words, name = begun
            fence = "```"
            yield words
            yield _lead(lines, number, closer) + fence + name
        else:
            yield line


class _Ends:
    """Where fences of backticks may end."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._bare = [n for n, line in enumerate(lines) if _closes(line, "```")]
        self._worded = [n for n, line in enumerate(lines) if _words_behind(line, "```")]

    def bare_after(self, number: int) -> bool:
        """Return whether a line behind that one holds nothing but the end of a fence."""
        return bool(self._bare) and self._bare[-1] > number

    def after(self, number: int) -> int | None:
        """Return the next end behind a line; one with words behind it only when there is no other."""
        for ends in (self._bare, self._worded):
            place = bisect_right(ends, number)
            if place < len(ends):
                return ends[place]
        return None


def _behind_words(line: str) -> tuple[str, str] | None:
    """Return the words before a fence at the end of a line, and the fence's name."""
    text = line.rstrip()
    place = text.rfind("```")
    if place < 1 or text[place - 1] == "`" or not _NAME.fullmatch(text, place + 3):
        return None
    words = text[:place].rstrip()
    if not words.strip(" \t>+*-`") or words.count("`") % 2 or "```" in words:
        return None
    return words, text[place + 3 :]


def _words_behind(line: str, fence: str) -> str:
    """Return what stands behind a fence that ends in the middle of a line: several words, no name."""
    text = line.lstrip("> \t")
    if not text.startswith(fence) or text[len(fence) : len(fence) + 1] not in (" ", "\t"):
        return ""
    words = text[len(fence) :].strip()
    return words if " " in words and "`" not in words else ""


def _lead(lines: Sequence[str], number: int, closer: int | None) -> str:
    """Return what stands before a fence that is begun anew: it must lie where its end lies."""
    if closer is not None:
        own = re.match(r"[>\s]*", lines[closer])
        return own[0] if own else ""
    container = _CONTAINER.match(lines[number])
    quote, mark = (container[1], container[2] or "") if container else ("", "")
    inside = quote + " " * len(mark)
    return inside if lines[number + 1].startswith(inside) else quote


def _is_markdown(found: re.Match[str]) -> bool:
    """Return whether a fence of the shortest length holds a Markdown text, which may hold fences."""
    name = found[3].strip().casefold()
    return len(found[2]) == 3 and name in _MARKDOWN


def _end_of_markdown(lines: Sequence[str], start: int, opener: re.Match[str]) -> int | None:
    """Return the line that ends a fence with named fences inside; None when they do not add up."""
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


def _without_tags(lines: Sequence[str], *, preview: bool) -> Iterator[str]:
    """Write headings, lists and code of HTML as Markdown, where a line begins with such a tag."""
    fence, in_pre, lists = "", False, list[str]()
    last_end = max((n for n, line in enumerate(lines) if _PRE_END.search(line)), default=-1)
    for number, line in enumerate(lines):
        if fence:
            yield line
            fence = "" if _closes(line, fence) else fence
        elif in_pre:
            in_pre = (yield from _code_of(line)) is False
        elif found := FENCE.match(line):
            fence = found[2]
            yield line
        elif not _begins_with_tag(line, lists):
            yield line
        elif begun := _PRE.match(line.lstrip()):
            rest = line.lstrip()[begun.end() :]
            if last_end < number and not (preview and (begun[1] is not None or not rest)):
                yield line
                continue
            language = _LANGUAGE.search(begun[1] or "")
            yield f"{_PRE_FENCE}{language[1] if language else ''}"
            in_pre = not rest or (yield from _code_of(rest)) is False
        else:
            yield from _written(line, lists)


def _begins_with_tag(line: str, lists: Sequence[str]) -> bool:
    """Return whether a line is one of HTML; what is indented is code, but inside of a list of HTML."""
    text = line.lstrip()
    if not text.startswith("<") or (len(line) - len(text) > 3 and not lists):
        return False
    return _BLOCK_TAG.match(text) is not None


def _code_of(line: str) -> Generator[str, None, bool]:
    """Yield a line inside of `<pre>` as code; returns whether the code ends in it."""
    end = _PRE_END.search(line)
    body = _CODE_END.sub("", line[: end.start()].rstrip()) if end else line
    if body or not end:
        yield unescape(body)
    if end is None:
        return False
    yield _PRE_FENCE
    if rest := line[end.end() :].strip():
        yield rest
    return True


def _written(line: str, lists: list[str]) -> Iterator[str]:
    """Yield a line of tags as lines of Markdown; `lists` are the open ones, outermost first.

    Tags in code spans stay.
    """
    kept = list[str]()

    def keep(span: re.Match[str]) -> str:
        kept.append(span[0])
        return f"\ue000{len(kept) - 1}\ue001"

    text = _CODE_SPAN.sub(keep, line.strip())
    text = re.sub(r"(?i)<hr\s*/?>", "\n\n---\n\n", text)
    text = re.sub(r"(?i)</blockquote\s*>", "\n\n", re.sub(r"(?i)<blockquote[^<>]*>", "\n> ", text))
    text = _HEADING.sub(
        lambda tag: "\n\n" if tag[0][1] == "/" else f"\n\n{'#' * int(tag[1])} ", text
    )
    written = re.sub("\ue000(\\d+)\ue001", lambda one: kept[int(one[1])], _listed(text, lists))
    made = written.split("\n")
    if text.startswith("\n") or not made[-1]:
        yield from made
    else:
        yield from written.strip("\n").split("\n")


def _listed(text: str, lists: list[str]) -> str:
    """Return a text with the tags of lists as their marks."""
    parts, done = list[str](), 0
    for tag in _LIST_TAG.finditer(text):
        parts.append(text[done : tag.start()].strip(" \t"))
        done = tag.end()
        name = tag[2].casefold()
        if name == "li":
            mark = "1." if lists and lists[-1] == "ol" else "-"
            depth = min(len(lists) - 1, _DEEPEST)
            parts += [] if tag[1] else [f"\n{'   ' * depth}{mark} "]
        elif not tag[1]:
            parts += ["\n"] if not lists else []
            lists.append(name)
        elif lists:
            lists.pop()
            parts += ["\n\n"] if not lists else []
    parts.append(text[done:].strip(" \t"))
    return "".join(parts)


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
        elif at and "|" in made[at - 1] and _is_delimiter(made[at]):
            at = _widen(made, at)
            continue
        at += 1
    return made


def _is_delimiter(line: str) -> bool:
    """Return whether a line is the one below a table's head."""
    cells = line.strip("> \t").removeprefix("|").removesuffix("|").split("|")
    return all(_DELIMITER_CELL.fullmatch(cell.strip()) for cell in cells)


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
        cells = _cells(lines[end])
        widest = max(widest, cells if cells <= MOST_COLUMNS else columns)
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
    """Return how many cells the parser would cut a line into."""
    inner = re.sub(r"^[>\s]*", "", line).rstrip()
    bars = len(re.findall(r"(?<!\\)\|", inner))
    return bars + 1 - inner.startswith("|") - (inner.endswith("|") and not inner.endswith("\\|"))
