"""A text in pieces that can be spoken, and recordings that become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import voice

from bridge.relay.ogg import NotOgg, joined
from bridge.relay.speech import pieces
from bridge.sandbox.coze.resources.ogg import ogg_seconds


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("  \n ", []),
        ("One. Two! Three", ["One. Two! Three"]),
        ("One two three. Four five six? Seven eight", ["One two three.", "Four five six?",
                                                       "Seven eight"]),
        ("你好。再见。谢谢。", ["你好。再见。", "谢谢。"]),
        ("a-very-long-word-without-an-end", ["a-very-long-word-wit", "hout-an-end"]),
        ("words and words and words and words", ["words and words and", "words and words"]),
    ],
)  # fmt: skip
def test_sentences_stay_whole_where_they_fit(text: str, found: list[str]) -> None:
    assert pieces(text, 20) == found


@given(st.text(st.sampled_from("ab. !?。你😀\n"), max_size=400), st.integers(8, 60))
def test_nothing_is_left_out_and_no_piece_is_too_long(text: str, most: int) -> None:
    found = pieces(text, most)
    assert all(0 < len(piece.encode()) <= most for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


def test_recordings_become_one_of_their_lengths() -> None:
    whole = joined([voice(1.0), voice(2.5), voice(0.5)])
    assert ogg_seconds(whole) == pytest.approx(4.0, abs=0.1)
    assert joined([whole]) == whole
    assert whole.count(b"OpusHead") == 1


@pytest.mark.parametrize(
    "broken", [[], [b""], [b"x" * 100], [voice()[:-3]], [voice(), b"OggS"], [voice()[:200]]]
)
def test_what_is_no_recording_is_refused(broken: list[bytes]) -> None:
    with pytest.raises(NotOgg):
        joined(broken)
