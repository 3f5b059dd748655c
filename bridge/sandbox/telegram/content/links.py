"""Which links the server accepts in entities and buttons, and how it rewrites them. Pure.

A `text_link` with a link that is refused here fails the whole call, unlike a link in parsed markup.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SCHEMES = ("http", "https", "tg", "ton", "tonsite")
_BARE_SCHEMES = re.compile(r"(?i)(tg|ton|tonsite):(?!//)")
_ALLOWED_IN_HOST = re.compile(r"[0-9A-Za-z._\-!$,~*'();&+=%\u0080-\U0010ffff]*\Z")
_MENTION = re.compile(r"(?i)tg:(?://)?user\?id=([0-9]+)\Z")


class WrongLink(ValueError):
    """The link is not one the server accepts; the message is the reason it gives."""


@dataclass(frozen=True)
class _Address:
    scheme: str
    user: str
    host: str
    port: int | None
    rest: str


def checked_link(link: str) -> str:
    """Return the link as the server stores it: with a scheme, a small host and at least a `/`.

    Raises WrongLink.
    """
    address = _parsed(_BARE_SCHEMES.sub(r"\1://", link.strip(), count=1))
    if address.scheme not in ("http", "https"):
        return _checked_app_link(address)
    if "." not in address.host and not address.host.startswith("["):
        raise WrongLink("Wrong HTTP URL")
    port = f":{address.port}" if address.port else ""
    user = f"{address.user}@" if address.user else ""
    return f"{address.scheme}://{user}{address.host}{port}{address.rest}"


def mentioned_person(link: str) -> int | None:
    """Return the id of the person whom a `tg://user?id=N` link mentions."""
    found = _MENTION.match(link.strip())
    return int(found[1]) if found else None


def _checked_app_link(address: _Address) -> str:
    if address.user or address.port is not None or address.host.startswith("["):
        raise WrongLink(f"Wrong {address.scheme} URL")
    return f"{address.scheme}://{address.host}{address.rest.removeprefix('/')}"


def _parsed(link: str) -> _Address:
    head, mark, tail = link.partition("://")
    scheme = "http"
    if mark and not re.search(r"[:/?#@\[\]]", head):
        scheme, link = head.lower(), tail
        if scheme not in _SCHEMES:
            raise WrongLink("Unsupported URL protocol")
    authority = re.split(r"[/?#]", link, maxsplit=1)[0]
    rest = link[len(authority) :]
    authority, port = _without_port(authority)
    user, _, host = authority.rpartition("@")
    _check_host(host)
    return _Address(
        scheme=scheme,
        user=user,
        host=host.lower(),
        port=port,
        rest=rest if rest.startswith("/") else "/" + rest,
    )


def _without_port(authority: str) -> tuple[str, int | None]:
    """Cut `:port` off; what stands before an `@` or inside brackets is not a port."""
    tail = re.search(r":([^:\]@]*)\Z", authority)
    if tail is None:
        return authority, None
    digits = tail[1]
    if not re.fullmatch(r"0*[0-9]{1,5}", digits) or not 1 <= int(digits) <= 65535:
        raise WrongLink("Wrong port number specified in the URL")
    return authority[: tail.start()], int(digits)


def _check_host(host: str) -> None:
    if host in ("", "[]"):
        raise WrongLink("URL host is empty")
    if host == ".":
        raise WrongLink("Host is invalid")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if bare is not host and re.fullmatch(r"[0-9A-Fa-f:.]+", bare):
        return
    if not _ALLOWED_IN_HOST.match(bare):
        raise WrongLink("Disallowed character in URL host")
