"""The agents of `bridge.toml`: one table each, whose faults are told with the table's name."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from bridge.coze.kinds.agent import Kind
from bridge.coze.regions import deployment

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_VARIABLE = re.compile(r"[A-Za-z_]{1,64}")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
FIXED = "text:"
"""What begins a fact that is the same for everybody."""


class Fact(StrEnum):
    """What an agent may be told of whom it serves."""

    FIRST_NAME = "first_name"
    LANGUAGE = "language"
    CHAT_TITLE = "chat_title"
    IS_GROUP = "is_group"
    TELEGRAM_ID = "telegram_id"
    START_PAYLOAD = "start_payload"


def _digits(text: str) -> str:
    if not re.fullmatch(r"\d{1,30}", text):
        raise ValueError("must be the number from the web address, in quotes")
    return text


def _fact(word: str) -> str:
    if word not in set(Fact) and not word.startswith(FIXED):
        names = ", ".join(sorted(Fact))
        raise ValueError(f'must name one of {names}, or "{FIXED}…"')
    return word


def _variables(found: dict[str, str]) -> dict[str, str]:
    for name in found:
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"has the name {name!r}: Coze takes letters and underscores only")
    return found


def _parameters(found: dict[str, str]) -> dict[str, str]:
    for name in found:
        if not _PARAMETER.fullmatch(name):
            raise ValueError(f"has the name {name!r}, which no input of a flow has")
    return found


Digits = Annotated[str, AfterValidator(_digits)]
FactName = Annotated[str, AfterValidator(_fact)]
Variables = Annotated[dict[str, FactName], AfterValidator(_variables)]
Parameters = Annotated[dict[str, FactName], AfterValidator(_parameters)]


class AgentTable(BaseModel):
    """What tables of every kind may hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    address: str | None = None
    token_env: str | None = None
    token_file: str | None = None
    jwt_client_id: str | None = None
    jwt_public_key_id: str | None = None
    jwt_private_key_file: str | None = None
    default: bool = False

    @model_validator(mode="after")
    def _one_way_in(self) -> "AgentTable":
        jwt = (self.jwt_client_id, self.jwt_public_key_id, self.jwt_private_key_file)
        ways = [self.token_env is not None, self.token_file is not None, any(jwt)]
        if sum(ways) > 1:
            raise ValueError("has more than one credential: keep token_env, token_file or jwt_…")
        if any(jwt) and not all(jwt):
            raise ValueError(
                "needs jwt_client_id, jwt_public_key_id and jwt_private_key_file together"
            )
        return self


class _OfPlatform(AgentTable):
    """What is asked through an API of Coze's platform."""

    user_variables: Variables = Field(default_factory=dict)

    @field_validator("address")
    @classmethod
    def _base(cls, address: str | None) -> str | None:
        return None if address is None else deployment(address).base


class ChatTable(_OfPlatform):
    """An agent that is asked by `/v3/chat`."""

    kind: Literal["chat"]
    bot_id: Digits
    variables: Variables = Field(default_factory=dict)
    parameters: Parameters = Field(default_factory=dict)


class ChatflowTable(_OfPlatform):
    """A chatflow, of the library or of an app."""

    kind: Literal["chatflow"]
    workflow_id: Digits
    bot_id: Digits | None = None
    app_id: Digits | None = None
    variables: Parameters = Field(default_factory=dict)
    file_parameter: str | None = None

    @model_validator(mode="after")
    def _one_owner(self) -> "ChatflowTable":
        if (self.bot_id is None) == (self.app_id is None):
            raise ValueError("needs bot_id or app_id, one of them: for whom the flow runs")
        return self


class ProjectTable(AgentTable):
    """A project that was deployed to an address of its own."""

    kind: Literal["project"]
    address: str
    project_id: Digits | None = None
    project_id_as: Literal["number", "string", "omit"] = "number"
    input: str | None = None
    """Of a workflow project, the input that takes the question."""
    output: str | None = None
    any_token: bool = False
    extra: dict[str, str | int | bool] = Field(default_factory=dict)

    @field_validator("address")
    @classmethod
    def _address(cls, address: str) -> str:
        return project_address(address)

    @model_validator(mode="after")
    def _own_token(self) -> "ProjectTable":
        if self.token_env is None and self.token_file is None:
            raise ValueError(
                "needs token_env or token_file: a project has a token of its own, which its page "
                "of the deployment makes"
            )
        if self.output is not None and self.input is None:
            raise ValueError("has an output without an input; both are for workflow projects")
        return self


_TABLES: dict[str, type[ChatTable | ChatflowTable | ProjectTable]] = {
    "chat": ChatTable,
    "chatflow": ChatflowTable,
    "project": ProjectTable,
}


@dataclass(frozen=True)
class Credential:
    """What opens an agent: a token, or the key of an OAuth app."""

    token: SecretStr | None = None
    client_id: str = ""
    key_id: str = ""
    key_file: Path | None = None


@dataclass(frozen=True)
class DeclaredAgent:
    """An agent of the file."""

    name: str
    table: ChatTable | ChatflowTable | ProjectTable
    credential: Credential | None
    """None for the one of the environment."""

    @property
    def kind(self) -> Kind:
        """Which protocol it speaks."""
        return Kind(self.table.kind)

    @property
    def borrows(self) -> bool:
        """Whether it is opened by the credential of the environment."""
        return not (self.table.token_env or self.table.token_file or self.table.jwt_client_id)


