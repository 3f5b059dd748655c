"""Who may see the dashboard, and from where: decided here. Pure.

The token is shown once, in the terminal. It is exchanged for a cookie, which scripts cannot read and
other sites cannot send. What changes anything needs more: a word that only our own page holds, and
its origin. Browsers send cookies of 127.0.0.1 to every port there, so a page of another program on
the machine is kept out by those two.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection

SESSION_SECONDS = 12 * 3600.0
COOKIE = "coze_bridge_dashboard"
_LOCAL = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?")
_PORT = re.compile(r":[0-9]{1,5}$")
_SESSION = re.compile(r"([0-9]{1,12})\.([\w-]{22})\.([0-9a-f]{64})", re.ASCII)


class Authenticator:
    """Opens to the token. Cookies are signed with it: they end with it, or by their time."""

    def __init__(self, token: str, names: Collection[str] = ()) -> None:
        """`names` are those by which it may be reached besides this machine's own."""
        self.token = token
        self._names = frozenset(name.lower() for name in names)

    def at_home(self, host: str) -> bool:
        """Return whether a Host header names this machine, or one of its names.

        A foreign site whose name was made to resolve to us (DNS rebinding) sends its own name; a tunnel
        may have another port.
        """
        name = _PORT.sub("", host).lower()
        return _LOCAL.fullmatch(host) is not None or name in self._names

    def own_origin(self, origin: str, host: str) -> bool:
        """Return whether a request comes from our own page, as browsers say with every change."""
        return self.at_home(host) and origin in (f"http://{host}", f"https://{host}")

    def admits(self, token: str) -> bool:
        """Return whether it is the token; how long that takes tells nothing."""
        return hmac.compare_digest(_bytes(token), _bytes(self.token))

    def session(self, now: float) -> str:
        """Return a cookie's value; `now` in Unix seconds."""
        head = f"{now + SESSION_SECONDS:.0f}.{secrets.token_urlsafe(16)}"
        return f"{head}.{self._signed('session', head)}"

    def knows(self, session: str, now: float) -> bool:
        """Return whether we made the cookie, and it has not ended."""
        found = _SESSION.fullmatch(session)
        if found is None:
            return False
        expected = self._signed("session", f"{found[1]}.{found[2]}")
        return hmac.compare_digest(expected, found[3]) and now < int(found[1])

    def word(self, session: str) -> str:
        """Return what a form of the page that this session sees carries."""
        return self._signed("form", session)

    def wrote(self, session: str, word: str) -> bool:
        """Return whether a form came from such a page."""
        return hmac.compare_digest(_bytes(self.word(session)), _bytes(word))

    def _signed(self, purpose: str, text: str) -> str:
        return hmac.new(_bytes(self.token), _bytes(f"{purpose} {text}"), hashlib.sha256).hexdigest()


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(24)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
