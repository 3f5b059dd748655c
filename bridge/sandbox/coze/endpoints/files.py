"""Files: uploaded once, then named by their id in messages; nobody can download one again."""

from bridge.sandbox.coze.endpoints.fields import required_text
from bridge.sandbox.coze.endpoints.forms import Part, invalid_file, one_file
from bridge.sandbox.coze.http_handler import Answer, Call, Endpoint, Envelope
from bridge.sandbox.coze.refusals import Refusal
from bridge.sandbox.coze.resources.file_types import is_image
from bridge.sandbox.coze.resources.uploads import FILE_TYPES, IMAGE_TYPES, Upload, extension
from bridge.sandbox.coze.state import State


async def upload(state: State, call: Call) -> Answer:
    """Take one file in the multipart field `file`; raises Refusal 4300-4304."""
    part = await one_file(call.form, state.largest_file)
    _check_type(part)
    kept = Upload(
        id=state.ids.take(),
        name=part.name,
        bytes=part.size,
        sha256=part.sha256,
        content_type=part.content_type,
        account=call.token.account,
        created_at=state.now(),
    )
    state.uploads[kept.id] = kept
    return Envelope(_file_view(kept))


def _check_type(part: Part) -> None:
    ending = extension(part.name)
    if ending not in FILE_TYPES:
        raise Refusal(4303, "the file type is not supported")
    if ending in IMAGE_TYPES and not is_image(part.head):
        raise invalid_file()


async def file(state: State, call: Call) -> Answer:
    """Return what is known of an uploaded file."""
    file_id = required_text(call.query, "file_id")
    found = state.shelf(call.token).find(file_id)
    if found is None:
        raise no_file(file_id)
    return Envelope(_file_view(found))


def no_file(file_id: str) -> Refusal:
    """Return Refusal 4200 for an unknown file, or another account's."""
    return Refusal(4200, f"Requested resource file_id={file_id} does not exist")


def _file_view(upload: Upload) -> dict[str, object]:
    return {
        "id": upload.id,
        "bytes": upload.bytes,
        "created_at": upload.created_at,
        "file_name": upload.name,
    }


ENDPOINTS = (
    Endpoint(("POST",), "/v1/files/upload", upload, ("uploadFile",), studio=True, form=True),
    Endpoint(("GET", "POST"), "/v1/files/retrieve", file, ("retrieveFile",)),
)
