"""Rich Markdown and HTML, taken lightly: paragraphs, headings and code; the rest stays text. Pure.

What the server is known for is kept: lines that a single line feed separates become one line.
"""

from __future__ import annotations

import re

from bridge.sandbox.telegram.refusals import bad_request
from bridge.sandbox.telegram.world import Json

_FENCE = re.compile(r"(?ms)^```([^\n`]*)\n(.*?)(?:^```[ \t]*$|\Z)")
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)[^<>]*>")
_TAGS = frozenset(
    {"a", "aside", "audio", "b", "blockquote", "br", "caption", "cite", "code", "del", "details"}
    | {"em", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i"}
    | {"img", "input", "ins", "li", "mark", "ol", "p", "pre", "s", "strike", "strong", "sub"}
    | {"summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "video"}
    | {"tg-button", "tg-buttons", "tg-collage", "tg-document", "tg-emoji", "tg-map", "tg-math"}
    | {"tg-math-block", "tg-slideshow", "tg-spoiler", "tg-time"}
)
_DRAFT_TAGS = frozenset({"tg-thinking"})


def from_markdown(source: str) -> list[Json]:
    """Return the blocks of a Markdown text."""
    blocks: list[Json] = []
    end = 0
    for fence in _FENCE.finditer(source):
        blocks += _paragraphs(source[end : fence.start()])
        block: Json = {"type": "pre", "text": fence[2].removesuffix("\n")}
        blocks.append(block | {"language": fence[1].strip()} if fence[1].strip() else block)
        end = fence.end()
    return blocks + _paragraphs(source[end:])


def _paragraphs(source: str) -> list[Json]:
    blocks: list[Json] = []
    for part in re.split(r"\n[ \t]*\n", source):
        words = " ".join(line.strip() for line in part.splitlines()).strip()
        heading = _HEADING.fullmatch(words)
        if heading:
            blocks.append({"type": "heading", "size": len(heading[1]), "text": heading[2]})
        elif words:
            blocks.append({"type": "paragraph", "text": words})
    return blocks


def from_html(source: str, *, draft: bool) -> list[Json]:
    """Return one block with an HTML text as it is; raises Refused for a tag that is not known."""
    for tag in _TAG.finditer(source):
        name = tag[2].lower()
        if name not in _TAGS and not (draft and name in _DRAFT_TAGS):
            offset = len(source[: tag.start()].encode())
            edge = "end" if tag[1] else "start"
            reason = f'unsupported {edge} tag "{name}" at byte offset {offset}'
            raise bad_request(f"Can't parse entities: {reason}")
    words = " ".join(source.split())
    return [{"type": "paragraph", "text": words}] if words else []
