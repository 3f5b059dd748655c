"""What the manual shows another program to do is done."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import bridge
from bridge.sandbox.coze import DEFAULT_BOT_ID, CozeEmulator
from bridge.serving import serving

PAGE = Path(bridge.__file__).parent.parent / "docs" / "start.md"


async def test_another_program_speaks_to_the_local_coze() -> None:
    """The block in Python, as it stands there."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    coze = CozeEmulator()
    coze.add_agent(DEFAULT_BOT_ID)
    coze.add_token("pat_sandbox")
    coze.add_chatflow("7400000000000000001", app_id="7400000000000000002")
    async with serving(coze.app, only_local=True) as address:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-c", block,
            env={"COZE_API_BASE": address}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, errors = await process.communicate()
        await coze.close()
    assert (process.returncode, b"Traceback" in errors) == (0, False)
    assert b"How long will you stay?" in out
