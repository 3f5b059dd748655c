"""Properties are tried with the same examples every time, however slow the machine is."""

import gc
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

from bridge.texts import languages, translate

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Leave out what is slow where no tests are named: `pytest -m slow` runs it.

    Those take as long as all the others together; who names a file or a marker gets what is named.
    """
    option, root = config.option, config.rootpath
    everything = {root, root / "tests"}
    named = any(
        (config.invocation_params.dir / one).resolve() not in everything for one in config.args
    )
    if not (named or option.markexpr or option.keyword or option.lf or option.failedfirst):
        option.markexpr = "not slow"


def pytest_collection_finish() -> None:
    """Take what was imported and collected out of the garbage collector's rounds.

    Those objects stay until the process ends, and going over them again and again was 15 % of the
    processor time of a run. What tests make is collected as ever, if less often.
    """
    for language in languages():  # read before any clock runs that is faster than the wall's
        translate(language, "stop.done")
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


@pytest.fixture(autouse=True)
def _logs_as_ever() -> Iterator[None]:
    """Undo what a command of the bridge set up for its log, which goes to a stream of its test."""
    yield
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if type(one) is not logging.StreamHandler]
    root.setLevel(logging.WARNING)
    structlog.reset_defaults()
