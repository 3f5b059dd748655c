"""The file that a call of the bot names: uploaded with it, known by its id, or somewhere on the web."""

from __future__ import annotations

import re

from bridge.sandbox.telegram.calls import MethodCall
from bridge.sandbox.telegram.content.links import WrongLink, checked_link
from bridge.sandbox.telegram.params import Upload
from bridge.sandbox.telegram.refusals import Refused, bad_request
from bridge.sandbox.telegram.world import Attachment

_ATTACHED = "attach://"
_FILE_ID = re.compile(r"[A-Z]{2}ACAgIAAxkB[0-9a-f]{48}", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9_=-]+")
_PAGE = re.compile(r"/(?:[^./?#]*|[^/?#]*\.(?:html?|php))(?:[?#]|\Z)")


def file_of(call: MethodCall, field: str, said: str) -> Upload | Attachment | None:
    """Return the file that `said` names, else the one uploaded as `field`; None without one.

    Raises Refused for an id that is none of this bot's and for every address: nothing is fetched.
    """
    if said.startswith(_ATTACHED):
        return _checked(call.params.files.get(said.removeprefix(_ATTACHED)))
    if not said:
        return _checked(call.params.files.get(field))
    known = call.world.attached.get(said)
    if known is None:
        raise _unknown(said)
    return known


def _checked(upload: Upload | None) -> Upload | None:
    if upload is not None and not upload.content:
        raise bad_request("File must be non-empty")
    return upload


def _unknown(said: str) -> Refused:
    """Return why the server takes neither an address nor an id."""
    if "." in said:
        try:
            address = checked_link(said)
        except WrongLink as problem:
            return bad_request(f"Invalid file HTTP URL specified: {problem}")
        page = _PAGE.search(address.partition("://")[2])
        wrong_type, failed = "wrong type of the web page content", "failed to get HTTP URL content"
        return bad_request(wrong_type if page else failed)
    if _FILE_ID.fullmatch(said):
        return bad_request("wrong file identifier/HTTP URL specified")
    wrong = "can't unserialize it. Wrong last symbol"
    if not _BASE64.fullmatch(said):
        wrong = "Wrong character in the string"
    elif len(said) % 4 == 1:
        wrong = "Wrong string length"
    return bad_request(f"Wrong remote file identifier specified: {wrong}")
