"""`/v1/chat/completions`, which an agent has and no documentation mentions."""

import uuid
from collections.abc import Iterator, Mapping, Sequence

from starlette.responses import Response

from bridge.sandbox.coze_projects import strict
from bridge.sandbox.coze_projects.door import Call, Endpoint
from bridge.sandbox.coze_projects.endpoints.asking import check_run
from bridge.sandbox.coze_projects.endpoints.runs import waited
from bridge.sandbox.coze_projects.playing.completion_chunks import STATUSES, ChunkWriter, error_of
from bridge.sandbox.coze_projects.playing.messages import said
from bridge.sandbox.coze_projects.playing.writers import Unwritten
from bridge.sandbox.coze_projects.runs import FileBlock, Run

_LINKS = ("image_url", "video_url", "audio_url", "file_url")
ZERO = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


async def completions(call: Call) -> Response:
    """Answer the last message of a user."""
    state, data = call.state, call.data()
    body: Mapping[str, object] = data if isinstance(data, dict) else {}
    session = body.get("session_id")
    if not isinstance(session, str) or not session:
        return _refused(call, "session_id is required", "400001")
    content = _last_of_user(body)
    if content is None:
        return _refused(call, "no user message found", "400002")
    texts, files = _parts(content)
    run = Run(
        run_id=str(uuid.uuid4()),
        session_id=session,
        query_msg_id="",
        path=call.path,
        text="\n".join(texts),
        files=tuple(files),
        log_id=call.log_id,
        cancellable=False,
    )
    state.complain(call.path, strict.of_headers(call.http.headers))
    state.complain(call.path, strict.of_urls(run.urls))
    check_run(call, run)
    model, created = str(body.get("model") or "default"), int(state.clock())
    failure = state.faults.run()
    if body.get("stream"):
        writer = ChunkWriter(run, state.quirks, model, created)
        state.begin(run, writer, call.base, failure)
        return call.stream(run)
    state.begin(run, Unwritten(), call.base, failure)
    if not await waited(call, run):
        error = {"message": "timeout", "type": "timeout_error", "code": "408000"}
        return call.json({"error": error}, 408)
    return _whole(call, run, model, created)


def _refused(call: Call, message: str, code: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", "code": code}
    return call.json({"error": error}, 400)


def _whole(call: Call, run: Run, model: str, created: int) -> Response:
    ending = run.ending
    assert ending is not None  # noqa: S101 - its end was waited for
    if ending.status != "completed":
        return call.json({"error": error_of(ending)}, STATUSES.get(ending.status, 500))
    choices = [
        {
            "index": index,
            "message": message.as_choice(),
            "finish_reason": "tool_calls" if message.calls else "stop",
        }
        for index, message in enumerate(said(run))
    ]
    return call.json(
        {
            "id": f"chatcmpl-{run.run_id}",
            "object": "chat.completion",
            "created": created,
            "model": model,
            "choices": choices,
            "usage": ZERO,
        }
    )


def _last_of_user(body: Mapping[str, object]) -> object:
    messages = body.get("messages")
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            content: object = message.get("content") or ""
            return content
    return None


def _parts(content: object) -> tuple[list[str], list[FileBlock]]:
    if isinstance(content, str):
        return [content] if content else [], []
    items = content if isinstance(content, list) else []
    parts = [part for part in items if isinstance(part, dict)]
    texts = [str(part["text"]) for part in parts if part.get("type") == "text" and "text" in part]
    return texts, list(_files(parts))


def _files(parts: Sequence[Mapping[str, object]]) -> Iterator[FileBlock]:
    for part in parts:
        kind = str(part.get("type"))
        link = part.get(kind) if kind in _LINKS else None
        if isinstance(link, dict) and link.get("url"):
            yield FileBlock(str(link["url"]), str(link.get("file_name") or ""))


ENDPOINTS = (Endpoint("POST", "/v1/chat/completions", completions, ("agent",)),)
