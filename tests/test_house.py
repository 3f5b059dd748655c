"""What is written down is true: imports, settings, commands, sentences, sizes."""

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalogues import sentences, specs
from manual import defaults

import bridge
from bridge.errors import Trouble
from bridge.model import ChatKey
from bridge.preferences import Preferences
from bridge.settings import Settings
from bridge.settings.agent_tables import Fact
from bridge.store.operators.access import Access
from bridge.telegram.alarms import ALARM_KINDS
from bridge.telegram.commands.operators.reports import SPANS
from bridge.telegram.commands.settings_menu import _values, keyboard
from bridge.telegram.commands.table import COMMANDS, OPERATOR_COMMANDS
from bridge.texts import languages, translate

ROOT = Path(bridge.__file__).parent
PROJECT = ROOT.parent
EXAMPLE = (PROJECT / ".env.example").read_text(encoding="utf-8")

ARROWS: dict[str, set[str]] = {
    "model": {"preferences"},
    "preferences": set(),
    "redaction": set(),
    "errors": {"redaction"},
    "failpoints": set(),
    "texts": set(),
    "sandbox": set(),
    "serving": set(),
    "transport": set(),
    "metrics": set(),
    "proxies": set(),
    "coze": {"errors", "redaction", "transport", "failpoints", "metrics"},
    "store": {"model", "preferences", "errors"},
    "sharing": {"errors", "store"},
    "shard_work": {"errors", "model", "sharing", "store", "telegram"},
    "relay": {"model", "preferences", "errors", "coze", "store", "metrics"},
    "telegram": {"model", "preferences", "errors", "redaction", "relay", "store", "sharing", "coze", "texts",
                 "transport", "failpoints",
                 "metrics", "__version__"},
    "settings": {"model", "preferences", "errors", "texts", "coze", "store", "proxies"},
    "health": {"store", "telegram"},
    "housekeeping": {"errors", "store", "telegram"},
    "process_report": {"errors", "health", "redaction", "sharing", "store", "telegram", "__version__"},
    "parts": {"coze", "errors", "health", "housekeeping", "metrics", "model", "preferences", "process_report",
              "redaction", "relay", "settings", "shard_work", "sharing", "store", "telegram", "transport"},
    "app": {"health", "housekeeping", "parts", "process_report", "shard_work", "sharing",
            "model", "preferences", "errors", "texts", "settings", "coze", "store", "relay", "telegram",
            "metrics", "__version__"},
    "ops": {"model", "preferences", "errors", "redaction", "texts", "settings", "coze", "store", "relay",
            "sharing", "telegram", "parts", "app", "sandbox", "serving",
            "metrics", "transport", "__version__"},
    "__main__": {"ops"},
    "__init__": set(),
}  # fmt: skip


def sources() -> Iterator[Path]:
    return ROOT.rglob("*.py")


