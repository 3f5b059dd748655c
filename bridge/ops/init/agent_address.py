"""Read which agent is meant from the address of its page, as it is pasted from a browser. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from bridge.coze.kinds.agent import Kind
from bridge.coze.regions import CN, COM

_ID = re.compile(r"[0-9]{5,30}")
_CLOUDS = {
    "coze.com": COM,
    "www.coze.com": COM,
    "code.coze.com": COM,
    "coze.cn": CN,
    "www.coze.cn": CN,
    "code.coze.cn": CN,
}


class NotUnderstood(ValueError):
    """No agent can be read from it; `key` names the sentence that says why."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True)
class AgentPlace:
    """Which agent, and where."""

    kind: Kind
    address: str
    """The API's base; of a project, where it is deployed."""
    bot_id: str = ""
    workflow_id: str = ""
    app_id: str = ""

    @property
    def incomplete(self) -> bool:
        """Whether it is a flow of which nobody said yet for which agent or app it runs."""
        return self.kind is Kind.CHATFLOW and not (self.bot_id or self.app_id)


def read_agent_address(text: str, base: str = COM) -> AgentPlace:
    """Return the agent of a page; of a number alone, the agent of that id at `base`.

    Raises NotUnderstood.
    """
    given = text.strip().strip("<>\"'")
    if _ID.fullmatch(given):
        return AgentPlace(Kind.CHAT, base, bot_id=given)
    if "://" not in given:
        given = f"https://{given}"
    try:
        parts = urlsplit(given)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        raise NotUnderstood("init.agent_unread") from None
    if parts.scheme not in ("http", "https") or ("." not in host and port is None):
        raise NotUnderstood("init.agent_unread")
    if host.endswith(".coze.site"):
        return AgentPlace(Kind.PROJECT, f"https://{host}")
    if host in ("code.coze.cn", "code.coze.com"):
        raise NotUnderstood("init.agent_not_deployed")
    api = _CLOUDS.get(host) or f"{parts.scheme}://{host}{f':{port}' if port else ''}"
    return _in_page(parts.path, parse_qs(parts.query), api)


def _in_page(path: str, query: dict[str, list[str]], api: str) -> AgentPlace:
    """Return what the path and the query of a page name."""
    flow = _after(path, "workflow") or _first(query, "workflow_id")
    app = _after(path, "project-ide") or _first(query, "app_id")
    bot = _after(path, "bot") or _after(path, "agent") or _first(query, "bot_id")
    if flow:
        return AgentPlace(Kind.CHATFLOW, api, bot_id=bot, workflow_id=flow, app_id=app)
    if bot:
        return AgentPlace(Kind.CHAT, api, bot_id=bot)
    raise NotUnderstood("init.agent_app" if app else "init.agent_unread")


def _after(path: str, name: str) -> str:
    found = re.search(rf"/{name}/([0-9]{{5,30}})(?:/|$)", path)
    return found[1] if found else ""


def _first(query: dict[str, list[str]], name: str) -> str:
    found = query.get(name, [""])[0]
    return found if _ID.fullmatch(found) else ""
