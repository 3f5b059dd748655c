"""Which Coze we talk to: the two clouds share nothing, and coze-studio lacks half of the API."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

COM = "https://api.coze.com"
CN = "https://api.coze.cn"


_PATHS = re.compile(
    r"/(?:open_api|v[1-3]|api/permission|space|store|home|admin|sign)(?=/|$)|/api$", re.IGNORECASE
)
"""Paths of the API, and of coze-studio's web page: they are never part of a base."""


_HOST = re.compile(r"(?:(?!-)(?!xn--(?:\.|\Z))[a-z0-9_-]{1,63}(?:\.|\Z))+", re.IGNORECASE)


@dataclass(frozen=True)
class Deployment:
    """One Coze deployment, by its API base (no trailing slash)."""

    base: str
    audience: str
    """The `aud` of a JWT: the API's host, with the port where the base names one."""

    @property
    def cloud(self) -> bool:
        """Whether it is one of ByteDance's two clouds."""
        return self.base in (COM, CN)


def deployment(base: str, audience: str | None = None) -> Deployment:
    """Return the deployment at `base`; `audience` overrides the host that follows from the base.

    Raises ValueError, worded for the operator, when `base` cannot be an API base.
    """
    base = base.strip().rstrip("/")
    parts = urlsplit(base)
    wrong = f"is not a web address; use {COM}, {CN} or your coze-studio's address"
    try:
        port = parts.port
    except ValueError:
        raise ValueError(wrong) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(wrong)
    if parts.hostname in ("www.coze.com", "www.coze.cn", "coze.com", "coze.cn"):
        cloud = CN if parts.hostname.endswith(".cn") else COM
        raise ValueError(f"is the website, not the API; use {cloud}")
    check_host(parts.hostname)
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must be a plain address without query, fragment or credentials")
    cloud = f"https://{parts.hostname}"
    if cloud in (COM, CN):
        return _cloud(cloud, parts.scheme, parts.path, port, audience)
    if found := _PATHS.search(parts.path):
        raise ValueError(f"must not hold {found[0]}, which is a path of the API; leave it away")
    usual = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if port in (None, usual) else f"{host}:{port}"
    return Deployment(f"{parts.scheme}://{place}{parts.path}", audience or place)


def check_host(host: str) -> None:
    """Refuse a name that no request can be sent to. Raises ValueError, worded for the operator."""
    if ":" not in host and not _HOST.fullmatch(host):
        raise ValueError("has a host that is none; write it in ASCII, as in https://example.org")


def _cloud(
    cloud: str, scheme: str, path: str, port: int | None, audience: str | None
) -> Deployment:
    """One of the two clouds, which have one address each."""
    if scheme != "https":
        raise ValueError(f"would send the token in clear; use {cloud}")
    if path or port not in (None, 443):
        raise ValueError(f"must be the address of the API alone; use {cloud}")
    return Deployment(cloud, audience or cloud.removeprefix("https://"))
