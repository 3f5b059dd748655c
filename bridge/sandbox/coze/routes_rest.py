"""Agents, the token's owner, workspaces and files."""

from collections.abc import AsyncGenerator

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from bridge.sandbox.coze.agents import agent_view, online_agent_view
from bridge.sandbox.coze.door import Answer, Call, Endpoint, Envelope
from bridge.sandbox.coze.fields import required_text, whole_in_query
from bridge.sandbox.coze.refusals import Refusal
from bridge.sandbox.coze.state import State, Upload

_DOCUMENTS = "doc docx xls xlsx ppt pptx pdf numbers csv"
_SOURCES = "cpp py java c"
_IMAGES = "jpg jpg2 jpeg png gif webp heic heif bmp pcd tiff"
_SOUNDS = "wav mp3 flac m4a aac ogg wma midi"
_FILMS = "mp4 avi mov 3gp flv webm wmv rmvb m4v mkv"
_ARCHIVES = "rar zip 7z gz bz2"
FILE_TYPES = frozenset(
    " ".join((_DOCUMENTS, _SOURCES, _IMAGES, _SOUNDS, _FILMS, _ARCHIVES)).split(" ")
)


async def agent(state: State, call: Call) -> Answer:
    """An agent; the published version unless `is_published=false`."""
    bot_id = call.path["bot_id"]
    if call.query.get("is_published") == "false" and bot_id in state.agents:
        return Envelope(agent_view(state.agents[bot_id]))
    return Envelope(agent_view(state.agent(bot_id, call.token)))


async def online_agent(state: State, call: Call) -> Answer:
    """A published agent, in the older form."""
    bot_id = required_text(call.query, "bot_id")
    return Envelope(online_agent_view(state.agent(bot_id, call.token)))


async def me(state: State, call: Call) -> Answer:
    """Whose token this is; needs no permission."""
    return Envelope(
        {
            "user_id": "7379462189365190001",
            "user_name": "sandbox",
            "nick_name": "Sandbox",
            "avatar_url": "",
        }
    )


async def workspaces(state: State, call: Call) -> Answer:
    """The one workspace there is."""
    page = whole_in_query(call.query, "page_num", 1, 1_000_000)
    whole_in_query(call.query, "page_size", 20, 50)
    one = {
        "id": "7379462189365190002",
        "name": "Sandbox",
        "icon_url": "",
        "role_type": "owner",
        "workspace_type": "personal",
        "enterprise_id": "",
    }
    return Envelope({"workspaces": [one] if page == 1 else [], "total_count": 1})


async def _one_chunk(raw: bytes) -> AsyncGenerator[bytes, None]:
    yield raw


async def upload(state: State, call: Call) -> Answer:
    """Take one file in the multipart field `file`; raises Refusal 4300-4304."""
    try:
        parser = MultiPartParser(call.http.headers, _one_chunk(call.raw))
        form = await parser.parse()
    except (MultiPartException, KeyError):
        raise Refusal(4304, "the file is invalid") from None
    try:
        found = [part for part in form.getlist("file") if isinstance(part, UploadFile)]
        if not found:
            raise Refusal(4300, "the file is empty")
        if len(found) > 1:
            raise Refusal(4301, "more than one file was uploaded")
        kept = _checked(state, found[0].filename or "", found[0].size or 0)
    finally:
        await form.close()
    state.uploads[kept.id] = kept
    return Envelope(_file_view(kept))


def _checked(state: State, name: str, size: int) -> Upload:
    if size == 0:
        raise Refusal(4300, "the file is empty")
    if size > state.largest_file:
        raise Refusal(4302, "the file is too large")
    if name.rpartition(".")[2].lower() not in FILE_TYPES or "." not in name:
        raise Refusal(4303, "the file type is not supported")
    return Upload(state.ids.take(), name, size, state.now())


async def file(state: State, call: Call) -> Answer:
    """What is known of an uploaded file."""
    file_id = required_text(call.query, "file_id")
    if file_id not in state.uploads:
        raise no_file(file_id)
    return Envelope(_file_view(state.uploads[file_id]))


def no_file(file_id: str) -> Refusal:
    """4200: an unknown file."""
    return Refusal(4200, f"Requested resource file_id={file_id} does not exist")


def _file_view(upload: Upload) -> dict[str, object]:
    return {
        "id": upload.id,
        "bytes": upload.bytes,
        "created_at": upload.created_at,
        "file_name": upload.file_name,
    }


ENDPOINTS = (
    Endpoint(("GET",), "/v1/bots/{bot_id}", agent, ("getMetadata",), studio=True),
    Endpoint(("GET",), "/v1/bot/get_online_info", online_agent, ("getMetadata",), studio=True),
    Endpoint(("GET",), "/v1/users/me", me),
    Endpoint(("GET",), "/v1/workspaces", workspaces, ("listWorkspace",)),
    Endpoint(("POST",), "/v1/files/upload", upload, ("uploadFile",), studio=True, json_body=False),
    Endpoint(("GET", "POST"), "/v1/files/retrieve", file, ("retrieveFile",)),
)
