"""Events folded into what the reply should show."""

from bridge.coze.events import (
    Completed,
    Delta,
    Ended,
    MessageKind,
    Recovered,
    Run,
    RunMessage,
    Status,
)
from bridge.errors.coze import Busy, ConversationLost, QuotaGone, ServerTrouble, Unauthorized
from bridge.relay.asking import RetryPolicy
from bridge.relay.progress import Progress


def said(
    id_: str, text: str, kind: MessageKind = MessageKind.ANSWER, content_type: str = "text"
) -> RunMessage:
    return RunMessage(id_, kind, text, content_type=content_type)


def after(*events: object) -> Progress:
    progress = Progress()
    for event in events:
        progress = progress.after(event)  # type: ignore[arg-type]
    return progress


def test_the_completed_text_replaces_the_deltas() -> None:
    progress = after(
        Delta(said("1", "a quo")), Delta(said("1", "te")), Completed(said("1", "a “quote”"))
    )
    assert progress.text == "a “quote”"


def test_answers_are_kept_apart_in_the_order_of_their_first_words() -> None:
    progress = after(
        Delta(said("9", "first")), Delta(said("1", "second")), Delta(said("9", " on")),
        Completed(said("5", "third")),
    )  # fmt: skip
    assert progress.text == "first on\n\nsecond\n\nthird"


def test_the_same_text_under_another_id_is_not_said_twice() -> None:
    assert after(Delta(said("1", "text")), Completed(said("2", "text"))).text == "text"


def test_a_late_delta_does_not_touch_a_whole_text() -> None:
    assert after(Completed(said("1", "whole")), Delta(said("1", "whole"))).text == "whole"


def test_inner_workings_never_become_text() -> None:
    inner = [
        kind for kind in MessageKind if kind not in (MessageKind.ANSWER, MessageKind.FOLLOW_UP)
    ]
    progress = after(*[Completed(said(kind, "secret", kind)) for kind in inner],
                     *[Delta(said(kind, "secret", kind)) for kind in inner])  # fmt: skip
    assert progress.text == ""


def test_recovery_replaces_what_was_heard_unless_it_is_empty() -> None:
    heard = after(Delta(said("1", "half an ans")))
    assert heard.after(Recovered((said("1", "half an answer"),))).text == "half an answer"
    assert heard.after(Recovered(())).text == "half an ans"


def test_an_empty_answer_says_so_and_may_be_tried_again() -> None:
    over = Ended(Run("1", "2", Status.COMPLETED))
    picture = after(Completed(said("1", "  ")), over).finished()
    assert (picture.note, picture.can_retry, picture.over) == ("reply.empty", True, True)
    card = after(Completed(said("1", "{}", content_type="card")), over).finished()
    assert card.note == "reply.card"
    action = after(Ended(Run("1", "2", Status.REQUIRES_ACTION))).finished()
    assert action.note == "reply.action"


def test_suggestions_come_once_and_only_with_the_end() -> None:
    progress = after(
        Delta(said("1", "answer")),
        Completed(said("2", "Why?", MessageKind.FOLLOW_UP)),
        Completed(said("3", "Why?", MessageKind.FOLLOW_UP)),
    )
    assert progress.reply_state().suggestions == ()
    assert progress.finished().suggestions == ("Why?",)


def test_patience_depends_on_the_trouble() -> None:
    patience = RetryPolicy()
    assert [patience.pause(ServerTrouble("x", "y")) for _ in range(3)] == [1.0, 2.0, None]
    assert [patience.pause(ConversationLost("x", "y")) for _ in range(2)] == [0.0, None]
    assert [patience.pause(Unauthorized("x", "y")) for _ in range(2)] == [0.0, None]
    assert patience.pause(QuotaGone("x", "y")) is None
    busy = [patience.pause(Busy("x", "y")) for _ in range(11)]
    assert sum(pause or 0 for pause in busy) > 45
    assert busy[-1] is None


def test_words_stay_out_of_reprs() -> None:
    assert "secret" not in repr(after(Delta(said("1", "secret"))).reply_state())
