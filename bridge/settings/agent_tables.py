"""The tables of `bridge.toml`: what each kind of agent is declared with, and what cannot be. Pure."""

import re
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from bridge.coze.regions import check_host, deployment
from bridge.coze.values import FIXED

_PAGES = ("code.coze.cn", "www.coze.cn", "www.coze.com", "code.coze.com")
_VARIABLE = re.compile(r"[A-Za-z_]{1,64}")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def project_address(address: str) -> str:
    """Return where a project is: what is pasted may end in one of its paths. Raises ValueError."""
    address = address.strip().rstrip("/")
    for path in ("/stream_run", "/run/stream", "/async_run", "/run", "/health", "/graph_parameter"):
        address = address.removesuffix(path)
    wrong = "is not a web address, such as https://abcde12345.coze.site"
    try:
        parts = urlsplit(address)
        port = parts.port  # only looking at it tells a wrong one
    except ValueError:
        raise ValueError(wrong) from None
    plain = re.fullmatch(r"[!-~]+", address) and port != 0 and parts.username is None
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise ValueError(wrong)
    check_host(parts.hostname)
    if parts.hostname in _PAGES:
        raise ValueError("is the editor's page; take the address that the deployment shows")
    if parts.query or parts.fragment:
        raise ValueError("must be a plain address without query or fragment")
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("would send the token in clear; use https://")
    return address


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


TABLES: dict[str, type[ChatTable | ChatflowTable | ProjectTable]] = {
    "chat": ChatTable,
    "chatflow": ChatflowTable,
    "project": ProjectTable,
}
