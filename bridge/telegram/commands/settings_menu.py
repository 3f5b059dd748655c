"""What a chat can choose with /settings: one button for each choice, a tap takes the next. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from bridge.model import ChatKey
from bridge.preferences import Answers, Memory, Preferences, Reasoning, Speech, Streaming
from bridge.store.operators.agents import Listed
from bridge.telegram.callback_data import ChangeSetting, encode, parse
from bridge.telegram.post import Button, Keyboard
from bridge.texts import languages, locale_of, translate

AUTOMATIC = "auto"
"""The language of the person's Telegram."""

MOST_WORD = 32
"""Characters of a wake word."""
ALL, TOPIC, SHOW = "all", "topic", "show"
"""In a topic of a private chat: its own choices, and those that count in all its topics."""
CONTEXTS = ("0", "10", "30")
"""So many lines that were not for the agent it may read with a question."""


def title(key: ChatKey, language: str) -> str:
    """Return what stands above the buttons."""
    if key.private:
        own = "settings.title_own_topic" if key.thread_id else "settings.title"
        return translate(language, own)
    return translate(language, "settings.title_topic" if key.thread_id else "settings.title_group")


def keyboard(
    chosen: Preferences,
    default: Preferences,
    key: ChatKey,
    language: str,
    agents: Sequence[Listed] = (),
) -> Keyboard:
    """Return a button for each choice, with what counts now; of several agents, one is chosen."""
    word = chosen.over(default).wake_word or ""
    rows = tuple(
        (
            Button(
                translate(language, f"settings.{name}", value=_word(name, value, language, word)),
                encode(ChangeSetting(name, _tapped(name, value, key, default))),
            ),
        )
        for name, value in _now(chosen, default).items()
        if not key.private or name not in _OF_GROUPS
    )
    return (*rows, _agent(chosen.over(default).agent, language, agents)) if agents[1:] else rows


def languages_keyboard(
    chosen: Preferences, default: Preferences, key: ChatKey, language: str
) -> Keyboard:
    """Return a button for each language, two in a row; the one that counts now is marked."""
    now = _now(chosen, default)["language"]
    buttons = [
        Button(
            ("✓ " if one == now else "") + _word("language", one, language, ""),
            encode(ChangeSetting("language", one)),
        )
        for one in _offered("language", key, default)
    ]
    return tuple(tuple(buttons[at : at + 2]) for at in range(0, len(buttons), 2))


def for_all_topics(menu: Keyboard, language: str) -> Keyboard:
    """Return the buttons of a private chat's own choices as they stand in one of its topics."""
    return (*for_all(menu), _show(TOPIC, language))


def of_topic(menu: Keyboard, language: str) -> Keyboard:
    """Return the buttons of a topic of a private chat, with the way to those of all topics."""
    return (*menu, _show(ALL, language))


def _show(which: str, language: str) -> tuple[Button, ...]:
    text = translate(language, "settings.for_all" if which == ALL else "settings.for_topic")
    return (Button(text, encode(ChangeSetting(which, SHOW))),)


def for_all(menu: Keyboard) -> Keyboard:
    """Return the same buttons, which change what counts in all topics of a private chat."""
    return tuple(tuple(_for_all(button) for button in row) for row in menu)


def _for_all(button: Button) -> Button:
    data = parse(button.data)
    if not isinstance(data, ChangeSetting):
        return button
    return Button(button.label, encode(replace(data, name=f"{ALL}.{data.name}")))


def _agent(chosen: str | None, language: str, agents: Sequence[Listed]) -> tuple[Button, ...]:
    """Return the button that says which agent answers."""
    now = next((one for one in agents if one.id == chosen), None)
    now = now or next((one for one in agents if one.default), agents[0])
    text = translate(language, "settings.agent", value=now.name)
    following = _next([one.id for one in agents], now.id)
    return (Button(text, encode(ChangeSetting("agent", following))),)


