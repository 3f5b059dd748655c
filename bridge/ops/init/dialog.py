"""Ask, try, show what changes, write. Nothing is written before the end, so that Ctrl-C leaves no half."""

import asyncio
import getpass
import os
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.markup import escape

from bridge.coze.kinds.agent import Kind
from bridge.coze.regions import COM
from bridge.errors import SettingsTrouble, Trouble
from bridge.ops.doctor.examine import report
from bridge.ops.init import credentials, env_file
from bridge.ops.init.agent_address import AgentPlace, NotUnderstood, read_agent_address
from bridge.ops.init.attempts import name_of_agent, name_of_bot
from bridge.ops.init.credentials import CONFIG, Credential, NoCredential, read_credential
from bridge.redaction import redacted
from bridge.settings.environment import ENV_FILE, environment, settings_from
from bridge.texts import chosen, translate

Answer = TypeVar("Answer")
_SECRET = ("TOKEN", "PRIVATE_KEY")
"""Ends of the names of variables whose values are shown in part only."""
_WAYS = ("TELEGRAM_API_BASE_URL", "TELEGRAM_PROXY", "COZE_PROXY")
"""By what was set in this shell, all was tried: a bridge that is started elsewhere needs it, too."""
KEY_FILE = "coze-private-key.pem"


@dataclass(frozen=True)
class Given:
    """What was given on the command line, and need not be asked."""

    token: str | None = None
    agent: str | None = None
    credential: str | None = None
    client_id: str | None = None
    public_key_id: str | None = None
    operator: str | None = None
    yes: bool = False
    """Whether nothing is asked at all: what is missing is a fault."""


_YES = {
    "",
    "y",
    "yes",
    "j",
    "是",
    "好",
    "はい",
    "д",
    "да",
    "s",
    "si",
    "sí",
    "sim",
    "ya",
    "có",
    "بله",
}
"""What agrees, in any of the languages; an empty line does, too."""


class Wrong(Exception):
    """An answer that cannot be used: said, and asked again where there is somebody to ask."""


class Unanswered(Exception):
    """There is nobody to ask; it says what is missing, or was refused."""


def language_of(variables: Mapping[str, str]) -> str:
    """Return the language of the terminal, by its locale. Pure."""
    named = next(
        (variables[one] for one in ("LC_ALL", "LC_MESSAGES", "LANG") if variables.get(one)), ""
    )
    return chosen(named)


def said(given: Given, folder: Path) -> bool:
    """Set the bridge up, then have the doctor try everything. Returns whether all is well."""
    console, language = Console(highlight=False, soft_wrap=True), language_of(os.environ)
    try:
        if not init(given, folder):
            return False
    except Unanswered as unanswered:
        console.print(f"\n[red]✗[/red] {escape(str(unanswered))}")
        return False
    console.print(escape(translate(language, "init.doctor")))
    good = asyncio.run(report(settings_from(environment(folder / ENV_FILE))))
    if good:  # else the doctor has said what to do
        console.print(escape(translate(language, "init.next")))
    return good


def init(given: Given, folder: Path) -> bool:
    """Set the bridge up in a folder. Returns whether `.env` was written.

    Raises SettingsTrouble for an `.env` that cannot be read, Unanswered where nobody is there to ask,
    Trouble, and OSError.
    """
    with tempfile.TemporaryDirectory(prefix="bridge-init-") as spare:
        return Dialog(given, folder, Path(spare)).run()