@dataclass(frozen=True)
class Declaration:
    """What the file says, and what is wrong in it."""

    agents: tuple[DeclaredAgent, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def default(self) -> str | None:
        """The name of the agent that is marked as the default one."""
        return next((one.name for one in self.agents if one.table.default), None)


def project_address(address: str) -> str:
    """Return where a project is: what is pasted may end in one of its paths. Raises ValueError."""
    address = address.strip().rstrip("/")
    for path in ("/stream_run", "/run/stream", "/async_run", "/run", "/health", "/graph_parameter"):
        address = address.removesuffix(path)
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError("is not a web address, such as https://abcde12345.coze.site")
    if parts.query or parts.fragment:
        raise ValueError("must be a plain address without query or fragment")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("would send the token in clear; use https://")
    return address


def read_declaration(path: Path, variables: Mapping[str, str]) -> Declaration:
    """Return the agents of a file; `variables` has those that `token_env` names."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        why = f"BRIDGE_CONFIG: {path.name} cannot be read ({error.strerror})"
        return Declaration(faults=(why,))
    except UnicodeDecodeError:
        return Declaration(faults=(f"BRIDGE_CONFIG: {path.name} is not UTF-8 text",))
    except tomllib.TOMLDecodeError as error:
        return Declaration(faults=(f"BRIDGE_CONFIG: {path.name} is not TOML: {error}",))
    return declaration(document, variables, path.parent)


def declaration(
    document: Mapping[str, object], variables: Mapping[str, str], folder: Path = Path()
) -> Declaration:
    """Return the agents of a parsed file. Pure but for the files with secrets that it names."""
    faults = [
        f"{name} is not a table of bridge.toml; agents are [agents.NAME]"
        for name in document
        if name != "agents"
    ]
    tables = document.get("agents")
    if not isinstance(tables, dict) or not tables:
        return Declaration(faults=(*faults, "bridge.toml declares no agent: write [agents.NAME]"))
    found = []
    for name, table in tables.items():
        agent, wrong = _agent(str(name), table, variables, folder)
        faults += [f"[agents.{name}] {one}" for one in wrong]
        found += [agent] if agent is not None else []
    defaults = [one.name for one in found if one.table.default]
    if defaults[1:]:
        faults.append(f"default = true stands in {', '.join(defaults)}; keep one of them")
    return Declaration(tuple(found), tuple(faults))


def _agent(
    name: str, table: object, variables: Mapping[str, str], folder: Path
) -> tuple[DeclaredAgent | None, Sequence[str]]:
    """Return the agent of a table, and what is wrong there."""
    if not _NAME.fullmatch(name):
        return None, ["needs a name of at most 32 letters, digits, - and _, a letter first"]
    if not isinstance(table, dict):
        return None, ["is not a table"]
    kind = table.get("kind")
    model = _TABLES.get(kind) if isinstance(kind, str) else None
    if model is None:
        return None, ['needs kind = "chat", "chatflow" or "project"']
    try:
        made = model.model_validate(table)
    except ValidationError as error:
        return None, [_worded(one["loc"], one["type"], one["msg"], model) for one in error.errors()]
    credential, wrong = _credential(made, variables, folder)
    return DeclaredAgent(name, made, credential), wrong


def _worded(place: tuple[int | str, ...], kind: str, message: str, model: type[AgentTable]) -> str:
    where = ".".join(str(one) for one in place)
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        close = get_close_matches(where, model.model_fields, n=1, cutoff=0.6)
        hint = (
            f"did you mean {close[0]}?" if close else f"kind {model.__name__[:-5].lower()} has none"
        )
        return f"{where} is not known here; {hint}"
    if kind == "string_type":
        return f"{where} must be text in quotes"
    return f"{where} {message.removeprefix('Value error, ')}".strip()


def _credential(
    table: ChatTable | ChatflowTable | ProjectTable, variables: Mapping[str, str], folder: Path
) -> tuple[Credential | None, Sequence[str]]:
    if table.jwt_client_id is not None:
        file = folder / (table.jwt_private_key_file or "")
        return Credential(None, table.jwt_client_id, table.jwt_public_key_id or "", file), []
    if table.token_env is not None:
        where, token = table.token_env, variables.get(table.token_env, "").strip()
        if not token:
            return None, [f"token_env: the variable {where} is not set"]
    elif table.token_file is not None:
        where = table.token_file
        try:
            token = (folder / where).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            return None, [f"token_file: {where} cannot be read ({type(error).__name__})"]
    else:
        return None, []
    if not re.fullmatch(r"[!-~]+", token):
        return None, [f"the token in {where} is not one; copy it alone, without 'Bearer' or spaces"]
    foreign = isinstance(table, ProjectTable) and token.startswith(("pat_", "sat_", "czs_"))
    if foreign and not getattr(table, "any_token", False):
        return None, [
            f"the token in {where} is one of Coze's API; a project has its own, made at its "
            "deployment's page (any_token = true sends it all the same)"
        ]
    return Credential(SecretStr(token)), []
