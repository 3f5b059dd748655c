"""`/healthz` on 127.0.0.1: red when the bridge is deaf or cannot write, not only when it is dead."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bridge.app import App
from bridge.errors import Trouble
from bridge.ops.logs import redacted
from bridge.sandbox.serving import serving
from bridge.settings import Settings


@asynccontextmanager
async def pages(app: App, settings: Settings) -> AsyncIterator[None]:
    """Serve them while the context is open; port 0 serves nothing. Raises Trouble for a taken port."""
    port = settings.bridge_health_port
    if not port:
        yield
        return

    async def health(_: Request) -> JSONResponse:
        faults = [redacted(fault) for fault in await app.faults()]
        return JSONResponse({"ok": not faults, "faults": faults}, 503 if faults else 200)

    page = Starlette(routes=[Route("/healthz", health)])
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(serving(page, port))
        except OSError as error:
            cure = "Choose another BRIDGE_HEALTH_PORT."
            what = f"port {port} cannot be used ({error.strerror})"
            raise Trouble("Serving /healthz", what, cure=cure) from error
        yield
