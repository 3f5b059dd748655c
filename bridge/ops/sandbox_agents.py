"""What the sandbox answers with: a local Coze with an agent of each kind, and the ways into it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.sandbox.coze import DEFAULT_BOT_ID, CozeEmulator
from bridge.sandbox.coze_projects import ProjectEmulator
from bridge.sandbox.journal import Journal
from bridge.serving import serving

COZE_TOKEN = "pat_sandbox"
CLIENT_ID, KEY_ID = "1100000000001", "sandbox-key"
FLOW_ID, APP_ID = "7400000000000000001", "7400000000000000002"
PROJECT_TOKEN = "project-sandbox"
_FILE = """\
[agents.flow]
kind = "chatflow"
workflow_id = "{flow}"
app_id = "{app}"
file_parameter = "picture"

[agents.flow.variables]
name = "first_name"
language = "language"

[agents.project]
kind = "project"
address = "{project}"
project_id = "{project_id}"
token_env = "SANDBOX_PROJECT_TOKEN"
"""


@dataclass(frozen=True)
class LocalCoze:
    """The local Coze, as the bridge and other programs find it."""

    address: str
    project: str
    """Where the local project is."""
    key_file: Path
    variables: dict[str, str]


@asynccontextmanager
async def local_coze(journal: Journal, folder: Path) -> AsyncIterator[LocalCoze]:
    """Give a Coze with an agent, a chatflow and a project; `folder` gets the files that name them."""
    coze, project = CozeEmulator(journal=journal), ProjectEmulator(journal=journal)
    coze.add_agent()
    coze.add_variable(DEFAULT_BOT_ID, "name", description="What the person is called.")
    coze.add_token(COZE_TOKEN)
    coze.add_chatflow(FLOW_ID, app_id=APP_ID)
    project.add_token(PROJECT_TOKEN)
    key_file = folder / "coze_private_key.pem"
    coze.add_oauth_app(CLIENT_ID, _made_key(key_file), KEY_ID)
    async with (
        serving(coze.app, only_local=True) as address,
        serving(project.app, only_local=True) as project_address,
    ):
        config = folder / "bridge.toml"
        text = _FILE.format(
            flow=FLOW_ID, app=APP_ID, project=project_address, project_id=project.project_id
        )
        config.write_text(text, encoding="utf-8")
        hosts = [one.removeprefix("http://") for one in (address, project_address)]
        variables = {
            "COZE_API_BASE": address,
            "COZE_API_TOKEN": COZE_TOKEN,
            "COZE_BOT_ID": DEFAULT_BOT_ID,
            "BRIDGE_PICTURE_HOSTS": ",".join(hosts),
            "BRIDGE_CONFIG": str(config),
            "SANDBOX_PROJECT_TOKEN": PROJECT_TOKEN,
        }
        try:
            yield LocalCoze(address, project_address, key_file, variables)
        finally:
            await project.close()
            await coze.close()


def _made_key(path: Path) -> str:
    """Write a private key that only its owner can read; returns the public one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return public.decode()
