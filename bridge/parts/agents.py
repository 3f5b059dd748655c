"""Make the agents that the settings name, each with its client and its credential."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from bridge.coze.auth import Auth, JWTApp, StaticToken, private_key
from bridge.coze.client import Coze
from bridge.coze.kinds.agent import Agent, FilesBy
from bridge.coze.kinds.chat import ChatAgent, Told
from bridge.coze.kinds.chatflow import ChatflowAgent, Flow
from bridge.coze.kinds.project import ProjectAgent, ProjectShape
from bridge.coze.kinds.user_variables import UserVariables
from bridge.coze.regions import deployment
from bridge.coze.values import FIXED
from bridge.errors import SettingsTrouble
from bridge.metrics import Metrics
from bridge.model import AgentAccount, Attachment
from bridge.parts.clients import agent_home, coze_client, coze_place
from bridge.relay.agents import Agents, OfferedAgent
from bridge.relay.attachments import Attachments, FileAccess
from bridge.relay.protocols import Files
from bridge.settings import Settings
from bridge.settings.agent_tables import ChatflowTable, ChatTable, ProjectTable
from bridge.settings.agents import Credential, DeclaredAgent
from bridge.store.engine import Store


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What agents need besides their settings."""

    store: Store | None = None
    """Where uploads are remembered; without it no files are brought."""
    files: Files | None = None
    """Where people's files come from; None where they send none."""
    address: Callable[[Attachment], str] | None = None
    """Where the world can fetch one of those for a while; None where it cannot."""
    metrics: Metrics = field(default_factory=Metrics)
    stream: bool = True


@dataclass(frozen=True, kw_only=True)
class OpenedAgents:
    """The agents, and what is done for all of them."""

    agents: Agents
    voice: Coze | None
    """Where recordings are written down and answers spoken, if anywhere."""


async def opened_agents(
    stack: AsyncExitStack, settings: Settings, around: Surroundings
) -> OpenedAgents:
    """Return all agents, their connections closed with the stack.

    Raises SettingsTrouble when a key cannot be used.
    """
    makes = _AgentMaker(stack, settings, around)
    if settings.opens_coze:
        makes.own = await stack.enter_async_context(coze_client(settings, around.metrics))
    for one in settings.agents:
        if not isinstance(one.table, ProjectTable):
            makes.voice = makes.voice or await makes.coze(one)
    makes.voice = makes.own or makes.voice
    declared = [await makes.agent(one) for one in settings.agents]
    if settings.coze_bot_id:
        declared.append(makes.by_id(settings.coze_bot_id))
    marked = next((one.name for one in settings.agents if one.table.default), None)
    default = marked or settings.coze_bot_id or None
    by_id = makes.by_id if makes.own is not None else None
    return OpenedAgents(agents=Agents(declared, default, by_id), voice=makes.voice)


