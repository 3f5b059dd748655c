"""Read what a message says as Markdown: rich messages, marked texts, checklists. Pure.

People's clients write these since Bot API 10.1: any paste of formatted text is a rich message, which
has blocks and no text. The library passes them on as raw JSON, which is as hostile as any update.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from telegram import Checklist, MessageEntity
from telegram.constants import MessageEntityType

DEEPEST = 24
"""How deep blocks and texts may lie inside of each other; what is deeper is left out."""
_WRAPS = {
    "bold": "**", "italic": "*", "strikethrough": "~~", "code": "`", "spoiler": "||", "marked": "**",
}  # fmt: skip
Raw = Mapping[str, object]


@dataclass(frozen=True)
class Mention:
    """Somebody whom a rich message names."""

    username: str = ""
    """Without the `@`; empty for people without one."""
    user_id: int = 0


def rich_text(message: object) -> str:
    """Return a rich message's blocks as Markdown; empty for what is none."""
    return "\n\n".join(_blocks(_list(_object(message).get("blocks")), DEEPEST))


def rich_mentions(message: object) -> Iterator[Mention]:
    """Yield everybody whom a rich message names, also by a command (`/new@bot`)."""
    todo: list[tuple[object, int]] = [(message, 0)]
    while todo:
        found, depth = todo.pop()
        if depth > 2 * DEEPEST:
            continue
        if isinstance(found, list):
            todo += [(one, depth + 1) for one in found]
        if not isinstance(found, dict):
            continue
        todo += [(one, depth + 1) for one in found.values() if isinstance(one, dict | list)]
        if found.get("type") == "mention":
            yield Mention(username=str(found.get("username") or "").removeprefix("@"))
        elif found.get("type") == "text_mention" and isinstance(user := found.get("user"), dict):
            user_id = user.get("id")
            yield Mention(user_id=user_id if isinstance(user_id, int) else 0)
        elif found.get("type") == "bot_command" and "@" in str(found.get("bot_command")):
            yield Mention(username=str(found.get("bot_command")).partition("@")[2])


def _object(found: object) -> Raw:
    return found if isinstance(found, dict) else {}


def _list(found: object) -> Sequence[object]:
    return found if isinstance(found, list) else ()


def _blocks(blocks: Sequence[object], deep: int) -> Iterator[str]:
    if not deep:
        return
    for one in blocks:
        block = _object(one)
        text = _block(block, deep)
        caption = _object(block.get("caption"))
        below = _inline(caption.get("text") if caption else block.get("caption"), deep)
        credit = _inline(block.get("credit") or caption.get("credit"), deep)
        yield from (part for part in (text, below, f"— {credit}" if credit else "") if part)


def _block(block: Raw, deep: int) -> str:
    kind, text = str(block.get("type") or ""), _inline(block.get("text"), deep)
    inner = _list(block.get("blocks"))
    match kind:
        case "heading" | "section_heading":
            size = block.get("size")
            level = size if isinstance(size, int) and 1 <= size <= 6 else 2
            return f"{'#' * level} {text}"
        case "pre" | "preformatted":
            fence = "`" * max(3, 1 + _longest_run(_plain(block.get("text"), deep)))
            language = re.sub(r"[^\w+#.-]", "", str(block.get("language") or ""))
            return f"{fence}{language}\n{_plain(block.get('text'), deep)}\n{fence}"
        case "divider":
            return "---"
        case "mathematical_expression":
            return f"$$\n{block.get('expression') or ''}\n$$"
        case "list":
            return "\n".join(_items(_list(block.get("items")), deep))
        case "blockquote" | "block_quotation" | "quote":
            return _quoted("\n\n".join(_blocks(inner, deep - 1)))
        case "pullquote" | "pull_quotation":
            return _quoted(text)
        case "table":
            return _table(_list(block.get("cells")), deep)
        case "details":
            summary = _inline(block.get("summary"), deep)
            return "\n\n".join(part for part in (summary, *_blocks(inner, deep - 1)) if part)
        case "map":
            place = _object(block.get("location"))
            return f"(A location: {place.get('latitude')}, {place.get('longitude')})"
        case "photo" | "video" | "animation" | "audio" | "voice_note":
            return f"({kind.replace('_', ' ')})"
        case _:
            return text or "\n\n".join(_blocks(inner, deep - 1))


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def _items(items: Sequence[object], deep: int) -> Iterator[str]:
    for one in items:
        item = _object(one)
        label = str(item.get("label") or "").strip()
        mark = label if re.fullmatch(r"\w{1,9}[.)]", label) else "-"
        if item.get("has_checkbox"):
            mark += " [x]" if item.get("is_checked") else " [ ]"
        lines = "\n".join(_blocks(_list(item.get("blocks")), deep - 1)).split("\n")
        yield "\n".join([f"{mark} {lines[0]}", *(f"  {line}" for line in lines[1:])])