class Dialog:
    """The questions of `bridge init`, in the language of the terminal."""

    def __init__(self, given: Given, folder: Path, spare: Path) -> None:
        """`spare` is a folder for files that are only tried, and deleted afterwards."""
        self._given = given
        self._folder = folder
        self._spare = spare
        self._console = Console(highlight=False, soft_wrap=True)
        self._language = language_of(os.environ)
        self._known = environment(folder / ENV_FILE)
        """What is set already. Raises SettingsTrouble for a file that cannot be read."""

    def run(self) -> bool:
        """Ask everything and write it. Returns whether that was done. Raises Unanswered, OSError."""
        self._say("init.hello")
        values = self._token()
        place = self._agent()
        way_in = self._credential(place)
        values |= credentials.variables_of(place, way_in)
        table = credentials.table_of(place, way_in)
        values |= self._operator()
        values |= {name: os.environ[name] for name in _WAYS if os.environ.get(name)}
        return self._write(values, table, way_in)

    def _token(self) -> dict[str, str]:
        self._say("init.token_how")
        known = self._known.get("TELEGRAM_BOT_TOKEN", "")

        def read(answer: str) -> dict[str, str]:
            found = {"TELEGRAM_BOT_TOKEN": answer.strip()}
            name = self._tried(lambda: name_of_bot({**self._known, **found}))
            self._say("init.token_good", name=name)
            return found

        return self._ask("init.token", self._given.token, known, read, secret=True)

    def _agent(self) -> AgentPlace:
        self._say("init.agent_how")
        base = self._known.get("COZE_API_BASE", COM)

        def read(answer: str) -> AgentPlace:
            try:
                place = read_agent_address(answer, base)
            except NotUnderstood as error:
                raise Wrong(self._words(error.key)) from None
            shown = place.workflow_id or place.bot_id or place.address
            self._say("init.agent_good", kind=place.kind.value, id=shown, place=place.address)
            return place

        place = self._ask("init.agent", self._given.agent, self._known.get("COZE_BOT_ID", ""), read)
        if not place.incomplete:
            return place

        def read_owner(answer: str) -> AgentPlace:
            try:
                owner = read_agent_address(answer, place.address)
            except NotUnderstood as error:
                app = answer.rstrip("/").rpartition("/")[2]
                if error.key == "init.agent_app" and app.isdecimal():
                    return replace(place, app_id=app)
                raise Wrong(self._words(error.key)) from None
            return replace(place, bot_id=owner.bot_id, app_id=owner.app_id)

        return self._ask("init.flow_for", None, "", read_owner)

    def _credential(self, place: AgentPlace) -> Credential:
        how = "init.project_token_how" if place.kind is Kind.PROJECT else "init.credential_how"
        page = "www.coze.cn" if place.address.endswith(".cn") else "www.coze.com"
        self._say(how, page=page)

        def read(answer: str) -> Credential:
            try:
                found = read_credential(answer)
            except NoCredential as error:
                raise Wrong(self._words(error.key)) from None
            if found.incomplete:
                found = replace(
                    found,
                    client_id=self._line("init.client_id", self._given.client_id),
                    public_key_id=self._line("init.key_id", self._given.public_key_id),
                )
            name = self._tried(lambda: name_of_agent(self._to_try(place, found)))
            self._say("init.credential_good" if name else "init.credential_good_unnamed", name=name)
            return found

        known = "" if place.kind is not Kind.CHAT else self._known.get("COZE_API_TOKEN", "")
        return self._ask("init.credential", self._given.credential, known, read, secret=True)

    def _to_try(self, place: AgentPlace, way_in: Credential) -> dict[str, str]:
        """Return the variables with the agent alone, its file written where nothing else looks for it."""
        ours = ("COZE_BOT_ID", "COZE_API_TOKEN", "COZE_JWT", "BRIDGE_CONFIG", "BRIDGE_PUBLIC")
        others = {name: one for name, one in self._known.items() if not name.startswith(ours)}
        key = Path(way_in.key_file) if way_in.key_file else None
        pem = credentials.pem_of(key) if key is not None else None
        if pem is not None:  # the key inside a JSON file
            way_in = replace(way_in, key_file=str(self._aside(KEY_FILE, pem)))
        found = credentials.variables_of(place, way_in)
        if table := credentials.table_of(place, way_in):
            found["BRIDGE_CONFIG"] = str(self._aside(CONFIG, table))
        return others | found

    def _operator(self) -> dict[str, str]:
        self._say("init.operator_how")

        def read(answer: str) -> dict[str, str]:
            ids = [one for one in answer.replace(",", " ").split() if one]
            if not all(one.isascii() and one.isdecimal() for one in ids):
                raise Wrong(self._words("init.operator_wrong"))
            return {"BRIDGE_OPERATORS": ",".join(ids)} if ids else {}

        known = self._known.get("BRIDGE_OPERATORS", "")
        return self._ask("init.operator", self._given.operator, known, read, optional=True)

    def _write(self, values: dict[str, str], table: str, way_in: Credential) -> bool:
        """Show what changes, and write it when that is meant."""
        path, config, key = (self._folder / name for name in (ENV_FILE, CONFIG, KEY_FILE))
        pem = credentials.pem_of(Path(way_in.key_file)) if way_in.key_file else None
        if pem is not None:
            values = {
                name: str(key) if value == way_in.key_file else value
                for name, value in values.items()
            }
            table = table.replace(way_in.key_file, str(key))
        old = path.read_text("utf-8") if path.exists() else ""
        if table and config.exists() and config.read_text("utf-8") != table:
            raise Trouble(
                "Writing the agent",
                f"there is a {CONFIG} already",
                cure=self._words("init.config_there"),
            )
        self._say("init.changes", path=path)
        for name, value in values.items():
            was = self._known.get(name)
            mark = "init.kept" if was == value else "init.changed" if was else "init.new"
            shown = env_file.masked(value) if name.endswith(_SECRET) else redacted(value)
            self._console.print(f"  {name}={escape(shown)}  [dim]{self._words(mark)}[/dim]")
        if over := sorted(name for name in values if os.environ.get(name)):
            self._say("init.environment", names=", ".join(over))
        if not self._given.yes and not self._confirmed():
            self._say("init.nothing")
            return False
        if pem is not None:
            env_file.save(key, pem)
        if table:
            env_file.save(config, table)
        env_file.save(path, env_file.changed(old, values))
        self._say("init.written", path=path)
        return True

    def _confirmed(self) -> bool:
        answer = self._line("init.sure", None).strip().casefold()
        return answer in _YES

    def _ask(
        self,
        key: str,
        given: str | None,
        known: str,
        read: Callable[[str], Answer],
        *,
        secret: bool = False,
        optional: bool = False,
    ) -> Answer:
        """Ask until the answer can be used; what was `given` or is `known` need not be typed."""
        if given is not None or self._given.yes:
            if given is None and not known and not optional:
                raise self._unanswered(key)
            try:
                return read(given if given is not None else known)
            except Wrong as wrong:
                raise Unanswered(f"{self._words(key)}: {wrong}") from None
        while True:
            answer = self._line(key, None, secret=secret, known=known) or known
            if not answer and not optional:
                continue
            try:
                return read(answer)
            except Wrong as wrong:
                self._console.print(f"[red]✗[/red] {escape(str(wrong))}")

    def _line(self, key: str, given: str | None, *, secret: bool = False, known: str = "") -> str:
        """Return a line that is typed, or was given. Raises Unanswered where nobody types."""
        if given is not None:
            return given
        if self._given.yes:
            raise self._unanswered(key)
        shown = env_file.masked(known) if secret and known else known
        prompt = f"{self._words(key)}{f' [{shown}]' if shown else ''}: "
        try:
            return getpass.getpass(prompt) if secret and sys.stdin.isatty() else input(prompt)
        except EOFError:
            raise self._unanswered(key) from None

    def _unanswered(self, key: str) -> Unanswered:
        return Unanswered(self._words("init.missing", what=self._words(key)))

    def _tried(self, attempt: Callable[[], Coroutine[object, object, str]]) -> str:
        """Return what an attempt finds out. Raises Wrong with what is in the way, and its cure."""
        with self._console.status(self._words("init.trying")):
            try:
                return asyncio.run(attempt())
            except SettingsTrouble as trouble:
                raise Wrong("; ".join(trouble.faults)) from None
            except Trouble as trouble:
                raise Wrong(str(trouble)) from None

    def _aside(self, name: str, text: str) -> Path:
        path = self._spare / name
        env_file.save(path, text)
        return path

    def _say(self, key: str, **values: object) -> None:
        self._console.print(escape(self._words(key, **values)))

    def _words(self, key: str, **values: object) -> str:
        return translate(self._language, key, **values)
