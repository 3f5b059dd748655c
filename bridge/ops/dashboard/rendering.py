"""What was seen, as HTML: one template for each section of the page. Pure but for the templates."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import Response

from bridge.model import State
from bridge.ops.dashboard import plots
from bridge.ops.dashboard.snapshot import Snapshot
from bridge.store.operators.access import Access
from bridge.texts import age

SECTIONS = ("alarms", "pulse", "processes", "numbers", "live", "pace", "errors", "people", "audit")
"""The templates of the page, from above; each is the inside of the element with its name."""
_REFUSALS = {
    "ended": "This page opens with the link that “bridge run” prints when it starts. It is good for "
    "12 hours in this browser, and then opens again by the same link.",
    "wrong": "The token in this link is not the one of the bridge that runs now. Without "
    "BRIDGE_DASHBOARD_TOKEN each start makes a new one: look for the newest link in the terminal.",
    "host": "The dashboard answers to 127.0.0.1 and localhost only. From elsewhere, use a tunnel: "
    "ssh -L 8088:127.0.0.1:8088 your-server",
    "foreign": "This did not come from the dashboard's own page. Load the page again, and try once "
    "more.",
    "crowded": "Too many pages watch already. Close one of them.",
    "unclear": "It is not clear what should be decided. Load the page again.",
    "operator": "Operators are named in BRIDGE_OPERATORS, or by the code of the first start.",
    "unknown": "Nobody of this id has ever written to the bot.",
    "store": "The database could not be written, so nothing was decided. See what the page says on "
    "top.",
}
_DECISIONS = {
    Access.ALLOWED: ("allow", "Allow"),
    Access.DENIED: ("deny", "Deny"),
    Access.BLOCKED: ("block", "Block"),
}
_ALARMS = {
    "token": "Coze refuses the token",
    "agent": "Agent not available",
    "quota": "Coze plan used up",
    "address": "Coze not found",
    "telegram": "Telegram not reachable",
    "updates": "Updates not handled",
    "store": "Database not usable",
    "file": "Database file lost",
    "clock": "Clock is off",
}
_STATES: dict[Access | None, str] = {
    None: "new",
    Access.ASKED: "asks",
    Access.ALLOWED: "allowed",
    Access.DENIED: "denied",
    Access.BLOCKED: "blocked",
}


def ago(at: float, now: float) -> str:
    """Return how long ago a moment is, in words."""
    seconds = now - at
    return "just now" if seconds < 1 else f"{age(seconds, 'en')} ago"


def span(seconds: float) -> str:
    """Return a span in words."""
    return age(max(1.0, seconds), "en")


def alarm_title(kind: str) -> str:
    """Return what is wrong, in a few words."""
    word, _, agent = kind.partition(" ")
    title = _ALARMS.get(word, word.capitalize())
    return f"{title}: {agent}" if agent else title


def moment(at: float) -> str:
    """Return a moment as people write it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def decisions(state: Access | None, *, by_approval: bool) -> list[tuple[str, str]]:
    """Return what can be decided about somebody who is in that state: verbs and labels."""
    if state is None and not by_approval:
        return [_DECISIONS[Access.BLOCKED]]
    return [pair for each, pair in _DECISIONS.items() if each is not state]


def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "ago": ago,
        "span": span,
        "moment": moment,
        "alarm_title": alarm_title,
        "decisions": decisions,
        "state_of": lambda state: _STATES[state],
        "RUNNING": State.RUNNING,
    }
    made.filters["thousands"] = lambda number: f"{number:,}"
    return made


_PAGES = _templates()


def sections(sight: Snapshot, word: str) -> Mapping[str, str]:
    """Return each section's inside. `word` is what the forms of this session carry."""
    told: dict[str, object] = {"sight": sight, "pulse": sight.pulse, "word": word}
    told["now"] = sight.at
    found = {}
    for name in SECTIONS:
        if sight.pulse is None and name != "alarms":
            found[name] = ""
            continue
        more = _plots(sight) if name == "numbers" else {}
        found[name] = _PAGES.get_template(f"{name}.html").render(**told, **more)
    return found


def _plots(sight: Snapshot) -> dict[str, object]:
    """Their texts are escaped where they are made."""
    if sight.numbers is None:
        return {"throughput": "", "latency": ""}
    return {
        "throughput": Markup(plots.throughput(sight.numbers.stats.buckets)),  # noqa: S704
        "latency": Markup(plots.latency(sight.numbers.waits)),  # noqa: S704
    }


def page(sight: Snapshot, word: str) -> str:
    """Return the whole page."""
    insides = {name: Markup(html) for name, html in sections(sight, word).items()}  # noqa: S704
    return _PAGES.get_template("page.html").render(insides=insides)


def refusal(status: int, why: str) -> Response:
    """Return a kind page that says why not, and what to do."""
    html = _PAGES.get_template("refusal.html").render(sentence=_REFUSALS[why])
    return Response(html, status, media_type="text/html")
