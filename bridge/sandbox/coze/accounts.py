"""Tokens and OAuth apps: who may call, and the exchange of a signed JWT for an access token."""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from bridge.sandbox.coze.assertions import HOME, OAuthApp, OAuthRefusal, verify
from bridge.sandbox.coze.endpoints.fields import Fields, object_field, texts
from bridge.sandbox.coze.refusals import (
    STUDIO_TOKEN_INVALID,
    TOKEN_INVALID,
    Refusal,
)

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_SECONDS = 86399
DEFAULT_SECONDS = 900


@dataclass(frozen=True)
class Token:
    """A credential the API accepts."""

    value: str = field(repr=False)
    permissions: frozenset[str] | None = None
    """None stands for all of them."""
    expires_at: float | None = None
    """Unix time in seconds, None when it never expires."""
    session_name: str | None = None
    """Histories are kept apart by this claim of the JWT."""
    agents: frozenset[str] | None = None
    """The agents it was narrowed to at the exchange, None when it was not."""
    account: str = HOME
    """Whose files and conversations it sees."""


@dataclass(frozen=True)
class Exchange:
    """One request for an access token."""

    at: float
    """Unix time in seconds."""
    client_id: str
    jti: str
    outcome: str
    """`ok`, or the error code with its message."""


@dataclass(eq=False)
class Accounts:
    """Every credential of the emulated Coze."""

    clock: Callable[[], float]
    tokens: dict[str, Token] = field(default_factory=dict)
    apps: dict[str, OAuthApp] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    token_seconds: float | None = None
    expired_code: int = 4100
    _used: set[tuple[str, str]] = field(default_factory=set)

    def add_token(
        self, value: str, permissions: Collection[str] | None, account: str = HOME
    ) -> Token:
        """Accept a personal access token from now on."""
        allowed = None if permissions is None else frozenset(permissions)
        token = Token(value, allowed, account=account)
        self.tokens[value] = token
        return token

    def add_app(
        self, client_id: str, public_key_pem: str, kid: str, active: bool, account: str = HOME
    ) -> OAuthApp:
        """Register a service app's public key under `kid`."""
        app = OAuthApp(
            client_id=client_id,
            public_key_pem=public_key_pem,
            kid=kid,
            active=active,
            account=account,
        )
        self.apps[kid] = app
        return app

    def revoke(self) -> None:
        """Forget every access token that came from an exchange."""
        for value in [value for value in self.tokens if value.startswith("czs_")]:
            del self.tokens[value]

    def check(self, authorization: str | None, studio: bool) -> Token:
        """Return the token behind an Authorization header; raises Refusal 4100, or 700012006."""
        scheme, _, value = (authorization or "").partition(" ")
        token = self.tokens.get(value) if scheme == "Bearer" else None
        if studio and (token is None or value.startswith("czs_")):
            raise Refusal(700012006, STUDIO_TOKEN_INVALID)
        if token is None:
            code = self.expired_code if value.startswith("czs_") else 4100
            raise _invalid(code)
        if token.expires_at is not None and token.expires_at <= self.clock():
            raise _invalid(self.expired_code)
        return token

    def exchange(
        self, authorization: str | None, body: Fields, audiences: Collection[str]
    ) -> Mapping[str, object]:
        """Exchange a JWT, once, for an access token; raises OAuthRefusal."""
        seen: dict[str, str] = {}
        try:
            token = self._issue(authorization, body, audiences, seen)
        except OAuthRefusal as refusal:
            self._note(seen, f"{refusal.code}: {refusal.msg}")
            raise
        self._note(seen, "ok")
        assert token.expires_at is not None  # noqa: S101 - _issue always sets it
        return {
            "access_token": token.value,
            "expires_in": int(token.expires_at),
            "token_type": "Bearer",
        }

    def _issue(
        self,
        authorization: str | None,
        body: Fields,
        audiences: Collection[str],
        seen: dict[str, str],
    ) -> Token:
        grant = body.get("grant_type")
        if grant != JWT_BEARER:
            raise OAuthRefusal(
                "unsupported_grant_type", f"not supported grant type: {grant or ''}", 400
            )
        seconds = _duration(body)
        agents = _agents(body)
        scheme, _, jwt = (authorization or "").partition(" ")
        if scheme != "Bearer" or not jwt:
            raise OAuthRefusal("invalid_request", "invalid request: Authorization", 400)
        claims = verify(jwt, self.apps, audiences, self.clock(), seen)
        if (claims.client_id, claims.jti) in self._used:
            raise OAuthRefusal("invalid_client", "invalid jwt: jti has been used")
        self._used.add((claims.client_id, claims.jti))
        if self.token_seconds is not None:
            seconds = min(seconds, self.token_seconds)
        token = Token(
            "czs_" + secrets.token_urlsafe(32),
            expires_at=self.clock() + seconds,
            session_name=claims.session_name,
            agents=agents,
            account=claims.account,
        )
        self.tokens[token.value] = token
        return token

    def _note(self, seen: Mapping[str, str], outcome: str) -> None:
        self.exchanges.append(
            Exchange(self.clock(), seen.get("iss", ""), seen.get("jti", ""), outcome)
        )


def allow(token: Token, permissions: Collection[str]) -> None:
    """Raise Refusal 4101 when the token lacks one of the permissions."""
    if token.permissions is None:
        return
    for permission in permissions:
        if permission not in token.permissions:
            raise Refusal(
                4101, f"The token you entered does not have the required permission: {permission}"
            )


def _invalid(code: int) -> Refusal:
    return Refusal(code, STUDIO_TOKEN_INVALID if code == 700012006 else TOKEN_INVALID)


def _duration(body: Fields) -> float:
    asked = body.get("duration_seconds")
    if asked is None or asked == 0:
        return DEFAULT_SECONDS
    if isinstance(asked, bool) or not isinstance(asked, int) or not 1 <= asked <= LONGEST_SECONDS:
        raise OAuthRefusal("invalid_request", "invalid request: duration_seconds", 400)
    return asked


def _agents(body: Fields) -> frozenset[str] | None:
    try:
        scope = object_field(body, "scope") or {}
        constraint = object_field(scope, "attribute_constraint") or {}
        chat = object_field(constraint, "connector_bot_chat_attribute")
        return None if chat is None else frozenset(texts(chat, "bot_id_list"))
    except Refusal:
        raise OAuthRefusal("invalid_request", "invalid request: scope", 400) from None
