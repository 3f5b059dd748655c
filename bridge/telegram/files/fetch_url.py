"""Fetch what an agent's answer links to, and nothing of the operator's own network.

An agent's words are hostile: a link may name this machine, a router or a cloud's own addresses, also
in odd spellings, by a name that resolves there, or by a redirect. So names are resolved here, only
public addresses are connected to, those very ones, and each redirect begins anew. A machine reaches
its own public addresses past its firewall, so what the kernel calls its own is refused, too, at the
moment when a socket is made for it.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp
import ifaddr
from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

MOST_REDIRECTS = 3
WHOLE_SECONDS = 25.0
"""How long one file may take: people wait for the end of an answer."""
SILENCE_SECONDS = 10.0
MOST_ADDRESS = 2048
"""Characters of an address."""
_IP = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        "168.63.129.16/32",  # what Azure's machines ask about themselves
        "2001::/23", "2001:db8::/32", "3fff::/20",
    )
)  # fmt: skip
"""What IANA's registries of special addresses name, whatever the Python version knows of them, and one
cloud's own; of IPv6 nothing outside of `_GLOBAL` is public anyway."""
_GLOBAL = ipaddress.IPv6Network("2000::/3")
_USER_AGENT = "coze-telegram-bridge"


class NotFetched(Exception):
    """It cannot or must not be fetched; the text says why, without the address."""


@dataclass(frozen=True)
class Fetched:
    """A file that an answer links to."""

    path: Path
    media_type: str
    """As its server says, in lower case, without parameters."""
    size: int
    """Bytes."""


