"""Named points around every outside act, at which a test may have the process die.

`BRIDGE_TEST_CRASH_AT="after sendMessage 2"` kills the process, as a power cut would, when the second
such call has been answered and nothing of it is written down yet. Nothing else sets the variable.
"""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "BRIDGE_TEST_CRASH_AT"
_passed: Counter[str] = Counter()


@contextmanager
def failpoint(act: str) -> Iterator[None]:
    """Mark an act whose effect outlives the process, such as a call: tests have it die before and after."""
    _pass(f"before {act}")
    yield
    _pass(f"after {act}")


def _pass(point: str) -> None:
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    _passed[point] += 1
    if wanted == f"{point} {_passed[point]}":
        os.kill(os.getpid(), signal.SIGKILL)
