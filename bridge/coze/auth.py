"""The two ways in: a personal or service token, and the OAuth app that signs JWTs.

A JWT is single use and its exchange answers `expires_in` as an absolute Unix time, not a
lifetime; code that reads it as a duration keeps a dead token for 55 years.
"""

import asyncio
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bridge.coze.events import read_object, text_of
from bridge.coze.regions import Deployment
from bridge.errors import Happened
from bridge.errors.coze import Garbled, ServerTrouble, SignInRefused
from bridge.redaction import in_use
from bridge.transport import read_bounded

TOKEN_PATH = "/api/permission/oauth2/token"
LONGEST_SECONDS = 86399
_ASSERTION_SECONDS = 600
_SKEW_SECONDS = 5
_REJECTED = {"4100", "700012006"}
_CLIENT_CURE = (
    "Check COZE_JWT_OAUTH_CLIENT_ID (the app's id), COZE_JWT_OAUTH_PUBLIC_KEY_ID (the key's "
    "fingerprint), that the private key belongs to it, that COZE_API_BASE is the region of the "
    "app, and this machine's clock."
)


class Auth(httpx.Auth, ABC):
    """What signs our requests; the client knows no more about tokens than this."""

    @abstractmethod
    def reject(self) -> bool:
        """Forget the token in use, which the server refused; whether another can be had."""

    @property
    @abstractmethod
    def seconds_left(self) -> float | None:
        """Seconds until the token in use ends; None where that is not known."""


class StaticToken(Auth):
    """A personal or service access token: used as it is, never renewed."""

    def __init__(self, token: str) -> None:
        in_use(token)
        self._token = token

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Add the token to the request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request

    def reject(self) -> bool:
        """Say that nothing can be done about a personal token but replacing it."""
        return False

    @property
    def seconds_left(self) -> float | None:
        """Coze does not say when a personal token ends."""
        return None


@dataclass(frozen=True)
class _Token:
    text: str
    issued: float
    ends: float

    def stale(self, now: float) -> bool:
        """Return whether to renew it: when less than 60 s, at most half of a short life, remains."""
        life = self.ends - self.issued
        return self.ends - now < min(max(60.0, 0.05 * life), 0.5 * life)

    def __repr__(self) -> str:
        return f"_Token(ends={self.ends})"


