"""Tell a token from a key file of an OAuth app, and say what either sets. Pure but for reading the file."""

import json
from dataclasses import dataclass
from pathlib import Path

from bridge.coze.kinds.agent import Kind
from bridge.ops.init.agent_address import AgentPlace

AGENT_TOKEN = "AGENT_TOKEN"  # the name of a variable
"""The variable that holds the token of an agent which is declared in `bridge.toml`."""
CONFIG = "bridge.toml"


class NoCredential(ValueError):
    """It is neither a token nor a key file; `key` names the sentence that says why."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True)
class Credential:
    """A token, or the key of an OAuth app."""

    token: str = ""
    key_file: str = ""
    """The path of a PEM file."""
    client_id: str = ""
    public_key_id: str = ""

    def __repr__(self) -> str:
        return "Credential()"

    @property
    def incomplete(self) -> bool:
        """Whether it is a key of which the app is not known yet."""
        return bool(self.key_file) and not (self.client_id and self.public_key_id)


def read_credential(text: str) -> Credential:
    """Return what was given: a path of a file that is there is a key, anything else a token.

    Raises NoCredential.
    """
    given = text.strip().strip("\"'")
    path = Path(given).expanduser()
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        if not given or any(one.isspace() for one in given) or "/" in given or "\\" in given:
            raise NoCredential("init.no_credential")
        return Credential(token=given)
    try:
        content = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise NoCredential("init.key_unread") from None
    if "PUBLIC KEY-----" in content:
        raise NoCredential("init.key_public")
    if content.lstrip().startswith("{"):
        return _from_json(content, path)
    if "PRIVATE KEY-----" not in content:
        raise NoCredential("init.key_unread")
    return Credential(key_file=str(path))


def _from_json(content: str, path: Path) -> Credential:
    """Return the key of the file that Coze offers when an OAuth app is made; it names the app, too."""
    try:
        found = json.loads(content)
    except json.JSONDecodeError:
        raise NoCredential("init.key_unread") from None
    named = [found.get(name) for name in ("client_id", "public_key_id", "private_key")]
    if not all(isinstance(one, str) and one for one in named):
        raise NoCredential("init.key_unread")
    return Credential("", str(path), str(named[0]), str(named[1]))


def pem_of(path: Path) -> str | None:
    """Return the key that a JSON file holds; None where the file is the key itself."""
    content = path.read_text("utf-8")
    return str(json.loads(content)["private_key"]) if content.lstrip().startswith("{") else None


def variables_of(place: AgentPlace, way_in: Credential) -> dict[str, str]:
    """Return the variables that declare an agent; other kinds than `chat` are declared in a file."""
    if place.kind is not Kind.CHAT:
        token = {AGENT_TOKEN: way_in.token} if way_in.token else {}
        return {"BRIDGE_CONFIG": CONFIG, **token}
    found = {"COZE_API_BASE": place.address, "COZE_BOT_ID": place.bot_id}
    if way_in.token:
        return found | {"COZE_API_TOKEN": way_in.token}
    return found | {
        "COZE_JWT_OAUTH_CLIENT_ID": way_in.client_id,
        "COZE_JWT_OAUTH_PUBLIC_KEY_ID": way_in.public_key_id,
        "COZE_JWT_OAUTH_PRIVATE_KEY_FILE_PATH": way_in.key_file,
    }


def table_of(place: AgentPlace, way_in: Credential) -> str:
    """Return the file that declares an agent; empty for one that the environment declares."""
    if place.kind is Kind.CHAT:
        return ""
    keys = {
        "kind": place.kind.value,
        "address": place.address,
        "workflow_id": place.workflow_id,
        "app_id": place.app_id,
        "bot_id": place.bot_id if place.kind is Kind.CHATFLOW and not place.app_id else "",
        "token_env": AGENT_TOKEN if way_in.token else "",
        "jwt_client_id": way_in.client_id,
        "jwt_public_key_id": way_in.public_key_id,
        "jwt_private_key_file": way_in.key_file,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in keys.items() if value]
    return "\n".join(["[agents.main]", *lines, "default = true", ""])
