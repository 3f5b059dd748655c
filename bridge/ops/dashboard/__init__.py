"""The dashboard (on 127.0.0.1 unless told): how the bridge is, live, and who may use it.

Everything that it shows was written by strangers; it is escaped, and the page's policy lets nothing
in from elsewhere.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from bridge.app import App
from bridge.ops.dashboard.auth import Authenticator
from bridge.ops.dashboard.page import Dashboard
from bridge.ops.http import on_port
from bridge.serving import LOOPBACK
from bridge.settings import Settings

DEFAULT_PORT = 8088


@asynccontextmanager
async def dashboard(app: App, settings: Settings, token: str) -> AsyncIterator[str | None]:
    """Serve it while the context is open, and give its address; None when the port is 0.

    Raises Trouble for a taken port.
    """
    port = settings.bridge_dashboard_port
    if not port:
        yield None
        return
    names, host = settings.bridge_dashboard_names, settings.bridge_dashboard_host
    page = Dashboard(app, Authenticator(token, names))
    local = host == LOOPBACK and not names
    try:
        async with on_port(
            page.asgi, port, "BRIDGE_DASHBOARD_PORT", only_local=local, host=host
        ) as address:
            yield f"http://{names[0]}:{port}" if names else address
    finally:
        await page.close()


def link(address: str, token: str) -> str:
    """Return the address that opens it."""
    return f"{address}/?token={quote(token, safe='')}"
