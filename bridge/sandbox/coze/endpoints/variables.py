"""User variables: read and write what a bot or an application remembers of one of its users."""

from bridge.sandbox.coze.accounts import Token
from bridge.sandbox.coze.endpoints.fields import Fields, objects, optional_text, required_text
from bridge.sandbox.coze.http_handler import Answer, Call, Endpoint, Envelope
from bridge.sandbox.coze.refusals import Refusal, bad
from bridge.sandbox.coze.resources.variables import CONNECTORS, Place
from bridge.sandbox.coze.state import State


def _place(state: State, fields: Fields, token: Token) -> Place:
    """Return whose variables are meant; with both ids they are the bot's. Raises Refusal 4000 or 4200."""
    bot_id, app_id = optional_text(fields, "bot_id"), optional_text(fields, "app_id")
    if not bot_id and not app_id:
        raise bad("one of bot_id and app_id is required")
    user_id = required_text(fields, "connector_uid")
    connector_id = optional_text(fields, "connector_id") or "1024"
    if connector_id not in CONNECTORS:
        raise bad(f"connector_id must be one of {', '.join(CONNECTORS)}")
    if bot_id:
        state.agent(bot_id, token)
    app = state.library.apps.get(app_id) if app_id else None
    if app_id and (app is None or not app.published):
        raise Refusal(4200, f"Requested resource app_id={app_id} does not exist")
    return (token.account, token.session_name, user_id, connector_id, bot_id or app_id or "")


async def read(state: State, call: Call) -> Answer:
    """Return a user's variables, or those of some keywords; unknown ones are missing without a word."""
    place = _place(state, call.query, call.token)
    keywords = [one for one in call.query.get("keywords", "").split(",") if one]
    items = [
        {
            "keyword": keyword,
            "value": kept.value,
            "create_time": kept.create_time,
            "update_time": kept.update_time,
        }
        for keyword, kept in state.variables.read(place, keywords).items()
    ]
    return Envelope({"items": items})


async def write(state: State, call: Call) -> Answer:
    """Write some of a user's variables: all of them, or none when one is refused."""
    place = _place(state, call.body, call.token)
    pairs = [_pair(item) for item in objects(call.body, "data")]
    if not pairs:
        raise bad("data is required")
    known = {one.keyword for one in state.variables.enabled(place[-1])}
    unknown = [keyword for keyword, _ in pairs if keyword not in known]
    if unknown and state.quirks.unknown_variable == "refused":
        raise bad(f"variable {unknown[0]} does not exist or is not enabled")
    state.variables.write(place, [pair for pair in pairs if pair[0] in known])
    return Envelope()


def _pair(item: Fields) -> tuple[str, str]:
    value = optional_text(item, "value")
    if value is None:
        raise bad("value is required")
    return required_text(item, "keyword"), value


ENDPOINTS = (
    Endpoint(("GET",), "/v1/variables", read, ("readVariable",)),
    Endpoint(("PUT",), "/v1/variables", write, ("updateVariable",)),
)
