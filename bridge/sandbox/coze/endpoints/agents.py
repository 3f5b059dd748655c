"""Agents, the token's owner and workspaces."""

from bridge.sandbox.coze.endpoints.fields import required_text, whole_in_query
from bridge.sandbox.coze.http_handler import Answer, Call, Endpoint, Envelope
from bridge.sandbox.coze.resources.agents import agent_view, online_agent_view
from bridge.sandbox.coze.state import State


async def agent(state: State, call: Call) -> Answer:
    """Return an agent; the published version unless `is_published=false`."""
    bot_id = call.path["bot_id"]
    variables = list(state.variables.defined.get(bot_id, {}).values())
    if call.query.get("is_published") == "false" and bot_id in state.agents:
        return Envelope(agent_view(state.agents[bot_id], variables))
    return Envelope(agent_view(state.agent(bot_id, call.token), variables))


async def online_agent(state: State, call: Call) -> Answer:
    """Return a published agent, in the older form."""
    bot_id = required_text(call.query, "bot_id")
    return Envelope(online_agent_view(state.agent(bot_id, call.token)))


async def me(state: State, call: Call) -> Answer:
    """Return whose token this is; needs no permission."""
    return Envelope(
        {
            "user_id": "7379462189365190001",
            "user_name": "sandbox",
            "nick_name": "Sandbox",
            "avatar_url": "",
        }
    )


async def workspaces(state: State, call: Call) -> Answer:
    """Return the one workspace there is."""
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


ENDPOINTS = (
    Endpoint(("GET",), "/v1/bots/{bot_id}", agent, ("getMetadata",), studio=True),
    Endpoint(("GET",), "/v1/bot/get_online_info", online_agent, ("getMetadata",), studio=True),
    Endpoint(("GET",), "/v1/users/me", me),
    Endpoint(("GET",), "/v1/workspaces", workspaces, ("listWorkspace",)),
)
