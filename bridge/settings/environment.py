"""From variables to settings: those of the process, over those of `.env`; all faults at once."""

import os
import re
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import ValidationError

from bridge.errors import SettingsTrouble
from bridge.proxies import proxy_address, proxy_variable
from bridge.settings import Settings
from bridge.settings.agents import Declaration, DeclaredAgent, read_declaration

ENV_FILE = Path(".env")


def environment(env_file: Path = ENV_FILE) -> dict[str, str]:
    """Return the variables of the process, over those of the `.env` file. Raises SettingsTrouble."""
    from_file: dict[str, str | None] = {}
    try:
        with env_file.open(encoding="utf-8") as lines:
            broken = [str(line.original.line) for line in parse_stream(lines) if line.error]
        if broken:
            where = f"line{'s' if broken[1:] else ''} {', '.join(broken)}"
            raise SettingsTrouble(
                (f"{env_file}, {where}: cannot be read; write NAME=value, quotes closed",)
            )
        from_file = dotenv_values(env_file, encoding="utf-8")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise SettingsTrouble((f"{env_file} cannot be read ({error.strerror})",)) from None
    except UnicodeDecodeError:
        raise SettingsTrouble((f"{env_file} is not UTF-8 text; save it as that",)) from None
    process = {name: _unquoted(name, value) for name, value in os.environ.items()}
    found = {**_system_proxies(), **from_file, **process}
    return {name: value for name, value in found.items() if value}


def _unquoted(name: str, value: str) -> str:
    """Return a setting of the process without the quotes that `docker run --env-file` keeps."""
    ours = name.startswith(("TELEGRAM_", "COZE_", "BRIDGE_")) or name == "DATABASE_URL"
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if ours and quoted else value


def _system_proxies() -> dict[str, str]:
    """Proxies of the system's own settings, which Windows and macOS have, where no variable is set."""
    if urllib.request.getproxies_environment():
        return {}
    return {f"{scheme}_proxy": place for scheme, place in urllib.request.getproxies().items()}


def settings_from(variables: Mapping[str, str]) -> Settings:
    """Return the settings in a set of variables. Raises SettingsTrouble with every fault at once."""
    values = {name.lower(): value.strip() for name, value in variables.items() if value.strip()}
    config = values.get("bridge_config")
    declared = read_declaration(Path(config), variables) if config else Declaration()
    faults = [*_unknown(variables), *_ways_in(values, declared), *declared.faults]
    try:
        made = Settings.model_validate(values).with_agents(declared.agents)
        made, unusable = _with_proxies(made, variables)
        faults += [*unusable, *_elsewhere(made)]
    except ValidationError as error:
        first = {one["loc"][0]: one for one in reversed(error.errors())}  # one a variable
        told = [_worded(one["loc"], one["type"], one["msg"]) for one in first.values()]
        faults = [*reversed(told), *faults]
    if faults:
        faults += _near_misses(variables)
        raise SettingsTrouble(tuple(faults))
    return made


def _elsewhere(settings: Settings) -> Sequence[str]:
    """Return the agents that would take the credential of the environment to another Coze."""
    return [
        f"[agents.{one.name}] is not at COZE_API_BASE; give it a credential of its own, such as token_env"
        for one in settings.agents
        if one.borrows and one.table.address not in (None, settings.coze_api_base)
    ]


def _with_proxies(
    settings: Settings, variables: Mapping[str, str]
) -> tuple[Settings, Sequence[str]]:
    """Return the settings with the proxies of the environment, where none is set; and what is wrong there."""
    found, faults = dict[str, str](), dict[str, str]()
    ways = {
        "telegram_proxy": settings.telegram_api_base_url,
        "coze_proxy": settings.coze_api_base,
    }
    for field, address in ways.items():
        name = proxy_variable(address, variables)
        if getattr(settings, field) is not None or name is None:
            continue
        try:
            found[field] = proxy_address(variables[name])
        except ValueError as error:
            faults[name] = f"{name} {error}; or name in NO_PROXY what is reached without it"
    agents = [_with_proxy(one, settings, variables, faults) for one in settings.agents]
    made = settings.model_copy(update=found).with_agents(tuple(agents))
    return made, [*faults.values()]


def _with_proxy(
    agent: DeclaredAgent,
    settings: Settings,
    variables: Mapping[str, str],
    faults: dict[str, str],
) -> DeclaredAgent:
    """Return an agent with the proxy on the way to its own address; `faults` gets what is wrong."""
    if settings.coze_proxy is not None:
        return replace(agent, proxy=settings.coze_proxy)
    name = proxy_variable(agent.table.address or settings.coze_api_base, variables)
    if name is None:
        return agent
    try:
        return replace(agent, proxy=proxy_address(variables[name]))
    except ValueError as error:
        faults[name] = f"{name} {error}; or name in NO_PROXY what is reached without it"
        return agent


