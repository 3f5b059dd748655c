"""Which script answers a question: the table of keywords, and the names of all scripts."""

import re

from bridge.sandbox.coze.scripts import contents, nodes, plain, shows, tools, trouble
from bridge.sandbox.coze.scripts.plain import PLAIN_FOLLOW_UPS, of_text
from bridge.sandbox.coze.scripts.seeing import noticing
from bridge.sandbox.coze.scripts.steps import Script, Turn

SCRIPTS: dict[str, Script] = {
    "plain": of_text("plain", *PLAIN_FOLLOW_UPS),
    "long": of_text("long", "Show me a table", "Write some code"),
    "markdown": of_text("markdown", "Show me a table", "Write some code"),
    "table": of_text("table", "Show me all of Markdown"),
    "code": of_text("code", "How do you think about a puzzle?", "Show me a table"),
    "chinese": of_text("chinese", "再写一个表格", "用中文介绍你自己"),
    "tool": tools.tool,
    "local tool": tools.local_tool,
    "think": tools.think,
    "think tag": tools.think_tag,
    "follow": plain.follow,
    "knowledge": tools.knowledge,
    "two": tools.two,
    "card": tools.card,
    "question": tools.question,
    "menu": contents.menu,
    "studio menu": contents.studio_menu,
    "form": contents.form,
    "studio form": contents.studio_form,
    "sound": contents.sound,
    "audio": tools.audio,
    "memory": plain.memory,
    "empty": plain.empty,
    "slow": plain.slow,
    "fail": trouble.fail,
    "fail late": contents.fail_late,
    "fail bare": trouble.bare,
    "fail string": trouble.string_code,
    "error": trouble.error_event,
    "quota": trouble.quota,
    "cut": trouble.cut,
    "noise": trouble.noise,
}
SHOWS: dict[str, Script] = {
    "picture": shows.picture,
    "pictures": shows.pictures,
    "file": shows.file,
    "objects": contents.objects,
    "longcode": shows.long_code,
    "bigtable": shows.big_table,
}
"""Scripts whose answers hold links that differ each time, or are too large to be read."""
NODES: dict[str, Script] = {
    "options": nodes.options,
    "fields": nodes.fields,
    "extract": nodes.extract,
    "nodes": nodes.nodes,
    "about me": nodes.about,
}
"""Scripts of several runs: they ask, and the next message of the conversation goes on with them."""

_COMMANDS = (
    *SHOWS,
    *NODES,
    "fail bare",
    "fail string",
    "fail late",
    "fail",
    "error",
    "quota",
    "cut",
    "slow",
    "empty",
    "card",
    "two",
    "noise",
    "audio",
    "question",
    "menu",
    "studio menu",
    "form",
    "studio form",
    "sound",
    "follow",
)
_ANYWHERE: tuple[tuple[str, str], ...] = (
    (r"\bknow about me\b|知道我", "about me"),
    (r"\bremember\b|记得|记住", "memory"),
    (r"\bdraw\b.*\bpictures\b", "pictures"),
    (r"\bdraw\b|画一?[张幅]", "picture"),
    (r"\b(pdf|csv)\b", "file"),
    (r"\bbig table\b", "bigtable"),
    (r"\blong code\b", "longcode"),
    (r"\blocal[ -]tool\b", "local tool"),
    (r"\b(tools?|weather)\b", "tool"),
    (r"<think>|\bthink[ -]tag\b", "think tag"),
    (r"\b(think|reason)(ing)?\b", "think"),
    (r"\bknowledge\b", "knowledge"),
    (r"\bmarkdown\b", "markdown"),
    (r"\btable\b", "table"),
    (r"\b(python|code)\b", "code"),
    (r"\blong\b", "long"),
    (r"\bfollow[ -]?ups?\b", "follow"),
    (r"\btwo answers\b", "two"),
    (r"[\u4e00-\u9fff]{2}|\bchinese\b", "chinese"),
)


def chosen_name(turn: Turn) -> str:
    """Return the name of the script the question itself asks for, `plain` when none.

    Trouble and rarities have to be the first words, so that no chat runs into them by chance.
    """
    if turn.earlier and turn.earlier[-1] == ("assistant", tools.NODE_QUESTION):
        return "question"
    found = _named(turn.question.strip())
    return found if found != "plain" else _named(plain.spoken(turn.question))


def chosen_without_nodes(turn: Turn) -> Script:
    """Return the script that the question asks for where no node of a flow can wait for an answer."""
    name = chosen_name(turn)
    script = script_named("plain" if name in NODES else name)
    return noticing(script) if turn.attachments else script


def _named(question: str) -> str:
    text = question.lower().lstrip("/")
    for command in _COMMANDS:
        if re.match(rf"{command}\b", text):
            return command
    for pattern, name in _ANYWHERE:
        if re.search(pattern, text):
            return name
    return "plain"


def script_named(name: str) -> Script:
    """Return the script of that name; raises ValueError when there is none."""
    found = SCRIPTS.get(name) or SHOWS.get(name) or NODES.get(name)
    if found is None:
        there = ", ".join((*SCRIPTS, *SHOWS, *NODES))
        raise ValueError(f"no script {name!r}; there are: {there}")
    return found


def chosen(turn: Turn) -> Script:
    """Return the script the question itself asks for; it says first what the agent was given."""
    script = script_named(chosen_name(turn))
    return noticing(script) if turn.attachments else script
