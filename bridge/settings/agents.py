"""The agents of `bridge.toml`: one table each, whose faults are told with the table's name."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from pydantic import SecretStr, ValidationError

from bridge.coze.kinds.agent import Kind
from bridge.settings.agent_tables import (
    TABLES,
    AgentTable,
    ChatflowTable,
    ChatTable,
    ProjectTable,
)

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_NAME_OF_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}|[a-z_][a-z0-9_]{0,63}")
_TOKENS = ("pat_", "sat_", "czs_", "eyJ")
"""How tokens of Coze begin."""


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
    proxy: str | None = None
    """On the way to its own address."""

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


def read_declaration(path: Path, variables: Mapping[str, str]) -> Declaration:
    """Return the agents of a file; `variables` has those that `token_env` names."""
    where = path.absolute()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        why = f"BRIDGE_CONFIG: {where} cannot be read ({error.strerror})"
        return Declaration(faults=(why,))
    except UnicodeDecodeError:
        return Declaration(faults=(f"BRIDGE_CONFIG: {where} is not UTF-8 text; save it as that",))
    except RecursionError:
        return Declaration(faults=(f"BRIDGE_CONFIG: {where} is nested too deeply",))
    except tomllib.TOMLDecodeError as error:
        return Declaration(faults=(f"BRIDGE_CONFIG: {where} is not TOML: {error}",))
    return declaration(document, variables, path.parent)


def declaration(
    document: Mapping[str, object], variables: Mapping[str, str], folder: Path = Path()
) -> Declaration:
    """Return the agents of a parsed file. Pure but for the files with secrets that it names."""
    faults = [
        f"{name} is no table of BRIDGE_CONFIG; agents are [agents.NAME]"
        for name in document
        if name != "agents"
    ]
    tables = document.get("agents")
    if not isinstance(tables, dict) or not tables:
        return Declaration(faults=(*faults, "BRIDGE_CONFIG declares no agent: write [agents.NAME]"))
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
    model = TABLES.get(kind) if isinstance(kind, str) else None
    if model is None:
        told = f", not {kind!r}" if kind is not None else ""
        return None, [f'needs kind = "chat", "chatflow" or "project"{told}']
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
    if kind == "bool_type":
        return f"{where} must be true or false, without quotes"
    return f"{where} {message.removeprefix('Value error, ')}".strip()


def _credential(
    table: ChatTable | ChatflowTable | ProjectTable, variables: Mapping[str, str], folder: Path
) -> tuple[Credential | None, Sequence[str]]:
    if table.jwt_client_id is not None:
        file = folder / (table.jwt_private_key_file or "")
        return Credential(None, table.jwt_client_id, table.jwt_public_key_id or "", file), []
    if table.token_env is not None:
        where, token = table.token_env, variables.get(table.token_env, "").strip()
        if not _NAME_OF_VARIABLE.fullmatch(where) or where.startswith(_TOKENS):
            return None, [
                "token_env must be the name of a variable, such as SHOP_TOKEN, not a token"
            ]
        if not token:
            return None, [f"token_env: the variable {where} is not set"]
    elif table.token_file is not None:
        where = table.token_file
        try:
            token = (folder / where).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is not a text file"
            return None, [f"token_file: {where!r} cannot be read ({why})"]
    else:
        return None, []
    if not re.fullmatch(r"[!-~]+", token):
        return None, [f"the token in {where} is not one; copy it alone, without 'Bearer' or spaces"]
    foreign = isinstance(table, ProjectTable) and token.startswith(_TOKENS[:3])
    if foreign and not getattr(table, "any_token", False):
        return None, [
            f"the token in {where} is one of Coze's API; a project has its own, made at its "
            "deployment's page (any_token = true sends it all the same)"
        ]
    return Credential(SecretStr(token)), []