def _unknown(variables: Mapping[str, str]) -> list[str]:
    """Names that begin like ours and are none: a typing error would change nothing in silence."""
    ours = [name.upper() for name in Settings.model_fields]
    return [
        f"{name} is not a setting; {_meant(name, ours)}"
        for name in variables
        if name.startswith("BRIDGE_")
        and name.lower() not in Settings.model_fields
        and not name.startswith("BRIDGE_TEST_")
    ]


def _meant(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.75)
    return f"did you mean {close[0]}?" if close else "look for a typing error"


def _near_misses(variables: Mapping[str, str]) -> list[str]:
    """Names of others that look like one of ours; worth a word only when something is wrong."""
    known = [name.upper() for name in Settings.model_fields]
    found = []
    for name in variables:
        if name in known or not name.startswith(("COZE_", "TELEGRAM_")):
            continue
        close = get_close_matches(name, known, n=1, cutoff=0.75)
        found += [f"{name} is not a setting; did you mean {close[0]}?"] if close else []
    return found


def _ways_in(values: Mapping[str, str], declared: Declaration) -> list[str]:
    """There must be one way into Coze, and it must be whole; none where no agent needs it."""
    jwt = {name for name in values if name.startswith("coze_jwt_oauth_")} - {
        "coze_jwt_oauth_audience"
    }
    if "coze_api_token" in values and jwt:
        return ["COZE_API_TOKEN and COZE_JWT_OAUTH_… are both set; keep one of the two ways"]
    names = [] if "coze_bot_id" in values or values.get("bridge_config") else ["COZE_BOT_ID"]
    missing = [f"{one} is missing. {_sentence(one)}" for one in names]
    if "coze_api_token" in values:
        return missing
    if not jwt:
        borrowing = any(one.borrows for one in declared.agents)
        if values.get("bridge_config") and "coze_bot_id" not in values and not borrowing:
            return []
        return [
            *missing,
            "COZE_API_TOKEN is missing; set it, or the COZE_JWT_OAUTH_… settings.",
        ]
    needed = ["coze_jwt_oauth_client_id", "coze_jwt_oauth_public_key_id"]
    faults = missing + [
        f"{name.upper()} is missing; the JWT way needs it" for name in needed if name not in jwt
    ]
    keys = jwt & {"coze_jwt_oauth_private_key", "coze_jwt_oauth_private_key_file_path"}
    if len(keys) != 1:
        word = "is missing" if not keys else "and …_FILE_PATH are both set"
        faults.append(f"COZE_JWT_OAUTH_PRIVATE_KEY {word}; set the key or the file, one of them")
    return faults


def _sentence(name: str) -> str:
    sentence = Settings.model_fields[name.lower()].description or ""
    return sentence.partition(" Required")[0]


def _worded(place: tuple[int | str, ...], kind: str, message: str) -> str:
    """Return a fault with its variable's name, without the value."""
    name = str(place[0]).upper()
    if kind == "missing" and len(place) == 1:
        return f"{name} is missing. {_sentence(name)}"
    if kind == "value_error":
        return f"{name} {message.removeprefix('Value error, ')}"
    field = Settings.model_fields[name.lower()]
    if name == "BRIDGE_OPERATORS":
        return f"{name} needs Telegram ids, which are numbers, such as 1234567,7654321"
    if name == "BRIDGE_FLOOD":
        return f"{name} needs two numbers, such as 20,3.0. {field.description}"
    if kind == "bool_parsing":
        return f"{name} must be true or false. {field.description}"
    return f"{name} {_wanted(kind, message)}. {field.description}"


def _wanted(kind: str, message: str) -> str:
    """Return in plain words what a number has to be."""
    bound = re.search(r"(-?[\d.]+)$", message)
    match kind, bound:
        case "int_parsing" | "int_from_float", _:
            return "must be a whole number"
        case "float_parsing", _:
            return "must be a number"
        case "less_than_equal", re.Match():
            return f"must be {bound[1]} at most"
        case "greater_than_equal", re.Match():
            return f"must be {bound[1]} at least"
        case "greater_than", re.Match():
            return f"must be more than {bound[1]}"
        case "less_than", re.Match():
            return f"must be less than {bound[1]}"
        case _:
            return f"cannot be used ({message})"