class UrlFetcher:
    """Fetches from public addresses, and from hosts that the operator has named."""

    def __init__(
        self,
        own_hosts: Collection[str] = (),
        resolver: AbstractResolver | None = None,
        whole_seconds: float = WHOLE_SECONDS,
    ) -> None:
        """`own_hosts` (`name` or `name:port`) may be anywhere: a storage beside a self-hosted Coze."""
        self._own_hosts = frozenset(host.casefold() for host in own_hosts)
        self._resolver = resolver
        self._whole_seconds = whole_seconds

    async def fetch(self, address: str, path: Path, most_bytes: int) -> Fetched:
        """Save what lies at an address. Raises NotFetched."""
        try:
            async with asyncio.timeout(self._whole_seconds):
                for _ in range(MOST_REDIRECTS + 1):
                    found = await self._one(address, path, most_bytes)
                    if isinstance(found, Fetched):
                        return found
                    address = urljoin(address, found)
        except TimeoutError as error:
            raise NotFetched("it took too long") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:  # its words name the address
            raise NotFetched(type(error).__name__) from error
        raise NotFetched("too many redirects")

    async def _one(self, address: str, path: Path, most_bytes: int) -> Fetched | str:
        """Follow no redirect: where it leads is judged like the first address."""
        url = URL(address)
        own_host = self._judge(address, url)
        connector = aiohttp.TCPConnector(
            resolver=self._resolver if own_host else _PublicOnly(self._resolver),
            use_dns_cache=False,
            force_close=True,
            socket_factory=None if own_host else _socket_for,
        )
        timeout = aiohttp.ClientTimeout(total=None, connect=10.0, sock_read=SILENCE_SECONDS)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                timeout=timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": _USER_AGENT, "Accept": "*/*"},
                trust_env=False,
                auto_decompress=False,
            ) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status in (301, 302, 303, 307, 308):
                return answer.headers.get("Location", "")
            if answer.status != 200:
                raise NotFetched(f"HTTP {answer.status}")
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise NotFetched("it is packed")
            return await _save(answer, path, most_bytes)

    def _judge(self, address: str, url: URL) -> bool:
        """Return whether it is at one of the operator's own hosts. Raises NotFetched for what is nowhere.

        `url` is the address as it is connected to: that folds odd letters into plain ones, and
        asks no resolver for a host that is a number then.
        """
        if len(address) > MOST_ADDRESS:
            raise NotFetched("its address is too long")
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https"):
            raise NotFetched("neither http nor https")
        if "@" in parts.netloc or not parts.hostname or not url.raw_host:
            raise NotFetched("credentials, or no host")
        host, port = url.raw_host.casefold(), url.explicit_port
        if self._own_hosts & {host, f"{host}:{port}", parts.netloc.casefold()}:
            return True
        number = _number(host)
        if number is not None and (not public(number) or own(number)):
            raise NotFetched("not a public address")
        return False


def _number(host: str) -> _IP | None:
    """Return the address that a host's spelling is, in any of the forms that systems take; else None.

    Systems read `0x7f.1`, `2130706433` and `017700000001` as addresses of four numbers.
    """
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def public(number: _IP) -> bool:
    """Return whether an address belongs to the public Internet, also behind the forms that wrap one."""
    if isinstance(number, ipaddress.IPv6Address):
        inner = number.ipv4_mapped or number.sixtofour
        if number in _NAT64:
            inner = ipaddress.IPv4Address(int(number) & 0xFFFFFFFF)
        if number.teredo is not None:
            return False
        if inner is not None:
            return public(inner)
        if number not in _GLOBAL:
            return False
    return not any(number in network for network in _SPECIAL)


def own(number: _IP) -> bool:
    """Return whether the kernel calls an address its own, or has its network at an interface."""
    found = getattr(number, "ipv4_mapped", None) or number
    return _goes_home(found) or any(found in network for network in _own_networks())


def _goes_home(number: _IP) -> bool:
    """Return whether a connection there would come from the very address that it goes to."""
    family = socket.AF_INET if number.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as trial:  # it sends nothing
        try:
            trial.connect((str(number), 9))
        except OSError:
            return False
        return ipaddress.ip_address(trial.getsockname()[0].partition("%")[0]) == number


def _own_networks() -> Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Return the networks at this machine's interfaces; a whole Internet behind a tunnel is none."""
    found = []
    for adapter in ifaddr.get_adapters():
        for one in adapter.ips:
            address = one.ip if isinstance(one.ip, str) else one.ip[0]
            if one.network_prefix:
                text = f"{address.partition('%')[0]}/{one.network_prefix}"
                found.append(ipaddress.ip_network(text, strict=False))
    return found


def _socket_for(info: AddrInfoType) -> socket.socket:
    """Return a socket for a connection to a public address. Raises OSError for any other."""
    family, kind, protocol, _, address = info
    number = ipaddress.ip_address(str(address[0]).partition("%")[0])
    if not public(number) or own(number):
        raise OSError("not a public address")
    return socket.socket(family, kind, protocol)


class _PublicOnly(AbstractResolver):
    """Resolves names, and lets a connection know of public addresses only."""

    def __init__(self, resolver: AbstractResolver | None) -> None:
        self._resolver = resolver or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return a name's addresses. Raises OSError when any is not public: it is a trap then."""
        found = await self._resolver.resolve(host, port, family)
        if not found or not _all_public(found):
            raise OSError("the name leads to no public address")
        return found

    async def close(self) -> None:
        """Do nothing: nothing is kept."""


def _all_public(found: Sequence[ResolveResult]) -> bool:
    numbers = [ipaddress.ip_address(one["host"].partition("%")[0]) for one in found]
    return not any(not public(number) or own(number) for number in numbers)


async def _save(answer: aiohttp.ClientResponse, path: Path, most_bytes: int) -> Fetched:
    if (answer.content_length or 0) > most_bytes:
        raise NotFetched("it is too large")
    size = 0
    with path.open("wb") as file:
        async for piece in answer.content.iter_chunked(65_536):
            size += len(piece)
            if size > most_bytes:
                raise NotFetched("it is too large")
            file.write(piece)
    if not size:
        raise NotFetched("it is empty")
    return Fetched(path, answer.content_type.lower(), size)
