"""The doctor tries each agent of the file, and knows a wrong kind when it sees one."""

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from fast import run_fast
from projects import PROJECT_TOKEN, beside_a_project
from worlds import a_world

from bridge.ops.doctor.examine import examine
from bridge.ops.doctor.findings import Finding, Severity
from bridge.sandbox.coze import DEFAULT_BOT_ID
from bridge.settings.environment import settings_from

FLOW, APP = "7400000000000000001", "7400000000000000002"
OTHERS = f"""
[agents.poet]
kind = "chat"
bot_id = "{DEFAULT_BOT_ID}"
[agents.order]
kind = "chatflow"
workflow_id = "{FLOW}"
app_id = "{APP}"
"""


def of_agent(findings: list[Finding], name: str) -> str:
    told = [one for one in findings if one.subject == f"Agent {name}"]
    return " ".join(f"{one.health.value}: {one.what}. {one.cure}" for one in told)


async def examined(
    folder: Path, config: str = OTHERS, kind: str = "agent", more: str = "", **changes: str
) -> list[Finding]:
    """What it finds in a world with a project, an agent and a chatflow."""
    async with a_world(folder) as world, beside_a_project(world, folder, kind) as there:
        world.coze.add_chatflow(FLOW, app_id=APP)
        there.declare(more, other=config)
        if "platform" in changes:
            there.project.platform(changes.pop("platform"))  # type: ignore[arg-type]
        settings = settings_from({**world.variables, **changes})
        told = [one async for one in examine(settings)]
        assert world.coze.asked == []
        assert there.project.runs == []
        assert there.project.complaints == []
        return told


def found(examining: Coroutine[Any, Any, list[Finding]]) -> list[Finding]:
    """Run it in a loop whose seconds are short."""
    findings: list[Finding] = []

    async def whole() -> None:
        findings.extend(await examining)

    run_fast(whole())
    return findings


def test_each_kind_is_tried_and_asked_nothing(tmp_path: Path) -> None:
    findings = found(examined(tmp_path))
    assert [one for one in findings if one.health is Severity.BAD] == []
    assert "(project) can be asked at http://127.0.0.1" in of_agent(findings, "shop")
    assert "only quotas of messages hold" in of_agent(findings, "shop")
    assert "“Sandbox agent” (chat) can be asked" in of_agent(findings, "poet")
    assert "(chatflow) can be asked" in of_agent(findings, "order")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"SHOP_TOKEN": PROJECT_TOKEN + "x"}, "SHOP_TOKEN"),
        ({"platform": "paused"}, "Resume the project"),
        ({"platform": "stopped"}, "Deploy the project again"),
        ({"platform": "budget"}, "Raise the project's budget"),
    ],
)
def test_a_project_that_cannot_be_asked_says_why(
    tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    findings = found(examined(tmp_path, **changes))
    assert "bad" in of_agent(findings, "shop")
    assert told in of_agent(findings, "shop")


def test_the_kind_of_an_id_is_seen(tmp_path: Path) -> None:
    wrong = f"""
[agents.poet]
kind = "chat"
bot_id = "{FLOW}"
[agents.order]
kind = "chatflow"
workflow_id = "{DEFAULT_BOT_ID}"
app_id = "{APP}"
"""
    findings = found(examined(tmp_path, wrong))
    assert "this id is a workflow, not an agent" in of_agent(findings, "poet")
    assert "this id is an agent, not a workflow" in of_agent(findings, "order")


def test_a_workflow_project_is_told_from_an_agent_project(tmp_path: Path) -> None:
    assert "this is a workflow project" in of_agent(
        found(examined(tmp_path, kind="workflow")), "shop"
    )


def test_and_the_other_way_round(tmp_path: Path) -> None:
    findings = found(examined(tmp_path, more='input = "query"'))
    assert "this is an agent project" in of_agent(findings, "shop")
