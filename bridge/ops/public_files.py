"""People's files on 127.0.0.1, for a web server in front that the world reaches: see docs/agents.md."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from bridge.app import App
from bridge.errors import FileGone, TelegramUnreachable
from bridge.ops.http import on_port
from bridge.settings import Settings
from bridge.telegram.files.public import PublicFiles

log = structlog.get_logger(__name__)
_HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
}


@asynccontextmanager
async def public_files(app: App, settings: Settings) -> AsyncIterator[None]:
    """Serve them while the context is open, where the settings name an address. Raises Trouble."""
    if app.public_files is None:
        yield
        return
    page = Starlette(routes=[Route("/{signed}/{name}", _file(app.public_files), methods=["GET"])])
    async with on_port(page, settings.bridge_public_port, "BRIDGE_PUBLIC_PORT", only_local=False):
        yield


def _file(files: PublicFiles) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers for a file: with its content, its size or a part of it, or that there is none."""

    async def answer(request: Request) -> Response:
        asked = files.read(request.path_params["signed"], request.path_params["name"])
        if asked is None:
            return PlainTextResponse("Not found.", 404, _HEADERS)
        stack = AsyncExitStack()
        try:
            path = await stack.enter_async_context(files.downloads.opened(asked))
        except FileGone as trouble:
            log.info("public file not served", why=trouble.what)
            return PlainTextResponse("Not found.", 404, _HEADERS)
        except TelegramUnreachable as trouble:
            log.warning("public file not served", trouble=str(trouble))
            return PlainTextResponse("Try again later.", 503, _HEADERS)
        close = BackgroundTask(stack.aclose)
        return FileResponse(path, headers=_HEADERS, filename=asked.name,
                            content_disposition_type="inline", background=close)  # fmt: skip

    return answer
