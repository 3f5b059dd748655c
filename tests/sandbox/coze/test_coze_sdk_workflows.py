"""The official SDK, unchanged, with chatflows, workflows and user variables."""

import pytest
from cozepy import (
    AsyncCoze,
    ChatEventType,
    CozeAPIError,
    Message,
    WorkflowEventType,
    WorkflowExecuteStatus,
)
from cozepy.variables import VariableValue

from bridge.sandbox.coze import CozeEmulator

# The SDK warns of values its enumerations lack; the API does send them.
pytestmark = pytest.mark.filterwarnings("ignore:Unknown .* value:UserWarning")

BOT = "7379462189365198898"
FLOW = "7400000000000000001"
APP = "7400000000000000002"
APP_FLOW = "7400000000000000003"
WORKFLOW = "7400000000000000004"


async def flowing(sdk: AsyncCoze, text: str, **options):
    owner = {} if "app_id" in options else {"bot_id": BOT}
    return [
        event
        async for event in sdk.workflows.chat.stream(
            additional_messages=[Message.build_user_question_text(text)],
            workflow_id=FLOW,
            parameters={},
            ext={"user_id": "tg-42"},
            **owner,
            **options,
        )
    ]


def answers(events):
    return [
        event.message.content
        for event in events
        if event.event == ChatEventType.CONVERSATION_MESSAGE_COMPLETED
        and event.message.type == "answer"
    ]


async def test_a_chatflow(sdk, coze: CozeEmulator):
    conversation = await sdk.conversations.create(bot_id=BOT)
    found = await flowing(sdk, "hello", conversation_id=conversation.id)
    assert found[0].event == ChatEventType.CONVERSATION_CHAT_CREATED
    assert found[-1].event == ChatEventType.CONVERSATION_CHAT_COMPLETED
    assert found[-1].chat.usage.token_count > 0
    assert {event.chat.conversation_id for event in found if event.chat} == {conversation.id}
    deltas = [
        event.message.content
        for event in found
        if event.event == ChatEventType.CONVERSATION_MESSAGE_DELTA
    ]
    assert answers(found) == ["".join(deltas)]
    assert coze.asked[0].user_id == "tg-42"


@pytest.mark.parametrize("text", ["markdown", "tool", "think", "knowledge", "two", "card", "中文"])
async def test_every_clean_script_passes_through_the_sdk(sdk, text):
    found = await flowing(sdk, text, app_id=APP)
    assert found[-1].event == ChatEventType.CONVERSATION_CHAT_COMPLETED


async def test_a_question_of_a_chatflow(sdk, coze: CozeEmulator):
    coze.quirks.flow.interrupt = "both"
    conversation = await sdk.conversations.create(bot_id=BOT)
    found = await flowing(sdk, "nodes", conversation_id=conversation.id)
    assert len(answers(found)) == 3
    assert found[-1].event == ChatEventType.CONVERSATION_CHAT_REQUIRES_ACTION
    found = await flowing(sdk, "the second", conversation_id=conversation.id)
    assert answers(found)[0].endswith("I took *the second*.")


async def test_a_chatflow_that_is_refused(sdk, coze: CozeEmulator):
    coze.add_chatflow(FLOW, published=False)
    with pytest.raises(CozeAPIError) as refused:
        await flowing(sdk, "hello")
    assert refused.value.code == 4200


async def test_a_run_of_a_workflow(sdk, coze: CozeEmulator):
    result = await sdk.workflows.runs.create(
        workflow_id=WORKFLOW, parameters={"input": "empty"}, ext={"user_id": "tg-7"}
    )
    assert result.data == '{"output":""}'
    assert coze.executions[result.execute_id].user_id == "tg-7"
    with pytest.raises(CozeAPIError) as refused:
        await sdk.workflows.runs.create(workflow_id=WORKFLOW, parameters={"input": "fail"})
    assert refused.value.code == 5000


async def test_an_asynchronous_run_and_its_history(sdk, coze: CozeEmulator):
    result = await sdk.workflows.runs.create(
        workflow_id=WORKFLOW, parameters={"input": "hello"}, is_async=True
    )
    await coze.until(lambda: coze.executions[result.execute_id].run.ended)
    history = await sdk.workflows.runs.run_histories.retrieve(
        workflow_id=WORKFLOW, execute_id=result.execute_id
    )
    assert history.execute_status == WorkflowExecuteStatus.SUCCESS
    assert (history.error_code, history.bot_id) == (0, "0")


async def test_a_streamed_workflow_and_its_resume(sdk):
    found = [
        event
        async for event in sdk.workflows.runs.stream(
            workflow_id=WORKFLOW, parameters={"input": "options"}
        )
    ]
    assert [event.event for event in found] == [
        WorkflowEventType.MESSAGE,
        WorkflowEventType.INTERRUPT,
    ]
    interrupt = found[-1].interrupt.interrupt_data
    rest = [
        event
        async for event in sdk.workflows.runs.resume(
            workflow_id=WORKFLOW,
            event_id=interrupt.event_id,
            resume_data="a month",
            interrupt_type=interrupt.type,
        )
    ]
    assert [event.id for event in rest] == list(range(len(rest)))
    assert rest[-1].message.node_title == "End"
    assert rest[-1].message.content == '{"output":"You chose **a month**."}'


async def test_a_streamed_workflow_that_fails(sdk):
    found = [
        event
        async for event in sdk.workflows.runs.stream(
            workflow_id=WORKFLOW, parameters={"input": "fail"}
        )
    ]
    assert found[-1].event == WorkflowEventType.ERROR
    assert found[-1].error.error_code == 5000


async def test_user_variables(sdk, coze: CozeEmulator):
    coze.add_variable(BOT, "name")
    coze.add_variable(BOT, "lang", default="en")
    await sdk.variables.update(
        bot_id=BOT, connector_uid="tg-42", data=[VariableValue(keyword="name", value="Ann")]
    )
    found = await sdk.variables.retrieve(bot_id=BOT, connector_uid="tg-42", keywords=["name"])
    assert [(one.keyword, one.value) for one in found] == [("name", "Ann")]
    found = await sdk.variables.retrieve(bot_id=BOT, connector_uid="tg-43", keywords=[])
    assert [(one.value, one.create_time) for one in found] == [("", 0), ("en", 0)]
    told = await flowing(sdk, "What do you know about me?")
    assert "user variable **name**: Ann" in answers(told)[0]
    with pytest.raises(CozeAPIError) as refused:
        await sdk.variables.update(
            bot_id=BOT, connector_uid="tg-42", data=[VariableValue(keyword="no", value="x")]
        )
    assert refused.value.code == 4000


async def test_what_a_workflow_is(sdk):
    found = await sdk.workflows.retrieve(workflow_id=WORKFLOW)
    assert found.workflow_detail.workflow_id == WORKFLOW