def _table(rows: Sequence[object], deep: int) -> str:
    cells = [
        [_inline(_object(cell).get("text"), deep).replace("|", "\\|") for cell in _list(row)]
        for row in rows
    ]
    if not cells or not cells[0]:
        return ""
    lines = [f"| {' | '.join(row)} |" for row in cells]
    lines.insert(1, "|" + " --- |" * len(cells[0]))
    return "\n".join(lines)


def _inline(text: object, deep: int) -> str:
    """Return a rich text as Markdown on one line."""
    if isinstance(text, str):
        return text
    if not deep:
        return ""
    if isinstance(text, list):
        return "".join(_inline(part, deep - 1) for part in text)
    part = _object(text)
    kind = str(part.get("type") or "")
    inner = _inline(part.get("text"), deep - 1)
    match kind:
        case "url":
            return linked(inner, str(part.get("url") or ""))
        case "mathematical_expression":
            return f"${part.get('expression') or ''}$"
        case "custom_emoji":
            return str(part.get("alternative_text") or "")
        case "code" if "`" in inner:
            return inner
        case _ if (wrap := _WRAPS.get(kind)) and inner.strip():
            return f"{wrap}{inner}{wrap}"
        case _:
            return inner


def _plain(text: object, deep: int) -> str:
    """Return a rich text without its formats."""
    if isinstance(text, str):
        return text
    if not deep:
        return ""
    if isinstance(text, list):
        return "".join(_plain(part, deep - 1) for part in text)
    part = _object(text)
    return _plain(part.get("text") or part.get("expression") or "", deep - 1)


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def linked(words: str, address: str) -> str:
    """Return a link as Markdown; an address that is visible stands there once."""
    if not re.fullmatch(r"[a-zA-Z][\w+.-]*:[^\s<>]+", address):
        return words
    seen = words.strip()
    if not seen or seen in (address, address.partition("://")[2], address.rstrip("/")):
        return address
    label = re.sub(r"([\[\]\\])", r"\\\1", words)
    target = f"<{address}>" if re.search(r"[()]", address) else address
    return f"[{label}]({target})"


def with_addresses(text: str, marks: Sequence[MessageEntity]) -> str:
    """Return a text with the addresses that lie behind its words; places count UTF-16 units."""
    links = sorted(
        (one for one in marks if one.type == MessageEntityType.TEXT_LINK and one.url),
        key=lambda one: one.offset,
    )
    if not links:
        return text
    raw = text.encode("utf-16-le", "surrogatepass")
    parts, done = list[str](), 0
    for one in links:
        if one.offset < done or one.length <= 0 or 2 * one.offset >= len(raw):
            continue
        end = one.offset + one.length
        parts.append(_units(raw, done, one.offset))
        parts.append(linked(_units(raw, one.offset, end), str(one.url)))
        done = end
    parts.append(_units(raw, done, len(raw)))
    return "".join(parts)


def _units(raw: bytes, begin: int, end: int) -> str:
    return raw[2 * begin : 2 * end].decode("utf-16-le", "replace")


def checklist_text(checklist: Checklist) -> str:
    """Return a checklist as Markdown."""
    tasks = [f"- [{'x' if task.completion_date else ' '}] {task.text}" for task in checklist.tasks]
    return "\n".join([f"(A checklist: {checklist.title})", *tasks])