def imported(path: Path) -> set[str]:
    """The parts of the house that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "bridge":
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bridge."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {
                one.name.split(".")[1] for one in node.names if one.name.startswith("bridge.")
            }
    return found


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def test_no_import_points_up() -> None:
    wrong = {
        f"{path.relative_to(PROJECT)} -> {part}"
        for path in sources()
        for part in imported(path) - {part_of(path)} - ARROWS[part_of(path)]
    }
    assert wrong == set()


def test_only_its_command_imports_the_sandbox() -> None:
    others = [path for path in sources() if part_of(path) != "sandbox"]
    found = {path.name for path in others if "sandbox" in imported(path)}
    assert found == {"sandbox.py", "sandbox_agents.py"}


ROOMS: dict[str, set[str]] = {
    "post": set(),
    "callback_data": set(),
    "markdown": {"post"},
    "updates": {"post"},
    "pace": set(),
    "api": {"post", "updates", "pace"},
    "status": {"pace"},
    "access": {"post", "callback_data", "updates", "pace", "api"},
    "alarms": {"post", "pace", "api", "access"},
    "agent_checks": {"alarms"},
    "files": {"post", "pace", "markdown", "updates", "api"},
    "reply": {"post", "pace", "callback_data", "markdown", "api", "files"},
    "questions": {"post", "pace", "callback_data", "updates", "api", "access", "reply"},
    "commands": {"post", "pace", "callback_data", "markdown", "updates", "api", "status", "access", "files",
                 "reply", "questions"},
    "inbound": {"post", "pace", "callback_data", "updates", "api", "status", "access", "reply", "questions",
                "commands"},
}  # fmt: skip
"""The rooms of `bridge/telegram`, the lowest first, and what each may import."""


def room_of(module: str) -> str:
    return module.removeprefix("bridge.telegram.").partition(".")[0]


def test_rooms_import_only_what_is_below() -> None:
    wrong = set()
    for path in (ROOT / "telegram").rglob("*.py"):
        room = path.relative_to(ROOT / "telegram").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom):
                continue
            module = str(node.module)
            if module == "bridge.telegram":
                modules = [f"{module}.{one.name}" for one in node.names]
            else:
                modules = [module] if module.startswith("bridge.telegram.") else []
            wrong |= {
                f"{path.relative_to(PROJECT)} -> {one}"
                for one in modules
                if room_of(one) not in ROOMS[room] | {room}
            }
    assert wrong == set()
    below: set[str] = set()
    for room, allowed in ROOMS.items():
        assert allowed <= below, room  # so there is no circle
        below.add(room)


def test_every_run_that_telegram_causes_begins_in_one_file() -> None:
    begins = re.compile(r"\bqueue\.(wait|wait_again|edit|join)\(")
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "telegram").rglob("*.py")
        if begins.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"telegram/questions/ask.py"}


def nesting(node: ast.AST, depth: int = 0) -> int:
    """How deep blocks stand in each other; `elif` is no deeper than its `if`."""
    blocks = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
    deepest = depth
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        chained = isinstance(node, ast.If) and node.orelse == [child] and isinstance(child, ast.If)
        deeper = isinstance(child, blocks) and not chained
        deepest = max(deepest, nesting(child, depth + deeper))
    return deepest


def test_files_and_functions_are_short() -> None:
    long = []
    for path in sources():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 350:
            long.append(str(path))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or node.lineno) - node.lineno + 1
                parts = len(node.args.args) + len(node.args.kwonlyargs) - 1
                if size > 50 or nesting(node) > 4 or (node.name == "__init__" and parts > 7):
                    long.append(f"{path}:{node.name}")
    assert long == []


def test_what_has_more_than_four_parts_names_them() -> None:
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources()}
    nodes = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    classes = {node.name for _, node in nodes if isinstance(node, ast.ClassDef)}
    classes.discard("Table")  # SQLAlchemy's takes any number of columns
    nameless = [
        f"{path}:{node.lineno}"
        for path, node in nodes
        if isinstance(node, ast.Call) and len(node.args) > 4
        if ast.unparse(node.func).rpartition(".")[2] in classes
    ]
    assert nameless == []


VERBS = """
Accept Add Answer Ask Be Begin Break Bring Call Cancel Change Check Choose Claim Close Commit Complete
Confirm Copy Count Decide Define Delete Deploy Do Double Draw Drop End Exchange Fail Fall Fetch Find
Finish Follow Forget Get Give Go Greet Group Hand Have Hear Hold Join Judge Keep Learn Leave Let List
Log Look Lower Make Mark Migrate Name Note Offer Open Overwrite Play Print Process Put Raise Read Refuse
Register Remember Remove Rename Reserve Reset Restart Return Rise Run Save Say See Select Send Serve Set
Settle Show Silence Start Stop Switch Take Talk Teach Tell Trim Try Turn Undo Upload Use Wait Wake Wish Write
Yield
"""
"""With which docstrings begin; another verb is added here."""


def public(node: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for child in node.body:
        if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
            yield from public(child)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = " ".join(ast.unparse(one) for one in child.decorator_list)
            if not child.name.startswith("_") and not re.search("property|setter", decorators):
                yield child


def test_what_a_public_function_says_of_itself_begins_with_a_verb() -> None:
    wrong = []
    for path in sources():
        for function in public(ast.parse(path.read_text(encoding="utf-8"))):
            says = (ast.get_docstring(function) or "").partition(" ")[0].rstrip(",:;")
            if says not in VERBS.split():
                wrong.append(f"{path.relative_to(PROJECT)}:{function.lineno} {says}")
    assert wrong == []


def test_no_folder_holds_more_than_one_can_look_through() -> None:
    counts = Counter(path.parent for path in sources() if path.name != "__init__.py")
    assert {folder: count for folder, count in counts.items() if count > 16} == {}


def test_the_map_names_what_there_is() -> None:
    """Every file and every test that the architecture page and the guide name exists."""
    tests = {
        node.name
        for path in (PROJECT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    classes = {
        node.name: {
            one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    } | {"OpenReply": set()}
    files = {path.name for folder in (ROOT, PROJECT / "tests") for path in folder.rglob("*.py")}
    for page in (PROJECT / "docs" / "architecture.md", PROJECT / "CONTRIBUTING.md"):
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        named = re.findall(r"`([^`\n]+)`", text)
        paths = [one for one in named if re.fullmatch(r"(bridge|tests|migrations)/[\w/.]+", one)]
        assert paths
        assert [one for one in paths if not (PROJECT / one).exists()] == []
        assert {one for one in named if re.fullmatch(r"test_\w+", one)} <= tests
        assert {one for one in named if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", one)} <= {*classes}
        methods = [one.split(".") for one in named if re.fullmatch(r"[A-Z]\w+\.\w+", one)]
        wrong = [f"{one}.{method}" for one, method in methods if method not in classes.get(one, ())]
        assert [one for one in wrong if one != "BotClient.moved"] == []  # an attribute
        assert {one for one in named if re.fullmatch(r"\w+\.py", one)} <= files
    assert (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8").count("\n") <= 250


def test_the_example_lists_every_setting_with_its_sentence() -> None:
    assert set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE)) == set(defaults())
    flat = " ".join(line.removeprefix("# ") for line in EXAMPLE.splitlines())
    for field in Settings.model_fields.values():
        assert str(field.description) in flat


def test_every_sentence_is_used_and_every_used_one_exists() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources())
    kinds = "|".join({key.partition(".")[0] for key in sentences("en")})
    used = set(re.findall(rf'"((?:{kinds})\.\w+)"', code))
    used |= {f"command.{name}" for name in (*COMMANDS, *OPERATOR_COMMANDS)}
    used |= {
        f"access.{state}{length}" for state in ("allowed", "denied") for length in ("", "_short")
    }
    used -= {"chats.chat_id", "chats.thread_id"}  # columns
    used |= {f"stats.{span}" for span in SPANS}
    used |= {f"users.is_{state}" for state in Access} | {"users.how_allowed", "users.how_blocked"}
    used |= {f"broadcast.{state}" for state in ("delivered", "blocked", "failed", "unknown")}
    used |= {f"button.{name}" for name in ("block", "send", "cancel")}
    used |= {"access.blocked", "access.blocked_short"} | {f"fact.{one}" for one in Fact}
    used |= {f"alarm.is.{kind}" for kind in ALARM_KINDS} | {"users.is_new", "users.is_open"}
    used |= {"button.allow", "button.deny", "settings.is.lines"}
    for key in (ChatKey(1), ChatKey(-1)):
        for row in keyboard(Preferences(), Preferences(), key, "en"):
            name = row[0].data.split(":")[1]
            used |= {f"settings.{name}"}
            used |= {f"settings.is.{value}" for value in _values(name, key) if name != "context"}
    used -= {f"settings.is.{language}" for language in languages()}
    used |= {spec for forms in sentences("en").values() for spec in specs(forms[-1])}
    assert used == set(sentences("en"))


def all_troubles(kind: type[Trouble] = Trouble) -> set[type[Trouble]]:
    return {kind} | {one for inner in kind.__subclasses__() for one in all_troubles(inner)}


@pytest.mark.parametrize("kind", sorted(all_troubles(), key=lambda one: one.__name__))
def test_every_trouble_has_a_sentence_and_a_cure(kind: type[Trouble]) -> None:
    assert translate("zh-hans", kind.sentence) != translate("en", kind.sentence)
    assert kind.cure.endswith(".")


def test_nothing_of_the_machine_stands_in_the_project() -> None:
    for path in [
        *sources(),
        *PROJECT.glob("*.md"),
        *PROJECT.glob("*.toml"),
        PROJECT / "constraints.txt",
    ]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(?:home|root|work)/|index-url|://[^/]*pypi", text), path


def test_every_library_that_is_imported_is_declared() -> None:
    names = {"PIL": "pillow", "dotenv": "python-dotenv", "jwt": "pyjwt",
             "markdown_it": "markdown-it-py", "telegram": "python-telegram-bot"}  # fmt: skip
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    extra = [*extras["postgres"], *extras["charts"]]
    declared = {re.split(r"[^\w.-]", one)[0].lower() for one in [*project["dependencies"], *extra]}
    used = set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                used |= {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom):
                used.add(str(node.module).partition(".")[0])
    used -= {*sys.stdlib_module_names, "bridge"}
    assert {names.get(one, one.replace("_", "-")) for one in used} <= declared
    assert project["scripts"]["coze-telegram-bridge"] == project["scripts"]["bridge"]
