"""What a client does wrong although a project would let it pass."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from bridge.sandbox.coze_projects.runs import Run

Rule = Literal[
    "content type",
    "user agent",
    "internal header",
    "not JSON",
    "wrong shape",
    "project id",
    "session id",
    "busy session",
    "retry",
    "run id",
    "telegram url",
    "not http",
    "ignored",
]
_NEVER = ("x-run-mode", "x-tt-env", "x-use-ppe", "x-coze-user-id", "x-coze-worktree-name")
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Complaint:
    """One thing that a client should not have done."""

    rule: Rule
    what: str
    path: str


def of_headers(headers: Headers) -> Iterator[tuple[Rule, str]]:
    """Find what is wrong with the headers of a POST with a body."""
    kind = headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "application/json":
        yield "content type", kind or "missing"
    if not headers.get("user-agent"):
        yield "user agent", "missing"
    for name in headers:
        if name in _NEVER or name.startswith("rpc-persist-"):
            yield "internal header", name


def of_text(body: str) -> Iterator[tuple[Rule, str]]:
    """Find what must not be in a body, wherever it stands."""
    if "api.telegram.org" in body.lower():
        yield "telegram url", "such an address holds the bot's token"


def of_urls(urls: list[str]) -> Iterator[tuple[Rule, str]]:
    """Find addresses of files that no server can fetch."""
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            yield "not http", url[:60]


def of_ids(data: Mapping[str, object], project_id: str) -> Iterator[tuple[Rule, str]]:
    """Find what is wrong with the ids of an agent's request."""
    number = data.get("project_id")
    if isinstance(number, float):
        yield "project id", f"a float: {number!r}"
    elif isinstance(number, int) and str(number) != project_id:
        rounded = number == int(float(project_id))
        yield "project id", "rounded" if rounded else "of another project"
    elif number is not None and not isinstance(number, int | str):
        yield "project id", f"a {type(number).__name__}"
    session = data.get("session_id")
    if not isinstance(session, str) or not _SESSION.fullmatch(session):
        yield "session id", "missing" if not session else "longer than 64, or of odd characters"
    if data.get("type", "query") != "query":
        yield "ignored", f"the type {data['type']!r}"


def of_blocks(data: Mapping[str, object]) -> Iterator[tuple[Rule, str]]:
    """Find the blocks of a prompt that are dropped silently."""
    content = data.get("content")
    query = content.get("query") if isinstance(content, dict) else None
    prompt = query.get("prompt") if isinstance(query, dict) else None
    blocks = [block for block in prompt if isinstance(block, dict)] if prompt else []
    for block in blocks:
        if block.get("type", "text") not in ("text", "upload_file"):
            yield "ignored", f"a block of the type {block['type']!r}"
    if not blocks:
        yield "wrong shape", "no prompt"


def of_runs(run: Run, others: list[Run]) -> Iterator[tuple[Rule, str]]:
    """Find what does not go together with the runs before this one."""
    for other in others:
        if other.run_id == run.run_id:
            yield "run id", f"{run.run_id} was taken"
        if not run.remembers or other.session_id != run.session_id:
            continue
        if other.listening and not other.ended:
            yield "busy session", f"{other.run_id} still runs"
        if run.query_msg_id and other.query_msg_id == run.query_msg_id and other.heard_start:
            yield "retry", f"{run.query_msg_id} had its message_start"
