"""Logs: for people or for machines, and never with a token in them.

The HTTP library logs every address at INFO, and Telegram's addresses hold the token.
"""

import logging
import os
import sys
from collections.abc import Mapping
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bridge.redaction import redacted

_NOISY = ("httpx", "httpcore", "telegram", "aiosqlite", "alembic", "uvicorn", "markdown_it")


def set_up(level: str, form: Literal["console", "json"]) -> None:
    """Send all logs, those of libraries too, to standard error in one form."""
    journal = form == "console" and _is_journal(os.environ)
    times: list[Processor] = [structlog.processors.TimeStamper(fmt="iso", utc=form == "json")]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        *([] if journal else times),
        structlog.processors.format_exc_info,
        _redact,
    ]
    closing: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=False,
    )
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([_with_priority(closing)] if journal else [closing]),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [out]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Of an answer that is not JSON it prints the whole body, and with it people's words.
    logging.getLogger("telegram.request").setLevel(logging.CRITICAL)


_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""The levels of syslog, by which `journalctl -p` chooses."""


def _is_journal(variables: Mapping[str, str]) -> bool:
    """Return whether standard error goes to systemd's journal, which has times and levels of its own."""
    try:
        there = os.fstat(2)
    except OSError:
        return False
    return variables.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def _with_priority(render: Processor) -> Processor:
    def rendered(logger: WrappedLogger, method: str, event: EventDict) -> str:
        priority = _PRIORITIES.get(str(event.get("level")), 6)
        return f"<{priority}>{render(logger, method, event)!s}"

    return rendered


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {
        name: redacted(value) if isinstance(value, str) else value for name, value in event.items()
    }
