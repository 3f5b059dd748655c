"""Budgets, bans that grow, and the patience inside the server."""

import asyncio

import pytest

from bridge.sandbox.telegram import Budgets, read_budgets
from bridge.sandbox.telegram.rate_limits import Limit, RateModel

ANN, GROUP = 5, -100


def paced(model: RateModel, chat: int, gap: float, calls: int, start: float = 0.0) -> int:
    """How many of so many calls pass, one each `gap` seconds, up to the first refusal."""
    for number in range(calls):
        if model.charge(chat, "messages", start + number * gap):
            return number
    return calls


def test_a_well_paced_client_is_never_refused():
    model = RateModel(Budgets())
    assert paced(model, ANN, 1.2, 10) == 10
    assert paced(model, ANN, 2.5, 500, start=12 + 2.5) == 500
    assert paced(model, GROUP, 3.5, 200) == 200


def test_a_hasty_client_is():
    assert paced(RateModel(Budgets()), ANN, 0.3, 100) < 10
    assert paced(RateModel(Budgets()), ANN, 1.05, 100) < 40
    assert paced(RateModel(Budgets()), GROUP, 1.0, 100) == 20


def test_typing_has_a_budget_of_its_own():
    model = RateModel(Budgets())
    assert [model.charge(ANN, "actions", 0.1 * n) for n in range(21)] == [0.0] * 20 + [3.0]
    assert model.charge(ANN, "messages", 2.0) == 0
    model = RateModel(Budgets())
    passed = [model.charge(ANN, "actions", 0.5 * n) for n in range(41)]
    assert passed == [0.0] * 40 + [3.0]


def test_new_messages_over_all_chats():
    model = RateModel(Budgets())
    waits = [model.charge(1000 + n, "messages", 0.01 * n, new=True) for n in range(31)]
    assert waits == [0.0] * 30 + [3.0]
    assert model.charge(ANN, "messages", 0.4) == 0


def test_calling_during_a_ban_makes_it_longer():
    model = RateModel(None)
    model.flood(ANN, 3, now=0)
    assert model.charge(ANN, "messages", 1) == 2
    assert model.calls_during_ban == 0
    assert model.charge(ANN, "actions", 1) == 2
    assert model.calls_during_ban == 0
    assert model.charge(ANN, "messages", 2) == 6
    assert model.charge(ANN, "messages", 3) == 12
    assert model.calls_during_ban == 2
    assert model.charge(ANN + 1, "messages", 3) == 0
    assert model.charge(ANN, "messages", 15.1) == 0


async def test_a_flood_on_the_wire(stage):
    stage.telegram.flood(stage.ann, seconds=30)
    answer = await stage.http.post(
        "/bot42:SANDBOX/sendMessage", json={"chat_id": stage.ann.id, "text": "x"}
    )
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "30"
    assert answer.json() == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 30",
        "parameters": {"retry_after": 30},
    }
    assert stage.telegram.calls_during_ban == 0
    await stage.refused("sendMessage", chat_id=stage.ann.id, text="x")
    assert stage.telegram.calls_during_ban == 1
    bob = stage.telegram.add_person("Bob")
    stage.telegram.send(bob, "hi")
    await stage.bot.send_message(bob.id, "hi")


def test_the_server_may_wait_by_itself(quickly):
    async def scene(stage):
        loop = asyncio.get_running_loop()
        stage.telegram.flood(stage.ann, seconds=5)
        started = loop.time()
        await stage.done("sendMessage", chat_id=stage.ann.id, text="late")
        assert 4 < loop.time() - started < 12
        assert stage.telegram.calls[-1].seconds > 4
        stage.telegram.flood(stage.ann, seconds=20)
        status, _ = await stage.call("sendMessage", chat_id=stage.ann.id, text="no")
        assert status == 429

    quickly(scene, budgets=Budgets(inner_wait=8))


def test_any_limits_can_be_given_as_a_text():
    assert read_budgets("") == Budgets()
    given = read_budgets(
        "private=1/1:3, group=20/60:5+30/120,overall=30/1, new=none,hold=8,whole=1"
    )
    assert given == Budgets(
        private=(Limit(1, 1.0, 3),),
        group=(Limit(20, 60.0, 5), Limit(30, 120.0)),
        overall=(Limit(30, 1.0),),
        new=(),
        inner_wait=8,
        whole_wait=True,
    )


@pytest.mark.parametrize(
    "text",
    ["private", "private=", "private=3", "private=0/1", "privat=1/1", "hold=x", "new=1/1:-2"],
)
def test_limits_that_nobody_can_read_are_named(text: str):
    with pytest.raises(ValueError, match=r"'.*'"):
        read_budgets(text)


def test_a_bucket_lets_its_burst_through_and_then_refills_evenly():
    model = RateModel(read_budgets("private=1/2:3"))
    assert [model.charge(ANN, "messages", 0.0) for _ in range(3)] == [0, 0, 0]
    assert paced(model, ANN, 2.0, 50, start=2.0) == 50
    assert model.charge(ANN, "messages", 101.0) > 0


def test_what_all_chats_may_call_together_counts_edits_too():
    model = RateModel(read_budgets("overall=30/1"))
    waits = [model.charge(1000 + n, "messages", 0.01 * n) for n in range(31)]
    assert waits == [0.0] * 30 + [3.0]


def test_a_silence_may_last_until_the_call_would_fit():
    for text, wait in (("group=20/60", 3.0), ("group=20/60,whole=1", 41.0)):
        model = RateModel(read_budgets(text))
        assert paced(model, GROUP, 1.0, 20) == 20
        assert model.charge(GROUP, "messages", 19.0) == pytest.approx(wait)


def test_limits_change_while_the_server_runs():
    model = RateModel(Budgets())
    assert paced(model, GROUP, 0.1, 20) == 20
    model.limit(read_budgets("group=none"))
    assert paced(model, GROUP, 0.0, 200, start=5.0) == 200


def test_what_the_server_holds_is_no_disobedience():
    model = RateModel(read_budgets("private=1/1:1"))
    assert model.held(ANN, "messages", 0.0) == 0
    assert model.held(ANN, "messages", 0.5) == 3.0
    assert model.held(ANN, "messages", 0.6) == 3.0
    assert model.held(ANN, "messages", 1.1) == 0
    assert model.calls_during_ban == 0
