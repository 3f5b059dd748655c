"""The texts of the answers, one Markdown file each."""

from functools import cache
from importlib.resources import files


@cache
def answer_text(name: str) -> str:
    """Return the text `markdown/<name>.md`, without the newline at its end."""
    folder = files(__package__ or __name__) / "markdown"
    return (folder / f"{name}.md").read_text(encoding="utf-8").rstrip("\n")
