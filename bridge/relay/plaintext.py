"""Files of plain text, which Coze does not take: they are read and stand in the question. Pure."""

import codecs

_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CONTROLS = {chr(code) for code in range(32)} - set("\t\n\r\f\x1b")


def plain_text(content: bytes) -> str | None:
    """Return the content of a text file, whatever its encoding; None for anything else.

    The name does not count: only what is in it. A character that is cut at the end is left away.
    """
    for mark, encoding in _BOMS.items():
        if content.startswith(mark):
            return _sane(codecs.getincrementaldecoder(encoding)("replace").decode(content))
    if b"\0" in content:
        return None
    try:
        return _sane(codecs.getincrementaldecoder("utf-8")("strict").decode(content))
    except UnicodeDecodeError:
        pass
    from charset_normalizer import from_bytes  # seldom needed, and large

    # Whole characters only: one that is cut looks like another encoding.
    guess = from_bytes(content[: max(content.rfind(b"\n"), len(content) - 4)] or content).best()
    if guess is None or guess.encoding in ("ascii", "utf_8"):
        return None
    return _sane(content.decode(guess.encoding, "ignore"))


def _sane(text: str) -> str | None:
    """Return the text, if people could read it."""
    strange = sum(char in _CONTROLS or char == "\ufffd" for char in text)
    return None if strange > len(text) // 100 else text.replace("\r\n", "\n").replace("\0", "")


def fenced(name: str, text: str) -> str:
    """Return a text as the agent reads it: with its name, and told apart from the question."""
    fence = "```"
    while fence in text:
        fence += "`"
    end = "" if text.endswith("\n") else "\n"
    return f"{name}:\n{fence}\n{text}{end}{fence}"
