"""Every language says everything, in its own plural forms, and no longer than Telegram allows."""

import re
from datetime import date

import pytest
from catalogues import catalogue, fields, sentences, specs

from bridge.telegram.commands.table import COMMANDS, OPERATOR_COMMANDS
from bridge.texts import age, chosen, day, languages, locale_of, translate

EVERY = pytest.mark.parametrize("language", languages())
MESSAGE, CALLBACK, COMMAND, BUTTON, TOPIC = 4096, 200, 256, 64, 128
"""Characters that Telegram takes: sendMessage, answerCallbackQuery, BotCommand and names of topics.

A button has no limit of its own; beyond this it is cut on a phone.
"""
SAID_IN_PASSING = re.compile(
    r"(button\.(old|full|not_now)|judge\.|\w+\.not_yours|.*_short|settings\.hidden)"
)
SAME_EVERYWHERE = {"agents.line", "invite.line"}


@EVERY
def test_no_sentence_is_missing_and_none_is_left_over(language: str) -> None:
    assert sentences(language).keys() == sentences("en").keys()
    assert all(form.strip() for forms in sentences(language).values() for form in forms)


@EVERY
def test_the_same_is_filled_in_as_in_english(language: str) -> None:
    for key, forms in sentences(language).items():
        wanted = fields(sentences("en")[key][0])
        assert all(fields(form) == wanted for form in forms), key
        assert all(specs(form) <= sentences("en").keys() for form in forms), key
        assert all("\n" in form or "\n" not in sentences("en")[key][0] for form in forms), key


@EVERY
def test_a_counted_sentence_has_all_forms_that_the_language_has(language: str) -> None:
    known = catalogue(language)
    counted = {key for key, forms in sentences("en").items() if len(forms) > 1}
    for key, forms in sentences(language).items():
        assert len(forms) == (known.num_plurals if key in counted else 1), key
    for count in (0, 1, 2, 5, 11, 21, 101, 1_000_000):
        found = translate(language, "status.waiting", count=count)
        assert str(count) in found
        assert "{" not in found


@EVERY
def test_nothing_is_longer_than_telegram_takes(language: str) -> None:
    for key, forms in sentences(language).items():
        most = MESSAGE // 2  # what is filled in needs room, too
        if SAID_IN_PASSING.fullmatch(key):
            most = CALLBACK
        elif key.startswith("command."):
            most = COMMAND
        elif key.startswith("button."):
            most = BUTTON
        elif key == "topic.new":
            most = TOPIC
        for form in forms:
            assert len(form.encode("utf-16-le")) // 2 <= most, key
    assert {f"command.{name}" for name in (*COMMANDS, *OPERATOR_COMMANDS)} < sentences("en").keys()


@EVERY
def test_nothing_was_left_in_english(language: str) -> None:
    if language == "en":
        return
    words = {
        key for key, forms in sentences("en").items() if len(re.findall(r"[a-z]{3,}", forms[0])) > 4
    }
    same = {key for key in words if sentences(language)[key] == sentences("en")[key]}
    assert not same


@EVERY
def test_a_language_knows_its_own_name(language: str) -> None:
    assert catalogue(language).locale == locale_of(language)
    assert locale_of(language).display_name


def test_numbers_agree_with_their_nouns() -> None:
    assert translate("en", "broadcast.sure", count=1) == "Send this to 1 person?"
    assert translate("en", "broadcast.sure", count=0) == "Send this to 0 people?"
    assert translate("en", "forget.done", turns=1, conversations=1200).startswith(
        "Deleted: 1 question and what was kept of their answers, your name and choices, "
        "and 1,200 conversations at Coze."
    )


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("", "en"), ("xx", "en"), ("EN-gb", "en"), ("zh", "zh"), ("zh-hans", "zh"), ("zh_CN", "zh"),
        ("zh-hant", "zh-hant"), ("zh-TW", "zh-hant"), ("zh-hant-hk", "zh-hant"), ("zh-MO", "zh-hant"),
        ("zh-hans-HK", "zh"),
        ("pt-br", "pt"), ("fa-IR", "fa"), ("es-419", "es"), ("-", "en"), ("ru_RU.UTF-8", "ru"),
        ("zh_TW.UTF-8", "zh-hant"), ("C.UTF-8", "en"),
    ],
)  # fmt: skip
def test_the_catalogue_of_a_tag(tag: str, language: str) -> None:
    assert chosen(tag) == language


def test_days_and_ages_are_written_as_the_language_does() -> None:
    assert day(date(2026, 11, 29), "en") == "Nov 29, 2026"
    assert day(date(2026, 11, 29), "zh-hans", with_year=False) == "11月29日"
    assert age(7200, "ru-RU") == "2 часа"


def test_a_sentence_that_nobody_wrote_is_an_error() -> None:
    with pytest.raises(KeyError):
        translate("zh", "no.such")
    with pytest.raises(KeyError):
        translate("en", "no.such", count=2)
