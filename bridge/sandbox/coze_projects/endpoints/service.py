"""What every project has beside its runs: `/health`, `/cancel`, `/graph_parameter`."""

from starlette.responses import Response

from bridge.sandbox.coze_projects.door import Call, Endpoint, page

QUESTION_SCHEMA: dict[str, object] = {
    "type": "object",
    "title": "GraphInput",
    "properties": {
        "question": {"type": "string", "title": "Question"},
        "file": {
            "type": "object",
            "title": "File",
            "properties": {"url": {"type": "string"}, "file_type": {"type": "string"}},
        },
    },
    "required": ["question"],
}
ANSWER_SCHEMA: dict[str, object] = {
    "type": "object",
    "title": "GraphOutput",
    "properties": {"answer": {"type": "string", "title": "Answer"}},
    "required": ["answer"],
}


async def health(call: Call) -> Response:
    """Say that the service runs."""
    if not call.state.quirks.healthy:
        return call.json({"detail": "Service is not ready"}, 503)
    return call.json({"status": "ok", "message": "Service is running"})


async def cancel(call: Call) -> Response:
    """Cancel a run of this process; the answer is HTTP 200 whatever comes of it."""
    run_id = str(call.http.path_params["run_id"])
    state = call.state
    if state.quirks.cancel == "404":
        return page(404, "Not Found")
    performance = state.performances.get(run_id)
    if performance is None or state.quirks.cancel == "not_found":
        status, message = "not_found", "未找到正在执行的任务"
    elif performance.run.ended:
        status, message = "already_completed", "任务已完成"
    else:
        performance.cancel()
        status, message = "success", "取消信号已发送"
    return call.json({"status": status, "run_id": run_id, "message": message})


async def graph_parameter(call: Call) -> Response:
    """Return the names and types of inputs and outputs; an agent has none."""
    workflow = call.state.kind == "workflow"
    content: dict[str, object] = {
        "input_schema": QUESTION_SCHEMA if workflow else {},
        "output_schema": ANSWER_SCHEMA if workflow else {},
    }
    if call.state.quirks.parameter_code:
        content |= {"code": 0, "msg": ""}
    return call.json(content)


ENDPOINTS = (
    Endpoint("GET", "/health", health),
    Endpoint("GET", "/graph_parameter", graph_parameter),
    Endpoint("POST", "/cancel/{run_id}", cancel),
)