class _AgentMaker:
    """Makes agents; those that share a credential at one address share a client."""

    def __init__(self, stack: AsyncExitStack, settings: Settings, around: Surroundings) -> None:
        self._stack = stack
        self._settings = settings
        self._around = around
        self._clients: dict[tuple[str, str], Coze] = {}
        self.own: Coze | None = None
        """The client of the environment's credential."""
        self.voice: Coze | None = None

    def by_id(self, agent_id: str) -> OfferedAgent:
        """Return an agent at the Coze of the environment."""
        if self.own is None:
            raise LookupError("the environment opens no Coze")
        access = FileAccess(by=FilesBy.UPLOAD, coze=self.own, place=coze_place(self._settings))
        return OfferedAgent(
            key=agent_id,
            home=replace(agent_home(self._settings), agent_id=agent_id),
            client=ChatAgent(self.own, agent_id, stream=self._around.stream),
            attachments=self._attachments(access),
        )

    async def agent(self, declared: DeclaredAgent) -> OfferedAgent:
        """Return an agent of the file."""
        table = declared.table
        if isinstance(table, ProjectTable):
            return await self._project(declared, table)
        coze, name, base = await self.coze(declared), declared.name, self._base(declared)
        if isinstance(table, ChatTable):
            client: Agent = self._chat(coze, table)
            identity = table.bot_id
            told = [table.variables, table.parameters, table.user_variables]
        else:
            client = self._chatflow(coze, table)
            identity = f"{table.workflow_id}/{table.bot_id or table.app_id}"
            told = [table.variables, table.user_variables]
        place = f"{base} {_owner(declared, self._settings)}"
        access = FileAccess(by=client.capabilities.files, coze=coze, place=place)
        facts = {one for table in told for one in table.values() if not one.startswith(FIXED)}
        return OfferedAgent(
            key=name,
            home=AgentAccount(identity, base, name),
            client=client,
            attachments=self._attachments(access),
            told_facts=frozenset(facts),
            names=_names(declared),
            kind=declared.kind,
        )

    def _chat(self, coze: Coze, table: ChatTable) -> ChatAgent:
        told = Told(
            variables=table.variables,
            parameters=table.parameters,
            user_variables=UserVariables(coze, table.user_variables, bot_id=table.bot_id),
        )
        return ChatAgent(coze, table.bot_id, told, stream=self._around.stream)

    def _chatflow(self, coze: Coze, table: ChatflowTable) -> ChatflowAgent:
        variables = UserVariables(
            coze, table.user_variables, bot_id=table.bot_id, app_id=table.app_id
        )
        flow = Flow(
            workflow_id=table.workflow_id,
            bot_id=table.bot_id,
            app_id=table.app_id,
            parameters=table.variables,
            file_parameter=table.file_parameter,
        )
        return ChatflowAgent(coze, flow, variables)

    async def _project(self, declared: DeclaredAgent, table: ProjectTable) -> OfferedAgent:
        address = self._around.address if table.input is None else None
        by = FilesBy.ADDRESS if address is not None else FilesBy.NONE
        token = declared.credential.token if declared.credential else None
        client = ProjectAgent(
            table.address,
            StaticToken(token.get_secret_value() if token else ""),
            ProjectShape(
                project_id=table.project_id,
                project_id_as=table.project_id_as,
                input=table.input,
                output=table.output,
                extra=table.extra,
            ),
            files=by,
            proxy=declared.proxy,
            metrics=self._around.metrics,
        )
        await self._stack.enter_async_context(client)
        return OfferedAgent(
            key=declared.name,
            home=AgentAccount(table.project_id or "project", table.address, declared.name),
            client=client,
            attachments=self._attachments(FileAccess(by=by, coze=self.voice, address=address)),
            names=_names(declared),
            kind=declared.kind,
        )

    def _attachments(self, access: FileAccess) -> Attachments | None:
        around = self._around
        if around.store is None or around.files is None:
            return None
        return Attachments(around.store, around.files, access)

    def _base(self, declared: DeclaredAgent) -> str:
        return declared.table.address or self._settings.coze_api_base

    async def coze(self, declared: DeclaredAgent) -> Coze:
        """Return the client with the agent's credential. Raises SettingsTrouble."""
        credential = declared.credential
        if credential is None:
            if self.own is None:
                raise SettingsTrouble((f"[agents.{declared.name}] has no credential",))
            return self.own
        base = self._base(declared)
        which = base, _owner(declared, self._settings)
        if which not in self._clients:
            client = Coze(
                deployment(base),
                _way_in(declared, base, credential),
                proxy=declared.proxy,
                metrics=self._around.metrics,
            )
            self._clients[which] = await self._stack.enter_async_context(client)
        return self._clients[which]


def _way_in(declared: DeclaredAgent, base: str, credential: Credential) -> Auth:
    if credential.token is not None:
        return StaticToken(credential.token.get_secret_value())
    try:
        key = private_key(None, credential.key_file)
    except ValueError as error:
        fault = f"[agents.{declared.name}] jwt_private_key_file {error}"
        raise SettingsTrouble((fault,)) from None
    return JWTApp(deployment(base), credential.client_id, credential.key_id, key)


def _owner(declared: DeclaredAgent, settings: Settings) -> str:
    """Return what names the account of a credential, and tells nothing of it."""
    credential = declared.credential
    if credential is None:
        return coze_place(settings).rpartition(" ")[2]
    secret = credential.token or SecretStr(
        f"{credential.client_id} {credential.key_id} {credential.key_file}"
    )
    return hashlib.sha256(secret.get_secret_value().encode()).hexdigest()[:16]


def _names(declared: DeclaredAgent) -> Mapping[str, str]:
    """Return what stands in the operator's cures for the settings of the environment."""
    table, where = declared.table, f"[agents.{declared.name}]"
    the_id = "bot_id" if isinstance(table, ChatTable) else "workflow_id"
    names = {"COZE_API_BASE": f"address in {where}", "COZE_BOT_ID": f"{the_id} in {where}"}
    if declared.borrows:
        return names
    return {
        **names,
        "COZE_API_TOKEN": table.token_env or table.token_file or f"the key of {where}",
        "COZE_JWT_OAUTH_CLIENT_ID": f"jwt_client_id in {where}",
        "COZE_JWT_OAUTH_PUBLIC_KEY_ID": f"jwt_public_key_id in {where}",
    }
