"""`/stream_run` and `/run`."""

from starlette.responses import Response

from bridge.sandbox.coze_projects.door import Call, Endpoint
from bridge.sandbox.coze_projects.endpoints.asking import stream_agent


async def stream_run(call: Call) -> Response:
    """Start a run and stream it."""
    return await stream_agent(call)


ENDPOINTS = (Endpoint("POST", "/stream_run", stream_run),)
