"""Groups that become supergroups: nothing is lost, and nothing stands in the way of the move."""

import time

import pytest

from bridge.model import AgentAccount, ChatKey, Message, Outcome, ReplyState, Sender, State
from bridge.preferences import Answers, Preferences
from bridge.relay.prompt import prompt_of
from bridge.store import chat_state, chats
from bridge.store.engine import Store
from bridge.store.operators import access
from bridge.store.operators.access import Access
from bridge.store.turns import lifecycle, queue, suggestions
from bridge.telegram.api.unwritable import REFUSED_SECONDS, UnwritableChats

OLD, NEW = ChatKey(-5), ChatKey(-1005)
ANN, BO = Sender(5, "Ann", "en"), Sender(6, "Bo", "en")
HOME = AgentAccount("agent", "https://api.coze.com", "")


def message(key: ChatKey, number: int, text: str, sender: Sender = ANN) -> Message:
    return Message(key, number, sender, text)


async def test_what_is_heard_of_the_old_group_after_its_move_changes_nothing(store: Store) -> None:
    async with store.writing() as tx:
        await chats.prefer(tx, OLD, Preferences(answers=Answers.EVERYTHING))
        await chats.set_conversation(tx, await chats.chat(tx, OLD), "conversation", HOME)
        before = await chats.chat(tx, OLD)
        await chat_state.move(tx, OLD.chat_id, NEW.chat_id)
        await queue.wait(tx, message(OLD, 9, "late"))  # such as a pressed button of an old post
        assert await chat_state.move(tx, OLD.chat_id, NEW.chat_id) == [NEW]
        after = await chats.chat(tx, NEW)
        assert (after.conversation_id, after.user_id) == ("conversation", before.user_id)
        assert (await chats.preferences(tx, NEW)).answers is Answers.EVERYTHING
        turn = await lifecycle.claim(tx, NEW)
    assert turn is not None
    assert prompt_of(turn) == "Ann: late"


async def test_the_old_groups_memory_goes_on_though_the_new_one_was_heard_first(
    store: Store,
) -> None:
    async with store.writing() as tx:
        await chats.prefer(tx, OLD, Preferences(answers=Answers.EVERYTHING))
        await chats.set_conversation(tx, await chats.chat(tx, OLD), "conversation", HOME)
        await queue.wait(tx, message(NEW, 1, "early"))
        await chat_state.move(tx, OLD.chat_id, NEW.chat_id)
        assert (await chats.chat(tx, NEW)).conversation_id == "conversation"
        assert (await chats.preferences(tx, NEW)).answers is Answers.EVERYTHING


@pytest.mark.parametrize("waits_there", [False, True])
async def test_all_questions_of_one_person_survive_a_move_into_a_busy_chat(
    store: Store, waits_there: bool
) -> None:
    async with store.writing() as tx:
        await queue.wait(tx, message(OLD, 1, "running before"))
        assert await lifecycle.claim(tx, OLD)
        await queue.wait(tx, message(OLD, 2, "waiting before"))
        await queue.wait(tx, message(NEW, 1, "running since", BO))
        running = await lifecycle.claim(tx, NEW)
        assert running is not None
        if waits_there:
            await queue.wait(tx, message(NEW, 2, "waiting since"))
        await chat_state.move(tx, OLD.chat_id, NEW.chat_id)
        assert await queue.drop_waiting(tx, NEW, BO.id) == []
        found = await lifecycle.next_of(tx, NEW)
        assert found.turn is not None
        assert (found.turn.id, found.more) == (running.id, True)
        await lifecycle.settle(tx, running.id, Outcome(State.STOPPED, ReplyState()))
        waits = await lifecycle.claim(tx, NEW)
    assert waits is not None
    since = "\n\nwaiting since" if waits_there else ""
    assert prompt_of(waits) == f"Ann: running before\n\nwaiting before{since}"


async def test_who_was_let_in_stays_in_after_a_move(store: Store) -> None:
    async with store.writing() as tx:
        await chats.ensure_chat(tx, OLD)
        await access.decide(tx, OLD.chat_id, Access.ALLOWED, "Group", 1)
        await access.ask(tx, NEW.chat_id, "Group")  # it wrote before we heard of the move
        await chat_state.move(tx, OLD.chat_id, NEW.chat_id)
        assert await access.of(tx, NEW.chat_id) is Access.ALLOWED


async def test_who_was_let_in_stays_in_though_nothing_was_asked_yet(store: Store) -> None:
    async with store.writing() as tx:
        await access.decide(tx, OLD.chat_id, Access.ALLOWED, "Group", 1)
        await chat_state.move(tx, OLD.chat_id, NEW.chat_id)
        assert await access.of(tx, NEW.chat_id) is Access.ALLOWED


async def test_a_group_that_was_shut_is_not_shut_for_what_it_became(store: Store) -> None:
    async with store.writing() as tx:
        await chats.ensure_chat(tx, OLD)
        await chat_state.close(tx, OLD, "left", time.time())
        await chat_state.move(tx, OLD.chat_id, NEW.chat_id)
        assert await chat_state.unwritable(tx) == {}


async def test_offered_questions_move_with_their_group(store: Store) -> None:
    async with store.writing() as tx:
        await chats.ensure_chat(tx, OLD)
        token = await suggestions.offer(tx, OLD, ["Why?"])
        await chat_state.move(tx, OLD.chat_id, NEW.chat_id)
        assert await suggestions.chosen(tx, NEW, token, 0) == "Why?"


async def test_a_chat_that_refused_a_call_is_tried_again_soon_and_one_that_was_left_is_not(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    shut = UnwritableChats(store)
    await shut.close(OLD, "not enough rights", REFUSED_SECONDS)
    await shut.close(NEW, "left")
    await shut.close(NEW, "chat not found", REFUSED_SECONDS)
    later = UnwritableChats(store)
    await later.recall()
    assert [one.why(key) for one in (shut, later) for key in (OLD, NEW)] == [
        "not enough rights",
        "left",
    ] * 2
    monkeypatch.setattr(time, "time", lambda: now + 2 * REFUSED_SECONDS)
    assert [one.why(key) for one in (shut, later) for key in (OLD, NEW)] == [None, "left"] * 2
