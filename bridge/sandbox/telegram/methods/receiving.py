"""The methods by which a bot receives: updates, the webhook's address, button presses, files."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from bridge.sandbox.telegram.calls import Described, MethodCall
from bridge.sandbox.telegram.content.text import check_size
from bridge.sandbox.telegram.params import Broken, Params
from bridge.sandbox.telegram.refusals import bad_request, conflict, too_many_requests
from bridge.sandbox.telegram.updates import WEBHOOK_CAME, Ask
from bridge.sandbox.telegram.world import Json, loop_time

MOST_ANSWER_CHARACTERS = 200
MOST_DOWNLOAD_BYTES = 20 << 20
LONGEST_POLL = 50
WEBHOOK_PORTS = (80, 88, 443, 8443)
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


async def get_updates(call: MethodCall) -> object:
    """Return the updates from the offset on, waiting if need be; those before are confirmed."""
    _remember_allowed(call)
    params = call.params
    ask = Ask(
        offset=params.integer("offset", low=-(2**31), high=2**31 - 1),
        limit=params.integer("limit", default=100, low=1, high=100),
        timeout=params.integer("timeout", low=0, high=LONGEST_POLL),
    )
    return await call.updates.fetch(ask, call.hung_up)


def _remember_allowed(call: MethodCall) -> None:
    """Kinds stay asked for until another list comes; an empty one means the usual kinds."""
    try:
        sent = call.params.decoded("allowed_updates")
    except Broken:
        return
    if isinstance(sent, list):
        kinds = frozenset(kind for kind in sent if isinstance(kind, str))
        call.updates.allowed = kinds or None


async def set_webhook(call: MethodCall) -> object:
    """Remember the address to push to; while there is one, nobody can poll."""
    url = call.params.text("url")
    if not url:
        return await delete_webhook(call)
    _check_webhook(url, call.params)
    wait = call.updates.webhook_set_at + 1.0 - loop_time()
    if wait > 0:
        raise too_many_requests(wait)
    call.updates.webhook_set_at = loop_time()
    _remember_allowed(call)
    _drop_if_asked(call)
    call.updates.max_connections = call.params.integer("max_connections", 40, 1, 100)
    if call.updates.webhook_url == url:
        return Described(True, "Webhook is already set")
    call.updates.webhook_url = url
    call.updates.end_poll(conflict(WEBHOOK_CAME))
    return Described(True, "Webhook was set")


async def delete_webhook(call: MethodCall) -> object:
    """Go back to polling."""
    _drop_if_asked(call)
    was, call.updates.webhook_url = call.updates.webhook_url, ""
    return Described(True, "Webhook was deleted" if was else "Webhook is already deleted")


async def get_webhook_info(call: MethodCall) -> object:
    """Return the address, empty while the bot polls, and how many updates wait."""
    updates = call.updates
    shape: Json = {
        "url": updates.webhook_url,
        "has_custom_certificate": False,
        "pending_update_count": updates.pending,
    }
    if updates.webhook_url:
        shape["max_connections"] = updates.max_connections
    if updates.allowed is not None:
        shape["allowed_updates"] = sorted(updates.allowed)
    return shape


def _drop_if_asked(call: MethodCall) -> None:
    if call.params.boolean("drop_pending_updates"):
        call.updates.clear()
        call.world.feed.wake()


def _check_webhook(url: str, params: Params) -> None:
    try:
        address = urlsplit(url)
        port = address.port or 443
    except ValueError:
        raise bad_request("bad webhook: invalid webhook URL specified") from None
    if address.scheme != "https" or not address.hostname:
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if port not in WEBHOOK_PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")
    secret = params.text("secret_token")
    if len(secret) > 256:
        raise bad_request("secret token is too long")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
        raise bad_request("secret token contains unallowed characters")


async def answer_callback_query(call: MethodCall) -> object:
    """Answer a pressed button, once and in time."""
    world = call.world
    text = call.params.text("text")
    if len(text) > MOST_ANSWER_CHARACTERS:
        raise bad_request("MESSAGE_TOO_LONG")
    check_size(text)
    query = world.queries.pop(call.params.text("callback_query_id"), None)
    if query is None or query.expires <= world.clock():
        raise bad_request(TOO_OLD)
    world.answers[query.query_id] = text
    shape: Json = {
        "query_id": query.query_id,
        "person_id": query.person_id,
        "text": text,
        "show_alert": call.params.boolean("show_alert"),
    }
    world.feed.tell("answer", shape)
    return True


async def get_file(call: MethodCall) -> object:
    """Return the path to download a file from; at most 20 MB."""
    stored = call.world.files.get(call.params.text("file_id"))
    if stored is None:
        raise bad_request("invalid file_id")
    if stored.size > MOST_DOWNLOAD_BYTES:
        raise bad_request("file is too big")
    if call.faults.take_withheld(stored.file_id):
        raise bad_request("wrong file_id or the file is temporarily unavailable")
    call.world.linked[stored.path] = stored
    return {
        "file_id": stored.file_id,
        "file_unique_id": stored.file_unique_id,
        "file_size": stored.size,
        "file_path": stored.path,
    }
