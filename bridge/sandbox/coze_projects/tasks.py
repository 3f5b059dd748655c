"""Asynchronous tasks as they are kept, and how one looks at a time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from bridge.sandbox.coze_projects.playing.messages import result
from bridge.sandbox.coze_projects.playing.writers import compact
from bridge.sandbox.coze_projects.quirks import Quirks
from bridge.sandbox.coze_projects.runs import Run

DAY = 24 * 3600
_CHINA = timezone(timedelta(hours=8))
LOST = ("worker_heartbeat_lost", "worker heartbeat lost")
LATE = ("deadline_exceeded", "task deadline exceeded")


@dataclass(eq=False)
class Task:
    """One asynchronous task."""

    task_id: str
    run: Run | None
    """None while nobody has taken it up."""
    created: float
    """Unix time in seconds, as the next two."""
    deadline: float
    workflow: bool
    completed: float | None = None
    user_id: str = ""
    tenant_id: str = ""
    lost: bool = False
    """Whether the process that worked at it is gone."""
    late: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.lost or self.late or (self.run is not None and self.run.ended)

    def look(self, now: float) -> None:
        """Note whether the task is late at `now`, in Unix seconds, and since when it is over."""
        if not self.over and now >= self.deadline:
            self.late = True
        if self.over and self.completed is None:
            self.completed = now

    @property
    def status(self) -> str:
        """`pending`, `running`, `completed`, `failed` or `timeout`."""
        if self.late:
            return "timeout"
        if self.lost:
            return "failed"
        if self.run is None:
            return "pending"
        return {"running": "running", "completed": "completed", "timeout": "timeout"}.get(
            self.run.status, "failed"
        )

    @property
    def error(self) -> tuple[str, str] | None:
        """Code and words of what went wrong."""
        if self.late:
            return LATE
        if self.lost:
            return LOST
        ending = self.run.ending if self.run is not None else None
        if ending is None or ending.status == "completed":
            return None
        names = {"cancelled": "CancelledError", "timeout": "TimeoutError"}
        return names.get(ending.status, "RuntimeError"), f"{ending.code}: {ending.message}"

    def created_view(self) -> dict[str, object]:
        """Return the answer to its submission."""
        return {
            "task_id": self.task_id,
            "status": "pending",
            "created_at": datetime.fromtimestamp(self.created, _CHINA).isoformat(),
            "deadline": datetime.fromtimestamp(self.deadline, _CHINA).isoformat(),
        }

    def view(self, quirks: Quirks, now: float) -> dict[str, object]:
        """Return how it looks now."""
        self.look(now)
        found = result(self.run, self.workflow) if self.run and self.status == "completed" else None
        error: object = None
        if self.error is not None:
            code, message = self.error
            error = {"code": code, "message": message}
            if quirks.task_error == "string":
                error = message
        if quirks.task_result == "string":
            text = compact(found) if found is not None else None
            return {"status": self.status, "result": text, "error": error}
        started = self.created if self.run is not None or self.lost else None
        beat = now if self.status == "running" else self.completed
        return {
            "task_id": self.task_id,
            "status": self.status,
            "claim_count": int(started is not None),
            "created_at": _time(self.created),
            "started_at": _time(started),
            "completed_at": _time(self.completed),
            "heartbeat_at": _time(beat if started is not None else None),
            "deadline": _time(self.deadline),
            "result": found,
            "error": error,
        }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
