"""Choose the proxy on the way to an address: one that a setting names, or one of the environment.

Pure. Desktops and proxy programs write things into the environment that no HTTP client reads
without a stumble: `socks://`, `[::1]` and networks in `NO_PROXY`, a port with a tail. What is on
the way to nobody is not looked at.
"""

import ipaddress
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from urllib.parse import quote, unquote, urlsplit

_SCHEMES = {
    "http": ("http", 80),
    "https": ("https", 443),
    "socks": ("socks5", 1080),
    "socks5": ("socks5", 1080),
    "socks5h": ("socks5", 1080),
    "socks4": ("socks4", 1080),
    "socks4a": ("socks4", 1080),
}
"""What each scheme means, and its usual port. Names are always left to a SOCKS proxy to look up."""

_NOT_ONE = "is not a proxy's address; write http://HOST:PORT or socks5://HOST:PORT"


def proxy_address(written: str) -> str:
    """Return a proxy's address in the one form that the transport reads: scheme, login, host, port.

    Raises ValueError, worded for the operator and without any of the address.
    """
    written = written.strip().strip("'\"").strip()
    scheme, separator, rest = written.partition("://")
    if not separator:
        scheme, rest = "http", written
        if ":" not in rest:  # a word such as DIRECT
            raise ValueError(_NOT_ONE)
    known = _SCHEMES.get(scheme.casefold())
    if known is None:
        raise ValueError(_NOT_ONE)
    login, _, _ = rest.rpartition("@")
    if any(sign in login for sign in "#/?"):
        raise ValueError("has a sign in its password that must be written as %23, %2F or %3F")
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(_NOT_ONE) from None
    if not host or any(sign.isspace() for sign in rest) or parts.path.strip("/"):
        raise ValueError(_NOT_ONE)
    if parts.query or parts.fragment:
        raise ValueError(_NOT_ONE)
    login = ""
    if parts.username is not None:
        login = f"{_quoted(parts.username)}:{_quoted(parts.password or '')}@"
    place = f"[{host}]" if ":" in host else host
    return f"{known[0]}://{login}{place}:{port or known[1]}"


def _quoted(part: str) -> str:
    return quote(unquote(part), safe="")


def proxy_variable(address: str, variables: Mapping[str, str]) -> str | None:
    """Return the name of the variable whose proxy is on the way to an address; None for a direct way.

    This machine itself is never reached through a proxy of the environment.
    """
    parts = urlsplit(address)
    host, scheme = (parts.hostname or "").casefold(), parts.scheme.casefold()
    port = parts.port or {"http": 80, "https": 443}.get(scheme)
    if _is_loopback(host) or _is_excepted(host, port, _named(variables, "no_proxy")):
        return None
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    return next((name for name in names if variables.get(name, "").strip()), None)


def _named(variables: Mapping[str, str], name: str) -> str:
    return variables.get(name) or variables.get(name.upper()) or ""


def _is_loopback(host: str) -> bool:
    number = _number(host)
    if isinstance(number, ipaddress.IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return number is not None and number.is_loopback


def _is_excepted(host: str, port: int | None, exceptions: str) -> bool:
    """Return whether `NO_PROXY` names a host: by itself, its domain, its network, or a `*`."""
    entries = re.split(r"[,;|\s]+", exceptions.strip("'\"").casefold())
    return any(_excepts(entry.strip("'\""), host.rstrip("."), port) for entry in entries if entry)


def _excepts(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    if entry == "<local>":
        return "." not in host and ":" not in host
    network, number = _network(entry), _number(host)
    if network is not None:
        return number is not None and number in network
    entry = (entry.partition("://")[2] or entry).partition("/")[0]
    with_port = entry.count(":") == 1 or "]:" in entry
    name, _, only = entry.rpartition(":") if with_port else (entry, "", "")
    if only and only not in ("*", str(port)):
        return False
    name = name.strip("[]").rstrip(".")
    if number is not None and _number(name) == number:
        return True
    domain = name.removeprefix("*.").removeprefix(".")
    if "*" in domain:
        return fnmatchcase(host, name) or fnmatchcase(host, domain)
    return bool(domain) and number is None and (host == domain or host.endswith(f".{domain}"))


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in entry:
        return None
    try:
        return ipaddress.ip_network(entry.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return None


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
