"""Markdown to the blocks of a rich message, which has room for tables and formulas. Pure.

Blocks are built from our own parse tree: the server's Markdown joins lines and misses emphasis
beside CJK. They must go with `skip_entity_detection`, since one word that looks like a mail address
fails the whole call otherwise; so bare addresses become links here.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import unescape

from markdown_it.token import Token

from bridge.telegram.markdown.inline import acceptable
from bridge.telegram.markdown.parser import References, parse
from bridge.telegram.markdown.repair import repaired
from bridge.telegram.markdown.streaming import sanitize
from bridge.telegram.post import Block

_Part = tuple[str, object, int]
"""A member of an object: its name, its value, and how many objects (items, cells) it is in."""

MOST_CHARACTERS = 32_768
MOST_BLOCKS, MOST_COLUMNS, DEEPEST = 500, 20, 16
_HAN_KANA_HANGUL = re.compile(
    "[\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u4dbf\u4e00-\u9fff\ua960-\ua97f"
    "\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U0001aff0-\U0001b16f\U00020000-\U0003ffff]"
)
"""Telegram for macOS and Desktop garbled them in rich messages."""
_EACH = {"blocks": "block", "items": "item", "cells": "row", "row": "cell"}
"""What one thing in such a list is."""
_STYLES = {
    "strong": "bold", "em": "italic", "s": "strikethrough", "u": "underline", "spoiler": "spoiler",
}  # fmt: skip
_SIGNS = re.compile(r"^(?:\$\$?|\\[\[(])\s*|\s*(?:\$\$?|\\[\])])$")  # of a formula
_VERBATIM = ("fence", "code_block", "formula_block")
_ALONE = {"code_inline": "code", "sub_inline": "subscript", "sup_inline": "superscript"}
_ALERT = re.compile(r"^\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*$")
_TASK = re.compile(r"^\[([ xX])\](?: |$)")
_ADDRESS = re.compile(
    r"(?i)(\bhttps?://[^\s<>`|\\\"'()\[\]{}。，；：！？、）」』】》”’]+(?<![?!.,:;*_~]))"
)
_DETAILS = re.compile(
    r"(?ims)^<details(?:\s[^<>\n]{0,300})?>(?:\s*<summary(?:\s[^<>\n]{0,300})?>(.{0,900}?)</summary>)?"
    r"|</details\s*>[ \t]*$"
)


def blocks(markdown: str) -> list[Block]:
    """Return the text as `InputRichMessage.blocks`; empty when there is nothing to see."""
    text = repaired(sanitize(markdown))
    references: References = {}
    tokens = parse(text, references)
    found = _folded(text, tokens, references) if _DETAILS.search(text) else _Blocks(tokens).read()
    if not found and re.search(r"\w", unescape(text)):  # such as a mere definition of an address
        return [{"type": "paragraph", "text": text.strip()}]
    return found


def worth_it(markdown: str) -> bool:
    """Return whether a finished text gains from being rich, and no limit or defect speaks against it."""
    parts = list(_parts(blocks(markdown), "blocks"))
    names = Counter(name for name, _, _ in parts)
    kinds = {one["type"] for name, one, _ in parts if name == "block" and isinstance(one, dict)}
    gains = names["has_checkbox"] or kinds & {"table", "mathematical_expression", "details"}
    crashes = names["summary"] and names["expression"]  # Telegram Desktop, June 2026
    words = _words(parts)
    if not gains or crashes or _HAN_KANA_HANGUL.search(words) or not re.search(r"\w", words):
        return False
    rows = [row for name, row, _ in parts if name == "row" and isinstance(row, list)]
    return (
        len(words) <= MOST_CHARACTERS
        and names["block"] + names["item"] + names["row"] <= MOST_BLOCKS
        and max(map(len, rows), default=0) <= MOST_COLUMNS
        and max(depth for _, _, depth in parts) <= DEEPEST
    )


def _parts(value: object, name: str) -> Iterator[_Part]:
    """Yield a value and everything in it, in order; without recursion, however deep it is."""
    todo: list[_Part] = [(name, value, 0)]
    while todo:
        name, value, depth = part = todo.pop()
        yield part
        if isinstance(value, dict):
            todo += [(key, each, depth + 1) for key, each in reversed(value.items())]
        elif isinstance(value, list):
            todo += [(_EACH.get(name, name), each, depth) for each in reversed(value)]


def _words(parts: Iterable[_Part]) -> str:
    """Return what of it a reader sees."""
    shown = [value for name, value, _ in parts if name in ("text", "summary", "expression")]
    return "".join(value for value in shown if isinstance(value, str))


def _folded(text: str, tokens: Sequence[Token], references: References) -> list[Block]:
    """Return the blocks of a text with `<details>` at its margin; the tags count outside of code."""
    code = {n for one in tokens if one.map and one.type in _VERBATIM for n in range(*one.map)}
    starts = [found.end() for found in re.finditer("\n", text)]
    within: list[list[Block]] = [[]]
    end = 0
    for tag in _DETAILS.finditer(text):
        if bisect_right(starts, tag.start()) in code:
            continue
        within[-1] += _Blocks(parse(text[end : tag.start()], references)).read()
        end = tag.end()
        if not tag[0].startswith("</"):
            words = " ".join((tag[1] or "").split()) or "…"
            line = _Blocks(parse(words, references)).read() or [{}]
            summary = line[0].get("text", words)
            inside: list[Block] = []
            within[-1].append({"type": "details", "summary": summary, "blocks": inside})
            within.append(inside)
        elif len(within) > 1 and not (inside := within.pop()):
            inside.append({"type": "paragraph", "text": ""})
    within[-1] += _Blocks(parse(text[end:], references)).read()
    return within[0]


class _Blocks:
    """Reads block tokens one after the other."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._within: list[tuple[Token, list[Block], Block]] = [(Token("", "", 0), [], {})]
        """The open blocks: what opened each, what is in it, and the box before it."""

    def read(self) -> list[Block]:
        """Return everything."""
        for at, token in enumerate(self._tokens):
            if token.nesting == 1:
                self._within.append((token, [], self._begin(at, token)))
            elif token.nesting == -1:
                self._end(*self._within.pop())
            else:
                self._leaf(token)
        return self._within[0][1]

    def _add(self, block: Block) -> None:
        self._within[-1][1].append(block)

    def _leaf(self, token: Token) -> None:
        match token.type:
            case "inline":
                self._add({"text": _Inline().read(token.children or [])})
            case "formula_block" if token.info:
                self._add({"type": "mathematical_expression", "expression": token.info})
            case "hr":
                self._add({"type": "divider"})
            case "fence" | "code_block" if token.content.strip():
                text = token.content.expandtabs(4).rstrip("\n")
                language = re.sub(r"[^\w+#.-]", "", (token.info.split() or [""])[0])[:32]
                named: Block = {"language": language} if language else {}
                self._add({"type": "pre", "text": text, **named})

    def _begin(self, at: int, token: Token) -> Block:
        """Take the sign out with which a task or an alert begins."""
        children = self._tokens[at + 2].children if at + 2 < len(self._tokens) else None
        if not children or children[0].type != "text":
            return {}
        first = children[0]
        if token.type == "list_item_open" and (box := _TASK.match(first.content)):
            first.content = first.content[box.end() :]
            return {"has_checkbox": True, "is_checked": box[1] != " "}
        if token.type == "blockquote_open" and (label := _ALERT.match(first.content)):
            first.content = label[1].capitalize()
            children.insert(0, Token("strong_open", "strong", 1))
            children.insert(2, Token("strong_close", "strong", -1))
        return {}

    def _end(self, opener: Token, inside: list[Block], box: Block) -> None:
        match opener.type:
            case "paragraph_open" if inside[0]["text"]:
                self._add({"type": "paragraph", **inside[0]})
            case "heading_open" if inside[0]["text"]:
                self._add({"type": "heading", **inside[0], "size": int(opener.tag[1:])})
            case "blockquote_open" if inside:
                self._add({"type": "blockquote", "blocks": inside})
            case "list_item_open":
                self._add({"blocks": inside or [{"type": "paragraph", "text": ""}], **box})
            case "bullet_list_open":
                self._add({"type": "list", "items": inside})
            case "ordered_list_open":
                first = int(opener.attrs.get("start", 1))
                items = [one | {"value": n, "type": "1"} for n, one in enumerate(inside, first)]
                self._add({"type": "list", "items": items})
            case "th_open" | "td_open":
                side = str(opener.attrGet("style") or "").removeprefix("text-align:") or "left"
                head: Block = {"is_header": True} if opener.tag == "th" else {}
                self._add({**inside[0], **head, "align": side, "valign": "top"})
            case "tr_open":
                self._add({"cells": inside})
            case "thead_open" | "tbody_open":
                self._within[-1][1].extend(inside)
            case "table_open":
                rows = [row["cells"] for row in inside]
                self._add({"type": "table", "cells": rows, "is_bordered": True})


