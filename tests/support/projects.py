"""A project beside the two emulators, and the file by which the bridge knows it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from worlds import World

from bridge.sandbox.coze import Pace
from bridge.sandbox.coze_projects import ProjectEmulator
from bridge.serving import serving

PROJECT_TOKEN = "eyJhbGciOi.c2FuZGJveA.cHJvamVjdA"


@dataclass
class ProjectWorld:
    """The world, and a project in it that answers every chat."""

    world: World
    project: ProjectEmulator
    address: str
    config: Path

    def declare(self, more: str = "", *, other: str = "") -> None:
        """Write the file: the project with further lines of its table, and further tables."""
        self.config.write_text(
            f'[agents.shop]\nkind = "project"\naddress = "{self.address}"\n'
            f'token_env = "SHOP_TOKEN"\nproject_id = "{self.project.project_id}"\n'
            f"default = true\n{more}\n{other}\n",
            encoding="utf-8",
        )


@asynccontextmanager
async def beside_a_project(
    world: World, folder: Path, kind: str = "agent"
) -> AsyncIterator[ProjectWorld]:
    """Give a world with a project, declared as the default agent."""
    project = ProjectEmulator(journal=world.coze.journal, kind=kind)  # type: ignore[arg-type]  # one of its words
    project.add_token(PROJECT_TOKEN)
    project.pace = Pace(0, 0)
    async with serving(project.app, only_local=True) as address:
        made = ProjectWorld(world, project, address, folder / "bridge.toml")
        made.declare()
        world.variables |= {"BRIDGE_CONFIG": str(made.config), "SHOP_TOKEN": PROJECT_TOKEN}
        try:
            yield made
        finally:
            await project.close()
