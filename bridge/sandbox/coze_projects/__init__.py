"""A strict emulator of a deployed Coze project, over real HTTP and without any account."""

from bridge.sandbox.coze.resources.runs import Pace
from bridge.sandbox.coze.scripts import SCRIPTS, SHOWS, Turn, saying
from bridge.sandbox.coze_projects.emulator import ProjectEmulator
from bridge.sandbox.coze_projects.memory import Remembered
from bridge.sandbox.coze_projects.playing.scripts import (
    PROJECT_SCRIPTS,
    FailAs,
    Hang,
    ProjectScript,
    ToolRequest,
    ToolResponse,
    fixed,
)
from bridge.sandbox.coze_projects.quirks import Quirks
from bridge.sandbox.coze_projects.runs import Run, SeenFile
from bridge.sandbox.coze_projects.state import Request
from bridge.sandbox.coze_projects.strict import Complaint

__all__ = [
    "PROJECT_SCRIPTS",
    "SCRIPTS",
    "SHOWS",
    "Complaint",
    "FailAs",
    "Hang",
    "Pace",
    "ProjectEmulator",
    "ProjectScript",
    "Quirks",
    "Remembered",
    "Request",
    "Run",
    "SeenFile",
    "ToolRequest",
    "ToolResponse",
    "Turn",
    "fixed",
    "saying",
]
