"""What was seen, as HTML: one template for each section of the page. Pure but for the templates."""

import gettext
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import Response

from bridge.model import State
from bridge.ops.dashboard import plots
from bridge.ops.dashboard.snapshot import Snapshot
from bridge.store.operators.access import Access
from bridge.store.operators.stats import Failure
from bridge.texts import age, compiled

_FOLDER = Path(__file__).parent
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
    "coze": "Coze not reachable",
    "process": "Process lost",
}
_STATES: dict[Access | None, str] = {
    None: "new",
    Access.ASKED: "asks",
    Access.ALLOWED: "allowed",
    Access.DENIED: "denied",
    Access.BLOCKED: "blocked",
}


LANGUAGES = ("en", "zh")


def language_of(accepted: str) -> str:
    """Return the page's language for what a browser asks for (the header Accept-Language)."""
    for wanted in accepted.split(","):
        tag, _, weight = wanted.partition(";")
        first = tag.strip().lower().partition("-")[0]
        if first in LANGUAGES and not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight):
            return first
    return LANGUAGES[0]


def alarm_title(kind: str, say: Callable[[str], str] = str) -> str:
    """Return what is wrong, in a few words."""
    word, _, agent = kind.partition(" ")
    title = say(_ALARMS.get(word, word.capitalize()))
    return f"{title}: {agent}" if agent else title


def moment(at: float) -> str:
    """Return a moment as people write it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def decisions(state: Access | None, *, by_approval: bool) -> list[tuple[str, str]]:
    """Return what can be decided about somebody who is in that state: verbs and labels."""
    if state is None and not by_approval:
        return [_DECISIONS[Access.BLOCKED]]
    return [pair for each, pair in _DECISIONS.items() if each is not state]


def failures(sight: Snapshot) -> list[tuple[Failure, int]]:
    """Return the last failures, those that differ in nothing but the log id as one, with how many."""
    found: dict[tuple[int, str, str], list[Failure]] = {}
    for one in sight.failures:
        what = re.sub(r",? ?log id [\w-]+", "", one.trouble)
        found.setdefault((one.chat_id, one.code or "", what), []).append(one)
    return [(same[0], len(same)) for same in found.values()]


@cache
def _templates(language: str) -> Environment:
    known = translations(language)
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(known, newstyle=True)  # type: ignore[attr-defined]  # of i18n

    def ago(at: float, now: float) -> str:
        if now - at < 1:
            return known.gettext("just now")
        return known.gettext("%(span)s ago") % {"span": age(now - at, language)}

    made.globals |= {
        "ago": ago,
        "span": lambda seconds: age(max(1.0, seconds), language),
        "moment": moment,
        "alarm_title": lambda kind: alarm_title(kind, known.gettext),
        "decisions": decisions,
        "failures": failures,
        "state_of": lambda state: _STATES[state],
        "RUNNING": State.RUNNING,
        "language": language,
    }
    made.filters["thousands"] = lambda number: f"{number:,}"
    return made


@cache
def translations(language: str) -> gettext.NullTranslations:
    """Return what the page says in a language; in English, what stands in the templates."""
    if language == LANGUAGES[0]:
        return gettext.NullTranslations()
    return compiled((_FOLDER / f"{language}.po").read_text(encoding="utf-8"))


def sections(sight: Snapshot, word: str, language: str = "en") -> Mapping[str, str]:
    """Return each section's inside. `word` is what the forms of this session carry."""
    told: dict[str, object] = {"sight": sight, "pulse": sight.pulse, "word": word}
    told["now"] = sight.at
    found = {}
    for name in SECTIONS:
        if sight.pulse is None and name != "alarms":
            found[name] = ""
            continue
        more = _plots(sight, language) if name == "numbers" else {}
        found[name] = _templates(language).get_template(f"{name}.html").render(**told, **more)
    return found


def _plots(sight: Snapshot, language: str) -> dict[str, object]:
    """Their texts are escaped where they are made."""
    if sight.numbers is None:
        return {"throughput": "", "latency": ""}
    say = translations(language).gettext
    return {
        "throughput": Markup(plots.throughput(sight.numbers.stats.buckets, say)),  # noqa: S704
        "latency": Markup(plots.latency(sight.numbers.waits, say)),  # noqa: S704
    }


def page(sight: Snapshot, word: str, language: str = "en") -> str:
    """Return the whole page."""
    found = sections(sight, word, language)
    insides = {name: Markup(html) for name, html in found.items()}  # noqa: S704
    return _templates(language).get_template("page.html").render(insides=insides, sight=sight)


def refusal(status: int, why: str, language: str = "en") -> Response:
    """Return a kind page that says why not, and what to do."""
    shown = _templates(language).get_template("refusal.html")
    return Response(shown.render(sentence=_REFUSALS[why]), status, media_type="text/html")
