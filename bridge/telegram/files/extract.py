"""What of an answer stands better in a message of its own: pictures, files, long code. Pure."""

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from markdown_it.common.normalize_url import normalizeLink
from markdown_it.token import Token

from bridge.telegram.markdown.parser import parse
from bridge.telegram.markdown.repair import repaired
from bridge.telegram.updates.attachments import file_name

MOST_LINKS = 20
"""In one answer; more stay links."""
PICTURE, FILE = "🖼", "📎"
_HOSTS = (
    ".coze.cn",
    ".coze.com",
    ".byteimg.com",
    ".bytednsdoc.com",
    ".ibyteimg.com",
    ".volces.com",
)
"""Where Coze's own tools put what they make; links there expire."""
_LINK = re.compile(
    r"\\.|(?<!`)(?P<ticks>`+)[^`\n]+(?P=ticks)(?!`)"  # escapes and code, which stay as they are
    r"|!?\[(?P<label>(?:[^\[\]\\]|\\.|!?\[[^\[\]]*\]\([^()\s]*\))*)\]"
    r"\(\s*<?(?P<url>[^\s<>()]+(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)"
)
_EXTENSIONS = {
    "python": "py", "py": "py", "javascript": "js", "js": "js", "typescript": "ts", "ts": "ts",
    "java": "java", "c": "c", "cpp": "cpp", "c++": "cpp", "csharp": "cs", "cs": "cs", "go": "go",
    "rust": "rs", "ruby": "rb", "php": "php", "swift": "swift", "kotlin": "kt", "scala": "scala",
    "bash": "sh", "sh": "sh", "shell": "sh", "powershell": "ps1", "sql": "sql", "html": "html",
    "xml": "xml", "css": "css", "json": "json", "yaml": "yaml", "yml": "yaml", "toml": "toml",
    "ini": "ini", "markdown": "md", "md": "md", "csv": "csv", "latex": "tex", "tex": "tex",
    "r": "r", "lua": "lua", "perl": "pl", "dart": "dart", "dockerfile": "dockerfile", "diff": "diff",
}  # fmt: skip


@dataclass(frozen=True)
class Linked:
    """Something that an answer links to."""

    address: str
    label: str
    picture: bool
    """Whether the answer says that it is a picture."""

    @property
    def signed(self) -> bool:
        """Whether the address is good for a while only; then another file gets another one."""
        names = {
            name.casefold().removeprefix("x-") for name in parse_qs(urlsplit(self.address).query)
        }
        return names >= {"expires", "signature"}

    def __repr__(self) -> str:
        return f"Linked({len(self.address)} characters, picture={self.picture})"


@dataclass(frozen=True)
class Made:
    """A part of an answer as a file."""

    name: str
    content: str

    def __repr__(self) -> str:
        return f"Made({self.name!r}, {len(self.content)} characters)"


def linked(answer: str) -> Sequence[Linked]:
    """Return what is worth fetching: pictures, and what lies on hosts whose links expire; each once."""
    if "](" not in answer and "]:" not in answer:
        return []
    found: dict[str, Linked] = {}
    for token in parse(repaired(answer), {}):
        for one in _links(token.children or []):
            if _worth(one):
                found.setdefault(one.address, one)
    return [*found.values()][:MOST_LINKS]


def _links(tokens: Sequence[Token]) -> Iterator[Linked]:
    address, label = "", ""
    for token in tokens:
        match token.type:
            case "image":
                yield Linked(str(token.attrs.get("src", "")), token.content.strip(), picture=True)
            case "link_open":
                address, label = str(token.attrs.get("href", "")), ""
            case "link_close":
                yield Linked(address, label.strip(), picture=False)
            case _:
                label += token.content


def _worth(link: Linked) -> bool:
    try:
        parts = urlsplit(link.address)
        host, signed = (parts.hostname or "").casefold(), link.signed
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not host:
        return False
    return link.picture or signed or host.endswith(_HOSTS)


def without(answer: str, pictures: Collection[str], files: Collection[str] = ()) -> str:
    """Return the answer with labels where it linked to what is sent with it."""
    if not pictures and not files:
        return answer

    def label(found: re.Match[str]) -> str:
        if found["url"] is None:
            return found[0]
        address = normalizeLink(found["url"].replace("&amp;", "&"))
        mark = PICTURE if address in pictures else FILE if address in files else ""
        words = found["label"].strip()
        return f"{mark} {words}".rstrip() if mark else found[0]

    return "\n".join(part if code else _LINK.sub(label, part) for code, part in _by_code(answer))


def _by_code(answer: str) -> Iterator[tuple[bool, str]]:
    """Yield the lines of an answer in a row, those that are blocks of code by themselves."""
    answer = repaired(answer)
    lines, done = answer.split("\n"), 0
    for token in parse(answer, {}):
        if token.type in ("fence", "code_block") and token.map and token.map[0] >= done:
            begin, end = token.map
            if begin > done:
                yield False, "\n".join(lines[done:begin])
            yield True, "\n".join(lines[begin:end])
            done = end
    if done < len(lines):
        yield False, "\n".join(lines[done:])


def name_of(link: Linked, media_type: str) -> str:
    """Return what a file is called: as in its address, else as the answer calls it."""
    last = unquote(urlsplit(link.address).path, errors="replace").rpartition("/")[2]
    return file_name(last if "." in last else link.label, media_type, fallback="file")


def made(answer: str, most: int) -> Sequence[Made]:
    """Make files of an answer's code and tables of more than `most` characters; none for 0."""
    if not most or len(answer) <= most:
        return []
    tokens = parse(repaired(answer), {})
    found = [*_code(tokens, most), *_tables(tokens, most)]
    return [
        Made(_numbered(one.name, sum(two.name == one.name for two in found[:place])), one.content)
        for place, one in enumerate(found)
    ][:MOST_LINKS]


def _code(tokens: Sequence[Token], most: int) -> Iterator[Made]:
    for token in tokens:
        if token.type in ("fence", "code_block") and len(token.content) > most:
            language = (token.info.split() or [""])[0].casefold()
            yield Made(f"answer.{_EXTENSIONS.get(language, 'txt')}", token.content)


def _tables(tokens: Sequence[Token], most: int) -> Iterator[Made]:
    """Yield each table as CSV, with the mark by which spreadsheets know the encoding."""
    rows: list[list[str]] = []
    for token in tokens:
        match token.type:
            case "table_open":
                rows = []
            case "tr_open":
                rows.append([])
            case "inline" if rows and token.level >= 3:
                rows[-1].append(_read(token.children or []))
            case "table_close":
                written = io.StringIO()
                csv.writer(written).writerows([_harmless(cell) for cell in row] for row in rows)
                if len(written.getvalue()) > most:
                    yield Made("table.csv", f"\ufeff{written.getvalue()}")
                rows = []


def _harmless(cell: str) -> str:
    """Return a cell that a spreadsheet does not take for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "@", "\t") else cell


def speakable(answer: str) -> str:
    """Return an answer as somebody would read it out: without code, tables and addresses."""
    lines = list[str]()
    inside = 0
    for token in parse(repaired(answer), {}):
        inside += {"table_open": 1, "table_close": -1}.get(token.type, 0)
        if token.type == "inline" and not inside:
            lines.append(_read(token.children or []))
    return "\n".join(line for line in lines if line.strip())


def _read(tokens: Sequence[Token]) -> str:
    read = (" " if one.type in ("softbreak", "hardbreak") else one.content for one in tokens)
    return "".join(read)


def _numbered(name: str, before: int) -> str:
    stem, _, extension = name.rpartition(".")
    return f"{stem}-{before + 1}.{extension}" if before else name
