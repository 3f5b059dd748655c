"""Change the values of an `.env` file, and leave all else in it as it is."""

import os
import tempfile
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream


def changed(text: str, values: Mapping[str, str]) -> str:
    """Return the text with these values: each where its name stands already, else at the end. Pure."""
    left, lines = dict(values), []
    for binding in parse_stream(StringIO(text)):
        original = binding.original.string
        if binding.key in left:
            lead = original[: len(original) - len(original.lstrip())]
            lead += "export " if original.lstrip().startswith("export ") else ""
            lines.append(f"{lead}{binding.key}={quoted(left.pop(binding.key))}\n")
        elif binding.key not in values:  # a second one of a name that was changed would win
            lines.append(original)
    before = "".join(lines)
    if left and before and not before.endswith("\n"):
        before += "\n"
    return before + "".join(f"{name}={quoted(value)}\n" for name, value in left.items())


def quoted(value: str) -> str:
    """Return a value as the file keeps it: in quotes where it holds more than plain signs. Pure."""
    if value and all(one.isalnum() or one in "._-:/@+,=~" for one in value):
        return value
    inner = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{inner}"'


def save(path: Path, text: str) -> None:
    """Write the file whole or not at all, readable for its owner only. Raises OSError."""
    handle, name = tempfile.mkstemp(prefix=".env-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o600)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def masked(value: str) -> str:
    """Return a secret so that its owner knows it again, and nobody else learns it. Pure."""
    return f"{value[:4]}…{value[-2:]}" if len(value) > 12 else "…"
