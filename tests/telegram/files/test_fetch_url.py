"""What an answer links to is fetched from the public Internet only."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import ifaddr
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from bridge.serving import serving
from bridge.telegram.files import fetch_url
from bridge.telegram.files.fetch_url import Fetched, NotFetched, UrlFetcher, public

MOST = 100_000
PRIVATE_HOSTS = (
    "127.0.0.1", "localhost", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001",
    "0x7f.1", "017700000001", "0177.0.0.1", "[::1]", "[::]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    "[fe80::1]", "[fc00::1]", "[fec0::1]", "10.0.0.1", "172.16.0.1", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255",
    "240.0.0.1", "168.63.129.16", "192.0.0.192", "192.88.99.1", "[3fff::1]", "[2001:20::1]",
    "[5f00::1]", "[4000::1]", "[ff02::1]", "[2001:db8::1]", "[2001:0:7f00:1::]",
)  # fmt: skip
NO_ADDRESSES = (
    "file:///etc/passwd", "ftp://example.com/a", "gopher://example.com/", "data:image/png;base64,",
    "//example.com/a.png", "http://", "http:///a", "http://user:word@example.com/a.png",
    "http://example.com@127.0.0.1/", "javascript:alert(1)", "http://[::1/", "http://a:99999/",
    "https://example.com/" + "a" * 3000, "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/",
)  # fmt: skip


class Names(AbstractResolver):
    """Names of a test, with the addresses to which they lead, one after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [
            ResolveResult(hostname=host, host=one, port=port, family=family, proto=0, flags=0)
            for one in found
        ]

    async def close(self) -> None:
        pass


class Hearing:
    """A server on the loopback address that counts the connections made to it."""

    connections = 0
    port = 0


@pytest.fixture
async def hearing() -> AsyncIterator[Hearing]:
    heard = Hearing()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.connections += 1
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    heard.port = server.sockets[0].getsockname()[1]
    async with server:
        yield heard


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
async def test_private_addresses_are_not_connected_to(
    host: str, hearing: Hearing, tmp_path: Path
) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(NotFetched):
            await UrlFetcher().fetch(
                f"{scheme}://{host}:{hearing.port}/a.png", tmp_path / "a", MOST
            )
    assert hearing.connections == 0


@pytest.mark.parametrize("address", NO_ADDRESSES)
async def test_other_addresses_are_none(address: str, tmp_path: Path) -> None:
    with pytest.raises(NotFetched):
        await UrlFetcher(resolver=Names(["127.0.0.1"])).fetch(address, tmp_path / "a", MOST)


