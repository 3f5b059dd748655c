"""What is shipped around the package is consistent with it: image, compose, unit, workflows."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from bridge.settings import Settings

PROJECT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted(PROJECT.glob(".github/**/*.yml"))


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_compose_opens_nothing_to_the_world_unless_told() -> None:
    services = read(PROJECT / "compose.yaml")["services"]
    ports = [port for one in services.values() for port in one.get("ports", [])]
    assert ports
    assert all(re.match(r"(\$\{\w+:-)?127\.0\.0\.1:", port) for port in ports)


def test_compose_runs_the_bridge_as_the_image_wants_it() -> None:
    compose = read(PROJECT / "compose.yaml")
    services = compose["services"]
    assert [name for name, one in services.items() if "profiles" not in one] == ["bridge"]
    for name in ("bridge", "second"):
        one = services[name]
        assert (one["read_only"], one["cap_drop"], one["tmpfs"]) == (True, ["ALL"], ["/tmp"])
        assert (
            int(one["stop_grace_period"].rstrip("s"))
            > Settings.model_fields["bridge_grace_seconds"].default
        )
        assert one["volumes"][0].endswith(":/data")
    used = {
        volume.partition(":")[0] for one in services.values() for volume in one.get("volumes", [])
    }
    assert {name for name in used if not name.startswith(".")} == set(compose["volumes"])
    named = {each["source"] for one in services.values() for each in one.get("configs", [])}
    assert named == set(compose["configs"])
    for one in compose["configs"].values():
        if not one["content"].startswith("{"):
            assert yaml.safe_load(one["content"])
    assert (PROJECT / "docs" / "grafana.json").exists()


def test_what_compose_names_are_settings() -> None:
    text = (PROJECT / "compose.yaml").read_text(encoding="utf-8")
    text += (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:BRIDGE|COZE|TELEGRAM)_[A-Z_]+", text))
    assert {name.lower() for name in named} <= Settings.model_fields.keys()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda one: one.stem)
def test_the_files_for_the_forge_can_be_read(path: Path) -> None:
    assert read(path)


def test_the_workflow_tries_every_version_that_is_promised() -> None:
    said = [
        one.rpartition(" ")[2]
        for one in PYPROJECT["project"]["classifiers"]
        if "Python :: 3." in one
    ]
    jobs = read(PROJECT / ".github" / "workflows" / "check.yml")["jobs"]
    assert jobs["versions"]["strategy"]["matrix"]["python"] == said
    assert f'supported="{" ".join(said)}"' in (PROJECT / ".ci" / "run").read_text(encoding="utf-8")
    assert any(step.get("run") == ".ci/run" for step in jobs["check"]["steps"])


def test_no_job_may_do_more_than_it_must() -> None:
    for name in ("check", "release"):
        workflow = read(PROJECT / ".github" / "workflows" / f"{name}.yml")
        assert workflow["permissions"] == {"contents": "read"}
    jobs = read(PROJECT / ".github" / "workflows" / "release.yml")["jobs"]
    assert jobs["publish"]["permissions"]["id-token"] == "write"
    assert "password" not in str(jobs["publish"])


def test_the_version_has_its_chapter() -> None:
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {PYPROJECT['project']['version']} – " in changelog


def test_the_sdist_holds_what_it_is_made_from() -> None:
    included = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert [one for one in included if not (PROJECT / one).exists()] == []


def test_the_readme_is_short() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        assert (PROJECT / name).read_text(encoding="utf-8").count("\n") <= 150