def agents_keyboard(agents: Sequence[Listed], counts: str) -> Keyboard:
    """Return a button for each agent; the one that answers now is marked."""
    return tuple(
        (
            Button(
                f"✓ {one.name}" if one.id == counts else one.name,
                encode(ChangeSetting("agent", one.id)),
            ),
        )
        for one in agents
    )


_OF_GROUPS = ("answers", "memory", "context")


def changed(
    chosen: Preferences, name: str, value: str, key: ChatKey, agents: Sequence[Listed] = ()
) -> Preferences | None:
    """Return the choices after a tap; None for a forged or outdated button."""
    if name == "agent":
        known = value in [one.id for one in agents]
        return replace(chosen, agent=value) if known else None
    if value not in _values(name, key):
        return None
    match name:
        case "reasoning":
            return replace(chosen, reasoning=Reasoning(value))
        case "suggestions":
            return replace(chosen, suggestions=value == "on")
        case "streaming":
            return replace(chosen, streaming=Streaming(value))
        case "answers":
            return replace(chosen, answers=Answers(value))
        case "memory":
            return replace(chosen, memory=Memory(value))
        case "speech":
            return replace(chosen, speech=Speech(value))
        case "context":
            return replace(chosen, context=int(value))
        case "language":
            return replace(chosen, language=None if value == AUTOMATIC else value)
        case _:
            return None


def _now(chosen: Preferences, default: Preferences) -> dict[str, str]:
    """Return what counts in the chat, by the names of the choices."""
    counts = chosen.over(default)
    return {
        "reasoning": counts.reasoning or Reasoning.OFF,
        "suggestions": "off" if counts.suggestions is False else "on",
        "streaming": counts.streaming or Streaming.EDITS,
        "speech": counts.speech or Speech.OFF,
        "language": counts.language or AUTOMATIC,
        "answers": counts.answers or Answers.MENTION,
        "memory": counts.memory or Memory.CHAT,
        "context": str(counts.context or 0),
    }


def _values(name: str, key: ChatKey) -> Sequence[str]:
    """Return what there is to choose from; a group has no drafts."""
    kinds: dict[str, Sequence[str]] = {
        "reasoning": _of(Reasoning),
        "suggestions": ("on", "off"),
        "streaming": [one for one in _of(Streaming) if key.private or one != Streaming.DRAFTS],
        "speech": _of(Speech),
        "language": (AUTOMATIC, *languages()),
    }
    if not key.private:
        kinds |= {"answers": _of(Answers), "memory": _of(Memory), "context": CONTEXTS}
    return kinds.get(name, ())


def _offered(name: str, key: ChatKey, default: Preferences) -> Sequence[str]:
    """Return what the taps go through: no automatic language where another one counts by default."""
    fixed = name == "language" and default.language
    return [one for one in _values(name, key) if not (fixed and one == AUTOMATIC)]


def _of(kind: type[StrEnum]) -> list[str]:
    return [str(one) for one in kind]


def _tapped(name: str, value: str, key: ChatKey, default: Preferences) -> str:
    """Return what a tap asks for: the next choice, or of the many languages, their list."""
    return SHOW if name == "language" else _next(_offered(name, key, default), value)


def _next(values: Sequence[str], value: str) -> str:
    """Return the choice behind the one that counts; the first behind the last."""
    place = values.index(value) + 1 if value in values else 0
    return values[place % len(values)]


def _word(name: str, value: str, language: str, word: str) -> str:
    """Return what a button says of a choice; `word` is the group's wake word."""
    if name == "language" and value != AUTOMATIC:
        name = str(locale_of(value).display_name)  # as it calls itself
        return name[:1].upper() + name[1:]
    if name == "context":
        return (
            translate(language, "settings.is.lines", count=int(value))
            if value != "0"
            else _off(language)
        )
    return translate(language, f"settings.is.{value}", word=word)


def _off(language: str) -> str:
    return translate(language, "settings.is.off")
