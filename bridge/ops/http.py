"""`/healthz`, `/readyz` and `/metrics` (on 127.0.0.1 unless told), for what watches over the process.

Health is red when the bridge is deaf or cannot write, not only when it is dead; readiness, whenever
no updates are taken.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bridge.app import App
from bridge.errors import StoreTrouble, Trouble
from bridge.metrics import CONTENT_TYPE, Gauged
from bridge.model import State
from bridge.redaction import redacted
from bridge.serving import LOOPBACK, serving
from bridge.settings import Settings
from bridge.sharing.shards import ALL_SHARDS
from bridge.store.operators import alarms, stats

MOST_CONNECTIONS = 100
"""How many may be open at once: each costs a file, of which the bridge needs its own."""


@asynccontextmanager
async def pages(app: App, settings: Settings) -> AsyncIterator[None]:
    """Serve them while the context is open; port 0 serves nothing. Raises Trouble for a taken port."""
    port = settings.bridge_health_port
    if not port:
        yield
        return

    async def health(_: Request) -> JSONResponse:
        faults = [redacted(fault) for fault in app.health.faults()]
        return JSONResponse({"ok": not faults, "faults": faults}, 503 if faults else 200)

    async def ready(_: Request) -> JSONResponse:
        reasons = [redacted(reason) for reason in app.health.unready()]
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    async def metrics(_: Request) -> Response:
        text = app.metrics.exposed(await gauged(app))
        return Response(text, headers={"Content-Type": CONTENT_TYPE})

    routes = [
        Route("/healthz", health),
        Route("/readyz", ready),
        Route("/metrics", metrics),
    ]
    host = settings.bridge_health_host
    async with on_port(
        Starlette(routes=routes), port, "BRIDGE_HEALTH_PORT", only_local=host == LOOPBACK, host=host
    ):
        yield


def look_at_ports(settings: Settings) -> None:
    """See that what is to be served can be, before the bridge says that it is ready. Raises Trouble."""
    wanted = {
        "BRIDGE_HEALTH_PORT": (settings.bridge_health_host, settings.bridge_health_port),
        "BRIDGE_DASHBOARD_PORT": (settings.bridge_dashboard_host, settings.bridge_dashboard_port),
    }
    if settings.bridge_public_url:
        wanted["BRIDGE_PUBLIC_PORT"] = (LOOPBACK, settings.bridge_public_port)
    for setting, (host, port) in wanted.items():
        with socket.socket() as trying:
            trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trying.bind((host, port))
            except OSError as error:
                raise _not_served(host, port, setting, error) from error


def _not_served(host: str, port: int, setting: str, error: OSError) -> Trouble:
    what = f"port {port} cannot be used ({error.strerror})"
    return Trouble(f"Serving on {host}", what, cure=f"Choose another {setting}.")


@asynccontextmanager
async def on_port(
    page: ASGIApp, port: int, setting: str, *, only_local: bool = True, host: str = LOOPBACK
) -> AsyncIterator[str]:
    """Serve on an address of this machine, and give it. Raises Trouble, which names the setting.

    With `only_local`, requests by another name than this machine's are refused.
    """
    async with AsyncExitStack() as stack:
        try:
            address = await stack.enter_async_context(
                serving(
                    page, port, most_connections=MOST_CONNECTIONS, only_local=only_local, host=host
                )
            )
        except OSError as error:
            raise _not_served(host, port, setting, error) from error
        yield address


async def gauged(app: App) -> Gauged:
    """Return how the bridge is now, as far as the store can tell."""
    status = app.context.status
    told = Gauged(
        chats_answering=len(app.lanes),
        telegram_silence=status.polling.silent_seconds,
        token_left=status.agents.token_seconds_left,
        shards=sum(app.context.calls.sharing.holds(shard) for shard in ALL_SHARDS),
        allowed={
            name.replace(" ", "_"): (one.rate, one.burst)
            for name, one in status.pacer.learned().items()
        },
    )
    try:
        now = await status.read()
        async with app.store.reading() as tx:
            live = await stats.live(tx)
            wrong = await alarms.current(tx)
    except StoreTrouble:
        return told
    return replace(
        told,
        turns_waiting=sum(one.state is State.WAITING for one in live),
        updates_waiting=now.updates_waiting,
        alarms=[one.kind for one in wrong],
        processes={
            "working": sum(not one.lost for one in now.processes) or 1,
            "lost": sum(one.lost for one in now.processes),
        },
    )
