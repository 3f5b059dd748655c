"""What is told on holds neither secrets nor people's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Trouble
from bridge.redaction import LEAST_CHARACTERS, in_use, redacted, without_words


@given(
    st.text(min_size=LEAST_CHARACTERS).filter(lambda one: "…" not in one),
    st.text(max_size=40),
    st.text(max_size=40),
)
def test_no_words_of_a_question_pass(words: str, before: str, after: str) -> None:
    told = without_words(f"{before}{words}{after}", words)
    assert words not in told


def test_what_is_not_quoted_stays() -> None:
    assert without_words("event interval error", "What is the weather?") == "event interval error"
    told = without_words(
        "sensitive: 'my secret plan for you' found", "Hear my secret plan for you!"
    )
    assert told == "sensitive: '…' found"


@pytest.mark.parametrize(
    "text",
    [
        "https://user:pass@proxy.example/x", "Bearer abc.def", "pat_abcdef123", "42:AAbbCCdd",
        "eyJhbGciOi.eyJpc3MiOi.c2lnbmF0",
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    assert text.split("@")[0][-8:] not in redacted(text)


def test_a_trouble_tells_no_secret_in_use() -> None:
    in_use("very-own-words-9000")
    trouble = Trouble("Asking with very-own-words-9000", "no: very-own-words-9000")
    assert "9000" not in str(trouble) + repr(trouble) + trouble.what + trouble.doing


@pytest.mark.parametrize(
    "written",
    [
        "7123456789%3AAAHsecretsecretsecret42", r"7123456789\u003aAAHsecretsecretsecret42",
        "7123456789:aahSECRETsecretsecret42", "AAHsecretsecretsecret42",
        "7123456789:AAHsecret\nsecretsecret42",
    ],
)  # fmt: skip
def test_a_secret_in_use_is_found_in_other_letters(written: str) -> None:
    in_use("7123456789:AAHsecretsecretsecret42")
    assert "secretsecret" not in redacted(f"it says {written}!").casefold()


@pytest.mark.parametrize(
    "quoted",
    [
        "MY PASSWORD IS HUNTER", r"my passw\u006frd is hunter", "my+password+is+hunter",
        "my\npassword is hunter",
    ],
)  # fmt: skip
def test_words_are_found_in_other_letters(quoted: str) -> None:
    told = without_words(f"refused: {quoted} / {quoted}", "my password is hunter")
    assert "assw" not in told.casefold()