@pytest.mark.parametrize(
    "found", [["127.0.0.1"], ["::1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], []]
)
async def test_a_name_that_leads_home_is_not_followed(
    found: list[str], hearing: Hearing, tmp_path: Path
) -> None:
    with pytest.raises(NotFetched):
        names = Names(found)
        await UrlFetcher(resolver=names).fetch(
            f"http://cat.example:{hearing.port}/", tmp_path, MOST
        )
    assert (names.asked, hearing.connections) == (1, 0)


async def test_a_name_is_asked_for_once_so_that_it_cannot_change(
    hearing: Hearing, tmp_path: Path
) -> None:
    names = Names(["203.0.113.9"], ["127.0.0.1"])
    with pytest.raises(NotFetched):
        await UrlFetcher(resolver=names).fetch(
            f"http://cat.example:{hearing.port}/", tmp_path, MOST
        )
    assert hearing.connections == 0


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 10_000
        await asyncio.sleep(0)


async def serve(request: Request) -> Response:
    match request.url.path:
        case "/away":
            return RedirectResponse(request.query_params["to"])
        case "/round":
            return RedirectResponse("/round")
        case "/picture":
            return Response(b"x" * 1000, media_type="Image/PNG; charset=x")
        case "/endless":
            return StreamingResponse(endless(), media_type="image/png")
        case "/packed":
            return Response(b"x", headers={"Content-Encoding": "gzip"})
        case "/empty":
            return Response(b"", media_type="image/png")
        case "/long":
            return Response(b"x" * (MOST + 1))
        case _:
            return Response(b"no", 404)


@asynccontextmanager
async def a_host() -> AsyncIterator[str]:
    """A server that the operator has named as their own."""
    async with serving(Starlette(routes=[Route("/{rest:path}", serve)])) as address:
        yield address


async def test_a_host_of_the_operator_may_be_anywhere(tmp_path: Path) -> None:
    async with a_host() as base:
        for own in (base.removeprefix("http://"), "127.0.0.1"):
            found = await UrlFetcher([own]).fetch(f"{base}/picture", tmp_path / "a", MOST)
            assert found == Fetched(tmp_path / "a", "image/png", 1000)
        with pytest.raises(NotFetched):
            await UrlFetcher(["127.0.0.1:1"]).fetch(f"{base}/picture", tmp_path / "a", MOST)


async def test_each_redirect_is_judged(hearing: Hearing, tmp_path: Path) -> None:
    async with a_host() as base:
        fetching = UrlFetcher([base.removeprefix("http://")], whole_seconds=2)

        async def away(to: str) -> Fetched:
            return await fetching.fetch(f"{base}/away?to={to}", tmp_path / "a", MOST)

        assert (await away("/picture")).size == 1000
        for to in (
            f"http://127.0.0.1:{hearing.port}/",
            f"http://localhost:{hearing.port}/",
            f"//[::1]:{hearing.port}/",
            "file:///etc/passwd",
            "/round",
            "http://a:b@example.com/",
            "",
        ):
            with pytest.raises(NotFetched):
                await away(to)
    assert hearing.connections == 0


@pytest.mark.parametrize("path", ["/endless", "/packed", "/empty", "/long", "/missing"])
async def test_what_is_no_whole_file_is_left(path: str, tmp_path: Path) -> None:
    async with a_host() as base:
        with pytest.raises(NotFetched):
            await UrlFetcher(["127.0.0.1"]).fetch(f"{base}{path}", tmp_path / "a", MOST)


async def test_a_host_that_says_nothing_is_left_alone(tmp_path: Path) -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotFetched, match="too long"):
            fetching = UrlFetcher(["127.0.0.1"], whole_seconds=0.2)
            await fetching.fetch(f"http://127.0.0.1:{port}/", tmp_path / "a", MOST)
        await gone.wait()


@pytest.mark.parametrize("host", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_public_addresses(host: str) -> None:
    assert public(ipaddress.ip_address(host))


async def test_an_own_public_address_is_not_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel says what is its own: here, every address of `fetch_url`'s trial socket."""
    asked: list[str] = []

    def goes_home(number: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        asked.append(str(number))
        return True

    monkeypatch.setattr(fetch_url, "_goes_home", goes_home)
    for name, resolver in (("8.8.8.8", None), ("own.example", Names(["8.8.8.8"]))):
        with pytest.raises(NotFetched):
            await UrlFetcher(resolver=resolver).fetch(f"http://{name}/", tmp_path / "file", MOST)
    assert asked == ["8.8.8.8", "8.8.8.8"]


def test_the_kernel_tells_which_addresses_are_its_own() -> None:
    own = [
        one.ip if isinstance(one.ip, str) else one.ip[0]
        for adapter in ifaddr.get_adapters()
        for one in adapter.ips
    ]
    assert own
    assert all(fetch_url.own(ipaddress.ip_address(address)) for address in own)
    assert not fetch_url.own(ipaddress.ip_address("8.8.8.8"))


def test_a_network_at_an_interface_is_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    network = ipaddress.ip_network("8.8.8.0/24")
    monkeypatch.setattr(fetch_url, "_own_networks", lambda: [network])
    assert fetch_url.own(ipaddress.ip_address("8.8.8.9"))
    assert fetch_url.own(ipaddress.ip_address("::ffff:8.8.8.9"))
    assert not fetch_url.own(ipaddress.ip_address("8.8.4.4"))


def test_a_socket_is_only_made_for_what_is_public() -> None:
    for address in ("127.0.0.1", "10.0.0.1", "192.0.0.192", "::1", "fec0::1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with pytest.raises(OSError, match="not a public address"):
            fetch_url._socket_for((family, socket.SOCK_STREAM, 6, "", (address, 80)))
