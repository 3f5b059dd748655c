"""The variables that the settings are read from: those of the process, over those of `.env`."""

import os
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from bridge.errors import SettingsTrouble

ENV_FILE = Path(".env")


def environment(env_file: Path = ENV_FILE) -> dict[str, str]:
    """The variables of the process, over those of the `.env` file. Raises SettingsTrouble."""
    from_file: dict[str, str | None] = {}
    try:
        with env_file.open(encoding="utf-8") as lines:
            broken = [str(line.original.line) for line in parse_stream(lines) if line.error]
        if broken:
            where = ", ".join(broken)
            raise SettingsTrouble(
                (f"{env_file}, line {where}: cannot be read; write NAME=value, quotes closed",)
            )
        from_file = dotenv_values(env_file, encoding="utf-8")
    except FileNotFoundError:
        pass
    except OSError as error:
        raise SettingsTrouble((f"{env_file} cannot be read ({error.strerror})",)) from None
    except UnicodeDecodeError:
        raise SettingsTrouble((f"{env_file} is not UTF-8 text; save it as that",)) from None
    return {name: value for name, value in {**from_file, **os.environ}.items() if value}
