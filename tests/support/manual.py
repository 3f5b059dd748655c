"""The pages of the manual: what in them is made from the program, and what in them is run."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from typer.main import get_command

from bridge.errors import Trouble
from bridge.ops.cli import app
from bridge.settings import Settings
from bridge.telegram.alarms import ALARM_KINDS, described
from bridge.telegram.commands.table import COMMANDS, OPERATOR_COMMANDS, description
from bridge.texts import translate

DOCS = Path(__file__).parents[2] / "docs"
_MADE = re.compile(r"<!-- generated: ([\w ]+) -->\n(.*?)<!-- end -->", re.DOTALL)
_RUN = re.compile(r"<!-- run -->\n```sh\n(.*?)```", re.DOTALL)


def pages(language: str = "en") -> list[Path]:
    """Return the manual's pages in a language."""
    chinese = set(DOCS.glob("*.zh.md"))
    return sorted(chinese if language == "zh" else {*DOCS.glob("*.md")} - chinese)


def with_generated(text: str) -> str:
    """Return a page with all that is made from the program made anew."""
    return _MADE.sub(
        lambda found: f"<!-- generated: {found[1]} -->\n{PARTS[found[1]]()}<!-- end -->", text
    )


def commands_to_run(text: str) -> Iterator[str]:
    """Give the lines of a page's blocks that are marked to be run."""
    for block in _RUN.findall(text):
        yield from block.strip().splitlines()


def defaults() -> Mapping[str, str]:
    """Return every setting's default as it is written."""
    shown = {}
    for name, field in Settings.model_fields.items():
        default = field.default if not field.is_required() else None
        if isinstance(default, tuple):
            default = ",".join(f"{one:g}" if one != 3.0 else str(one) for one in default)
        shown[name.upper()] = str(default) if default not in (None, {}) else ""
    return shown


def troubles(kind: type[Trouble] = Trouble) -> list[type[Trouble]]:
    """Return every kind of trouble, the general ones before the special ones."""
    found = [one for inner in kind.__subclasses__() for one in (inner, *troubles(inner))]
    return list(dict.fromkeys(found))


def _settings() -> str:
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, default in defaults().items():
        shown = f" `{default}` " if default else " "
        rows.append(f"| `{name}` |{shown}| {Settings.model_fields[name.lower()].description} |")
    return "\n".join(rows) + "\n"


def _commands(names: Mapping[str, object]) -> str:
    rows = [f"| `/{name}` | {description(name, 'en')} |" for name in names]
    return "\n".join(["| command | what it does |", "|---|---|", *rows]) + "\n"


def _command_line() -> str:
    rows = ["| command | what it does |", "|---|---|"]
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        for path, one in (
            [(f"{name} {word}", one) for word, one in inner.items()] if inner else [(name, command)]
        ):
            sentence = " ".join((one.help or "").split("\n\n")[0].split())
            rows.append(f"| `bridge {path}` | {sentence} |")
    return "\n".join(rows) + "\n"


def _alarms() -> str:
    rows = [f"| `{kind}` | {described(kind, 'en')} |" for kind in ALARM_KINDS]
    return "\n".join(["| kind | what operators read |", "|---|---|", *rows]) + "\n"


def _errors() -> str:
    rows = ["| error | what happened | what people read | what to do |", "|---|---|---|---|"]
    for kind in troubles():
        what = (kind.__doc__ or "").strip().splitlines()[0]
        said = translate("en", kind.sentence)
        rows.append(f"| `{kind.__name__}` | {what} | {said} | {kind.cure} |")
    return "\n".join(rows) + "\n"


PARTS: Mapping[str, Callable[[], str]] = {
    "settings": _settings,
    "commands": lambda: _commands(COMMANDS),
    "operators": lambda: _commands(OPERATOR_COMMANDS),
    "command line": _command_line,
    "alarms": _alarms,
    "errors": _errors,
}
