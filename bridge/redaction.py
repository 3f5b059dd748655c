"""Text without secrets: whatever looks like one, and the very ones in use.

Others repeat what we send them: an error may quote the token of its request.
"""

import re
from collections import deque
from difflib import SequenceMatcher

SECRET = "[secret]"
_SECRETS = re.compile(
    r"(?<!\d)\d{1,20}:[A-Za-z0-9_-]{6,}"  # a Telegram bot token
    r"|\b(?:pat|sat|czs|czu)_[A-Za-z0-9_-]+"  # Coze tokens
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
    r"|(?<=[Bb]earer )\S+"
    r"|(?<=://)[^/\s]+(?=@)"  # a name and a password in an address
    r"|-----BEGIN[^-]*PRIVATE KEY-----.*?(?:-----END[^-]*-----|$)",
    re.DOTALL,
)
LEAST_CHARACTERS = 8
"""Of a secret or of quoted words: anything shorter stands in any text."""
MOST_WORDS = 4_000
"""Characters of somebody's words that are looked for."""
_in_use: deque[tuple[str, re.Pattern[str]]] = deque(maxlen=128)
"""The newest secrets, each as it may be written: those of an OAuth app follow each other."""
_ESCAPED = {":": r"(?::|%3A|\\u003a)", "_": r"(?:_|%5F|\\u005f)", "-": r"(?:-|%2D|\\u002d)"}
LEAST_ALONE = 20
"""Characters of a secret's own part, such as that behind a bot's number, to be one by itself."""


def in_use(secret: str) -> None:
    """Take a secret out of all texts from now on, whatever it looks like."""
    own_part = re.split("[:_]", secret, maxsplit=1)[-1]
    for one in {secret, own_part if len(own_part) >= LEAST_ALONE else secret}:
        if len(one) >= LEAST_CHARACTERS and one not in [known for known, _ in _in_use]:
            letters = [_ESCAPED.get(letter, re.escape(letter)) for letter in one]
            _in_use.append((one, re.compile(r"\s?".join(letters), re.IGNORECASE)))


def redacted(text: str) -> str:
    """Return the text with everything that is or looks like a secret replaced."""
    for _, pattern in _in_use:
        text = pattern.sub(SECRET, text)
    return _SECRETS.sub(SECRET, text)


def without_words(text: str, words: str) -> str:
    """Return the text without what it quotes of somebody's words, in whatever letters. Pure."""
    text = _UNICODE.sub(lambda one: chr(int(one[1], 16)), text)
    matcher = SequenceMatcher(None, _plain(text), _plain(words[:MOST_WORDS]), autojunk=False)
    while (found := matcher.find_longest_match()).size >= LEAST_CHARACTERS:
        text = f"{text[: found.a]}…{text[found.a + found.size :]}"
        matcher.set_seq1(_plain(text))
    return text


_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})")


def _plain(text: str) -> str:
    """Return the text in small letters, as long as before, with one kind of blank."""
    small = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
    return re.sub(r"[\s+]", " ", small)
