"""The manual cannot go stale: what it lists is made from the program, and what it shows is run.

`BRIDGE_TEST_MANUAL=write` makes the lists in `docs/` anew.
"""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from manual import DOCS, commands_to_run, defaults, pages, troubles, with_generated

from bridge.texts import translate

RUN = [page for page in pages() if list(commands_to_run(page.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("page", pages(), ids=lambda one: one.stem)
def test_what_is_listed_is_what_there_is(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    fresh = with_generated(text)
    if os.environ.get("BRIDGE_TEST_MANUAL") == "write":
        page.write_text(fresh, encoding="utf-8")
        text = fresh
    assert text == fresh


@pytest.mark.parametrize("page", pages() + pages("zh"), ids=lambda one: one.stem)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:BRIDGE|COZE|TELEGRAM)_[A-Z_]+[A-Z]\b", text))
    others = {"BRIDGE_TEST_MANUAL", "BRIDGE_TEST_PICTURE", "BRIDGE_TEST_POSTGRES", "COZE_JWT_OAUTH"}
    assert named - defaults().keys() - others == set()


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=lambda one: one.stem)
async def test_what_is_marked_to_be_run_runs(page: Path, tmp_path: Path) -> None:
    """Each line as it stands there, in one empty folder with nothing but the bridge on the path."""
    around = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "NO_COLOR": "1",
    }
    for line in commands_to_run(page.read_text(encoding="utf-8")):
        process = await asyncio.create_subprocess_shell(
            line, cwd=tmp_path, env=around, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, f"{line}\n{out.decode()}"


def test_every_page_is_there_in_chinese() -> None:
    assert {page.name.removesuffix(".zh.md") for page in pages("zh")} == {
        page.stem for page in pages()
    }


def test_the_chinese_lists_have_the_same_rows() -> None:
    settings = (DOCS / "settings.zh.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| ((?:`[^`]*`)?) ?\|", settings, re.MULTILINE))
    assert {name: shown.strip("`") for name, shown in rows.items()} == defaults()
    errors = (DOCS / "troubleshooting.zh.md").read_text(encoding="utf-8")
    for kind in troubles():
        (row,) = re.findall(rf"^\| `{kind.__name__}` \| .*$", errors, re.MULTILINE)
        assert translate("zh", kind.sentence) in row
