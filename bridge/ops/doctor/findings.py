"""What the doctor finds: a line of the report, with a cure where one is needed."""

from dataclasses import dataclass
from enum import Enum

from bridge.errors.coze import CozeTrouble


class Severity(Enum):
    """How a check came out."""

    GOOD = "ok"
    WARNING = "note"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    health: Severity
    subject: str
    what: str
    cure: str = ""


def good(subject: str, what: str) -> Finding:
    """Return that a subject is well."""
    return Finding(Severity.GOOD, subject, what)


def bad(subject: str, what: str, cure: str) -> Finding:
    """Return that the bridge cannot work like this, and the cure."""
    return Finding(Severity.BAD, subject, what, cure)


def note(subject: str, what: str, cure: str) -> Finding:
    """Return that something works, but that the operator should know of it."""
    return Finding(Severity.WARNING, subject, what, cure)


def said_by(trouble: CozeTrouble) -> str:
    """Return what Coze said, with its code and log id where there are any."""
    marks = [str(trouble.code)] if trouble.code is not None else []
    marks += [f"log id {trouble.log_id}"] if trouble.log_id else []
    return f"{trouble.what} ({', '.join(marks)})" if marks else trouble.what