class _Inline:
    """Reads the inline tokens of one block."""

    def __init__(self) -> None:
        self._within: list[tuple[str, str, list[object]]] = [("", "", [])]
        """Of each open format the type, the address, and the parts in it; the text first."""
        self._links = 0
        self._begun = False

    def read(self, tokens: Iterable[Token]) -> object:
        """Return the RichText; an empty string when there is nothing to see."""
        for token in tokens:
            self._token(token)
        parts = self._within[0][2]
        if parts and isinstance(last := parts[-1], str):
            parts[-1:] = [last.rstrip()] if last.strip() else []
        return _joined(parts)

    def _token(self, token: Token) -> None:
        match token.type:
            case "softbreak" | "hardbreak":
                self._write("\n")
            case "code_inline" | "sub_inline" | "sup_inline" if token.content:
                self._write({"type": _ALONE[token.type], "text": token.content})
            case "formula":
                source = _SIGNS.sub("", token.content)
                self._write({"type": "mathematical_expression", "expression": source})
            case "link_open":
                self._open_link(str(token.attrGet("href") or ""))
            case "link_close":
                self._close_link()
            case "image":
                self._open_link(str(token.attrGet("src") or ""))
                words = _words(_parts(_Inline().read(token.children or []), "text")).split()
                self._write(f"🖼 {' '.join(words) or 'image'}")
                self._close_link()
            case _ if token.nesting == 1 and token.tag in _STYLES:
                self._open(_STYLES[token.tag])
            case _ if token.tag in _STYLES:
                self._close()
            case _:
                self._text(token.content)

    def _text(self, text: str) -> None:
        """Write a text in which bare addresses are links, but for the text of a link."""
        for at, piece in enumerate(_ADDRESS.split(text)):
            if at % 2 and not self._links and acceptable(piece):
                self._write({"type": "url", "text": piece, "url": piece})
            else:
                self._write(piece)

    def _write(self, shown: object) -> None:
        parts = self._within[-1][2]
        if isinstance(shown, str):
            shown = sanitize(shown) if self._begun else sanitize(shown).lstrip()
            if parts and isinstance(parts[-1], str):
                shown = str(parts.pop()) + shown
        if shown:
            self._begun = True
            parts.append(shown)

    def _open(self, kind: str, address: str = "") -> None:
        """Begin a format, or a link that is none; inside one of its kind it changes nothing."""
        kind = "" if any(kind == other for other, _, _ in self._within) else kind
        self._within.append((kind, address, [] if kind or address else self._within[-1][2]))

    def _open_link(self, address: str) -> None:
        """Begin a link; inside another one, such as around an image, the outer address counts."""
        kind = "url" if acceptable(address) else ""
        self._open(*(("", "") if self._links else (kind, address)))
        self._links += 1

    def _close_link(self) -> None:
        self._links -= 1
        self._close()

    def _close(self) -> None:
        kind, address, parts = self._within.pop()
        if kind and parts:
            block: Block = {"type": kind, "text": _joined(parts)}
            self._write(block | {"url": address} if address else block)
        elif address and not kind:
            for part in parts:
                self._write(part)
            shown, plain = _words(_parts(parts, "text")).strip(), address.removeprefix("mailto:")
            silent = address.lower().startswith(("#", "javascript:", "data:"))
            self._write("" if silent or shown in (address, plain) else f" ({plain})")


def _joined(parts: list[object]) -> object:
    return parts[0] if len(parts) == 1 else parts or ""