class JWTApp(Auth):
    """The OAuth JWT service app: signs an assertion, exchanges it, renews before the end.

    One exchange serves all who wait for it; a request that the server rejects for its token is
    replayed once with a new one, which is safe since it was rejected before anything ran.
    """

    def __init__(
        self,
        deployment: Deployment,
        client_id: str,
        key_id: str,
        key: RSAPrivateKey,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._deployment = deployment
        self._client_id = client_id
        self._key_id = key_id
        self._key = key
        self._clock = clock
        self._token: _Token | None = None
        self._turnstile = asyncio.Lock()

    def reject(self) -> bool:
        """Forget the token in use: the next call has a new one."""
        self._token = None
        return True

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the token in use ends."""
        return self._token.ends - self._clock() if self._token else None

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Have a token, send; on a rejected token have another and send once more.

        Raises SignInRefused when the OAuth server refuses the app, ServerTrouble when it fails.
        """
        for last in (False, True):
            async with self._turnstile:
                token = self._token
                if token is None or token.stale(self._clock()):
                    response = yield self._exchange()
                    await read_bounded(response)
                    token = self._renewed(token, response)
            request.headers["Authorization"] = f"Bearer {token.text}"
            answer = yield request
            if last or not await _rejected(answer):
                return
            if self._token is token:  # nobody else renewed it meanwhile
                self._token = None

    def _exchange(self) -> httpx.Request:
        now = int(self._clock())
        assertion = jwt.encode(
            {
                "iss": self._client_id,
                "aud": self._deployment.audience,
                "iat": now - _SKEW_SECONDS,
                "exp": now + _ASSERTION_SECONDS,
                "jti": secrets.token_hex(24),
            },
            self._key,
            algorithm="RS256",
            headers={"kid": self._key_id},
        )
        return httpx.Request(
            "POST",
            self._deployment.base + TOKEN_PATH,
            headers={"Authorization": f"Bearer {assertion}"},
            # a request made by hand has no time-out, and all others wait for this one
            extensions={"timeout": httpx.Timeout(20.0, connect=10.0).as_dict()},
            json={
                "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "duration_seconds": LONGEST_SECONDS,
            },
        )

    def _renewed(self, old: _Token | None, response: httpx.Response) -> _Token:
        """Return the token in the answer; the old one while it lives and Coze itself fails."""
        now = self._clock()
        try:
            self._token = _token(response, now)
        except (ServerTrouble, Garbled):
            if old is None or old.ends <= now:
                raise
            return old
        return self._token


def _token(response: httpx.Response, now: float) -> _Token:
    doing = "Signing in to Coze"
    log_id = response.headers.get("x-tt-logid")
    answer = read_object(response.content)
    if response.status_code >= 500:
        raise ServerTrouble(
            doing, f"HTTP {response.status_code}", log_id=log_id, happened=Happened.NO
        )
    if answer is None:
        raise Garbled(
            doing,
            f"HTTP {response.status_code} without JSON",
            log_id=log_id,
            happened=Happened.NO,
        )
    error = text_of(answer, "error_code") or text_of(answer, "error")
    if error == "internal_error":
        raise ServerTrouble(
            doing,
            "Coze's sign-in failed inside",
            code=error,
            log_id=log_id,
            happened=Happened.NO,
        )
    if error or "access_token" not in answer:
        code = error or text_of(answer, "code")
        what = text_of(answer, "error_message") or text_of(answer, "msg")
        raise SignInRefused(
            doing,
            " ".join((what or f"HTTP {response.status_code}").split())[:300],
            code=code or None,
            log_id=log_id,
            cure=_cure(error, what),
        )
    ends = _number(answer.get("expires_in"))
    if ends < 1e9:  # not an absolute time after all
        ends += now
    token = text_of(answer, "access_token")
    if not re.fullmatch("[!-~]+", token):
        raise Garbled(doing, "the token is none", log_id=log_id, happened=Happened.NO)
    in_use(token)
    return _Token(token, now, ends)


def _cure(error: str, what: str) -> str:
    if error != "access_deny":
        return _CLIENT_CURE
    if "app type" in what.casefold():  # only the message tells these two apart
        return (
            "Make a new OAuth app of the type “normal” (service), not “channel”, and use its key."
        )
    return "Enable or re-authorise the app."


def _number(found: object) -> float:
    """Return a time in seconds, however it is written; 0 makes a token that ends at once."""
    try:
        return float(str(found))
    except ValueError:
        return 0.0


async def _rejected(response: httpx.Response) -> bool:
    """Return whether the server refused the token; a stream that began did not."""
    if response.status_code == 401:
        return True
    if "json" not in response.headers.get("content-type", ""):
        return False
    await read_bounded(response)
    answer = read_object(response.content)
    return answer is not None and text_of(answer, "code") in _REJECTED


def private_key(pem: str | None = None, path: Path | None = None) -> RSAPrivateKey:
    r"""Return the RSA key from the text of a PEM (literal `\n` allowed) or from a file.

    Raises ValueError, worded for the operator and without a byte of the key.
    """
    if path is not None:
        try:
            pem = path.read_text("ascii")
        except OSError as error:
            raise ValueError(f"names {path}, which cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise ValueError(f"names {path}, which is no PEM text") from None
    text = (pem or "").strip().strip("'\"").replace("\\n", "\n")
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        raise ValueError(_not_a_key(text)) from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("holds a key that is not RSA; Coze's service apps use RSA keys")
    return key


def _not_a_key(text: str) -> str:
    """Return why a text is not a private key, as far as its first and last line tell."""
    needed = "the text that begins with BEGIN PRIVATE KEY is needed"
    if "PUBLIC KEY" in text:
        return f"holds the public key, which Coze keeps; {needed}"
    if "ENCRYPTED" in text:
        return "holds a key with a password; one without is needed"
    if "-----BEGIN" in text and "-----END" not in text:
        return "holds a key that ends in the middle; its last line says END PRIVATE KEY"
    return f"does not hold a private key; {needed}"
