"""What a button carries comes back as it was; what nobody of ours has made means nothing."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.telegram.callback_data import (
    MOST_BYTES,
    AskSuggestion,
    CallbackData,
    CancelAction,
    ChangeSetting,
    ControlBroadcast,
    DecideAccess,
    DeleteConversation,
    ForgetPerson,
    KeepPerson,
    LeaveGroup,
    ListConversations,
    MakeInvite,
    OpenConversation,
    RateAnswer,
    Reload,
    RetryQuestion,
    ShowApprovals,
    ShowUsers,
    StopAnswer,
    WithdrawInvite,
    encode,
    parse,
)

MOST = 10**18 - 1
"""An id of Telegram or of a row has at most so many digits."""
EXAMPLES = (
    StopAnswer(1),
    RetryQuestion(MOST),
    AskSuggestion("a-b_c:d", 3),
    RateAnswer(7, like=True),
    RateAnswer(7, like=False),
    ChangeSetting("language", "zh-hant"),
    DecideAccess("block", -MOST),
    ShowApprovals(2),
    ForgetPerson(5),
    KeepPerson(),
    ListConversations(0, "two words: é中"),
    OpenConversation(MOST),
    DeleteConversation(4),
    DeleteConversation(4, sure=True),
    CancelAction(),
    ShowUsers(3, "Ann"),
    LeaveGroup(-100),
    ControlBroadcast("send", 9),
    MakeInvite(for_groups=True),
    MakeInvite(for_groups=False),
    WithdrawInvite(8),
    Reload(),
)
WORDS = st.text("abcdefghijklmnopqrstuvwxyz-_ é中", max_size=12)


def test_every_kind_comes_back_as_it_was() -> None:
    assert {type(one) for one in EXAMPLES} == {*get_args(CallbackData)}
    for one in EXAMPLES:
        assert parse(encode(one)) == one
        assert len(encode(one).encode()) <= MOST_BYTES


@given(st.text(max_size=70))
def test_whatever_is_pressed_is_known_or_nothing(text: str) -> None:
    found = parse(text)
    if found is not None:
        assert parse(str(found)) == found


@given(
    st.sampled_from(
        ["stop", "retry", "like", "dislike", "forget", "ask", "set", "access", "conv", "op"]
    ),
    st.text(max_size=60),
)
def test_what_only_looks_like_ours_is_known_or_nothing(kind: str, rest: str) -> None:
    found = parse(f"{kind}:{rest}")
    if found is not None:
        assert parse(str(found)) == found


@given(WORDS, WORDS)
def test_what_does_not_fit_is_refused_before_it_is_sent(name: str, value: str) -> None:
    data = ChangeSetting(name, value)
    if len(str(data).encode()) <= MOST_BYTES:
        assert encode(data) == str(data)
    with pytest.raises(ValueError, match="does not fit"):
        encode(ChangeSetting(name, value + "x" * MOST_BYTES))
