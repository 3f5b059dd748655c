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
    r"|(?<=Bearer )\S+"
    r"|(?<=://)[^/@\s]+(?=@)"  # a name and a password in an address
    r"|-----BEGIN[^-]*PRIVATE KEY-----.*?(?:-----END[^-]*-----|$)",
    re.DOTALL,
)
LEAST_CHARACTERS = 8
"""Of a secret or of quoted words: anything shorter stands in any text."""
MOST_WORDS = 20_000
"""Characters of somebody's words that are looked for."""
_in_use: deque[str] = deque(maxlen=64)
"""The newest: those of an OAuth app follow each other."""


def in_use(secret: str) -> None:
    """Take a secret out of all texts from now on, whatever it looks like."""
    if len(secret) >= LEAST_CHARACTERS and secret not in _in_use:
        _in_use.append(secret)


def redacted(text: str) -> str:
    """The text with everything that is or looks like a secret replaced."""
    for secret in _in_use:
        text = text.replace(secret, SECRET)
    return _SECRETS.sub(SECRET, text)


def without_words(text: str, words: str) -> str:
    """The text without what it quotes of somebody's words. Pure."""
    matcher = SequenceMatcher(None, text, words[:MOST_WORDS], autojunk=False)
    while (found := matcher.find_longest_match()).size >= LEAST_CHARACTERS:
        text = f"{text[: found.a]}…{text[found.a + found.size :]}"
        matcher.set_seq1(text)
    return text
