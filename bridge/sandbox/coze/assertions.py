"""Verifying the signed JWT of a service app: every header and claim the token endpoint demands."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import cast

import jwt
from jwt.types import Options

SKEW_SECONDS = 10
"""How far in the future `iat` may lie."""

HOME = "sandbox"
"""The account that everything belongs to unless it is said otherwise."""


@dataclass(frozen=True)
class OAuthApp:
    """A service app with one registered public key."""

    client_id: str
    public_key_pem: str
    kid: str
    active: bool = True
    account: str = HOME


@dataclass(frozen=True)
class Claims:
    """What the exchange needs of a verified assertion."""

    client_id: str
    jti: str
    session_name: str | None
    account: str


class OAuthRefusal(Exception):
    """A token request the OAuth endpoint refuses, in its own error shape."""

    def __init__(self, code: str, msg: str, http: int = 401) -> None:
        super().__init__(f"{code} {msg}")
        self.code = code
        self.msg = msg
        self.http = http


def verify(
    assertion: str,
    apps: Mapping[str, OAuthApp],
    audiences: Collection[str],
    now: float,
    seen: dict[str, str],
) -> Claims:
    """Check the assertion against its app's key; `seen` learns iss and jti even when it fails.

    Raises OAuthRefusal `invalid_client` for a bad assertion, `access_deny` for a deactivated app.
    """
    app = _app_of(assertion, apps)
    payload = _signed(assertion, app)
    for name in ("iss", "jti"):
        seen[name] = str(payload.get(name, ""))
    _check_times(payload, now)
    if payload.get("iss") != app.client_id:
        raise _invalid("iss not match")
    if payload.get("aud") not in audiences:
        raise _invalid("aud not match")
    jti = payload.get("jti")
    if not isinstance(jti, str) or not jti:
        raise _invalid("jti is required")
    session = payload.get("session_name")
    if session is not None and not isinstance(session, str):
        raise _invalid("session_name must be a string")
    if not app.active:
        raise OAuthRefusal(
            "access_deny", f"app: {app.client_id} is currently deactivated by the owner"
        )
    return Claims(app.client_id, jti, session or None, app.account)


def _invalid(why: str) -> OAuthRefusal:
    return OAuthRefusal("invalid_client", f"invalid jwt: {why}")


def _app_of(assertion: str, apps: Mapping[str, OAuthApp]) -> OAuthApp:
    try:
        header = cast("dict[str, object]", jwt.get_unverified_header(assertion))
    except jwt.InvalidTokenError:
        raise _invalid("token contains an invalid number of segments") from None
    if header.get("alg") != "RS256":
        raise _invalid("alg must be RS256")
    if header.get("typ") != "JWT":
        raise _invalid("typ must be JWT")
    app = apps.get(str(header.get("kid", "")))
    if app is None:
        raise _invalid("kid not been registred")
    return app


def _signed(assertion: str, app: OAuthApp) -> dict[str, object]:
    unchecked: Options = {  # the claims are checked one by one, against an injected clock
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
        "verify_aud": False,
        "verify_iss": False,
        "verify_jti": False,
        "verify_sub": False,
    }
    try:
        return cast(
            "dict[str, object]",
            jwt.decode(assertion, app.public_key_pem, algorithms=["RS256"], options=unchecked),
        )
    except jwt.InvalidTokenError:
        raise _invalid("signature is invalid") from None


def _check_times(payload: Mapping[str, object], now: float) -> None:
    issued, expires = payload.get("iat"), payload.get("exp")
    for name, value in (("iat", issued), ("exp", expires)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise _invalid(f"{name} is required")
    assert isinstance(issued, int)  # noqa: S101 - checked above
    assert isinstance(expires, int)  # noqa: S101 - checked above
    if expires <= now:
        raise _invalid("token is expired")
    if issued > now + SKEW_SECONDS:
        raise _invalid("token used before issued")
    if expires <= issued:
        raise _invalid("exp must be later than iat")
