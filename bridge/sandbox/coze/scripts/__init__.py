"""Scripts: what the sandbox agent answers, as pure generators of steps."""

from bridge.sandbox.coze.scripts.choice import (
    NODES,
    SCRIPTS,
    SHOWS,
    chosen,
    chosen_name,
    chosen_without_nodes,
    script_named,
)
from bridge.sandbox.coze.scripts.steps import Script, Turn, fixed, saying

__all__ = [
    "NODES",
    "SCRIPTS",
    "SHOWS",
    "Script",
    "Turn",
    "chosen",
    "chosen_name",
    "chosen_without_nodes",
    "fixed",
    "saying",
    "script_named",
]
