"""Which Coze we talk to: the two clouds share nothing, and coze-studio lacks half of the API."""

from dataclasses import dataclass
from urllib.parse import urlsplit

COM = "https://api.coze.com"
CN = "https://api.coze.cn"


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
    """The deployment at `base`; `audience` overrides the host that follows from the base.

    Raises ValueError, worded for the operator, when `base` cannot be an API base.
    """
    base = base.strip().rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"is not a web address; use {COM}, {CN} or your coze-studio's address")
    if parts.hostname in ("www.coze.com", "www.coze.cn", "coze.com", "coze.cn"):
        cloud = CN if parts.hostname.endswith(".cn") else COM
        raise ValueError(f"is the website, not the API; use {cloud}")
    for suffix in ("/v1", "/v3", "/v3/chat", "/open_api"):
        if parts.path.endswith(suffix):
            raise ValueError(f"must not end in {suffix}; leave the path away")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("must be a plain address without query, fragment or credentials")
    return Deployment(base, audience or parts.netloc)
