"""Workflows without a conversation: run, stream, resume, history."""

import asyncio
import json
import re

import httpx
import pytest

from bridge.sandbox.coze import CozeEmulator, Input, Pace, saying
from bridge.sandbox.coze.scripts.steps import Silence, fixed, say

BOT = "7379462189365198898"
FLOW = "7400000000000000001"
APP = "7400000000000000002"
WORKFLOW = "7400000000000000004"
RUN, STREAM, RESUME = "/v1/workflow/run", "/v1/workflow/stream_run", "/v1/workflow/stream_resume"


def body(text="hi", **more):
    return {"workflow_id": WORKFLOW, "parameters": {"input": text}, **more}


async def streamed(api, read_events, path=STREAM, **asked):
    answer = await api.call("POST", path, json=asked)
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
    raw = answer.content
    numbers = re.findall(rb"^id: (\d+)\nevent: ", raw, re.MULTILINE)
    assert [int(one) for one in numbers] == list(range(raw.count(b"event: ")))
    return read_events(raw)


def answer_to(found, text):
    """What resumes the interrupt that a stream ended with."""
    name, data = found[-1]
    assert name == "Interrupt"
    interrupt = data["interrupt_data"]
    return {
        "workflow_id": WORKFLOW,
        "event_id": interrupt["event_id"],
        "interrupt_type": interrupt["type"],
        "resume_data": text,
    }


async def test_a_run_gives_json_in_a_string(api, coze: CozeEmulator):
    coze.use(saying("four"))
    asked = body("2+2", ext={"user_id": "tg-7"})
    answer = await api.json("POST", RUN, json=asked)
    assert (answer["code"], answer["data"]) == (0, '{"output":"four"}')
    assert answer["usage"]["token_count"] > 0
    execution = coze.executions[answer["execute_id"]]
    assert answer["debug_url"] == execution.debug_url
    assert (execution.question, execution.user_id) == ("2+2", "tg-7")
    assert execution.values.parameters == {"input": "2+2"}
    assert coze.asked == []


async def test_a_stream_of_output_nodes_and_the_end_node(api, read_events):
    found = await streamed(api, read_events, **body("two"))
    assert [name for name, _ in found[-2:]] == ["Message", "Done"]
    assert "debug_url" in found[-1][1]
    nodes: dict[str, list] = {}
    for name, data in found[:-1]:
        assert name == "Message"
        nodes.setdefault(data["node_title"], []).append(data)
    assert list(nodes) == ["First", "Second", "End"]
    for pieces in nodes.values():
        assert [one["node_seq_id"] for one in pieces] == [str(n) for n in range(len(pieces))]
        assert [one["node_is_finish"] for one in pieces][-2:] in ([False, True], [True])
    first = "".join(one["content"] for one in nodes["First"])
    output = json.loads(nodes["End"][0]["content"])["output"]
    assert output == f"{first}\n\n{nodes['Second'][0]['content']}"


async def test_the_switches_of_the_end(api, coze: CozeEmulator, read_events):
    coze.quirks.flow.end_node = False
    coze.quirks.flow.done = "[DONE]"
    found = await streamed(api, read_events, **body("two"))
    assert "End" not in {data.get("node_title") for _, data in found}
    assert found[-1] == ("Done", {})
    coze.use(fixed())
    coze.quirks.flow.end_node_title = ""
    found = await streamed(api, read_events, **body())
    assert found[0][1]["content"] == '{"output":""}'
    assert found[0][1]["node_title"] == ""


async def test_a_question_ends_the_stream_without_done(api, coze: CozeEmulator, read_events):
    found = await streamed(api, read_events, **body("options"))
    assert [name for name, _ in found] == ["Message", "Interrupt"]
    assert found[0][1]["content"].startswith("How long will you stay?\nA. one day")
    interrupt = found[1][1]["interrupt_data"]
    assert (interrupt["type"], interrupt["data"], found[1][1]["node_title"]) == (2, "", "Question")
    assert re.fullmatch(r"\d+/\d+", interrupt["event_id"])
    (execution,) = coze.executions.values()
    assert execution.status == "Running"
    rest = await streamed(api, read_events, RESUME, **answer_to(found, "B"))
    assert rest[-2][1]["content"] == '{"output":"You chose **a week**."}'
    assert (execution.status, execution.resumes) == ("Success", 1)


async def test_the_other_forms_of_a_question(api, coze: CozeEmulator, read_events):
    coze.quirks.flow.question_in_data = True
    coze.quirks.flow.done_after_interrupt = True
    found = await streamed(api, read_events, **body("extract"))
    assert [name for name, _ in found] == ["Interrupt", "Done"]
    data = json.loads(found[0][1]["interrupt_data"]["data"])
    assert data == {"content_type": "text", "content": "How many nights?"}


async def test_an_input_node_names_its_fields(api, read_events):
    found = await streamed(api, read_events, **body("fields"))
    interrupt = found[-1][1]["interrupt_data"]
    assert interrupt["type"] == 5
    items = json.loads(json.loads(interrupt["data"])["content"])
    assert items[1] == {"type": "integer", "name": "nights", "required": True, "assistType": 0}
    assert interrupt["required_parameters"]["city"]["type"] == "string"
    answer = answer_to(found, '{"city":"Paris","nights":2}')
    rest = await streamed(api, read_events, RESUME, **answer)
    assert "city: **Paris**" in rest[-2][1]["content"]


async def test_a_tool_of_the_client(api, read_events):
    found = await streamed(api, read_events, **body("local tool"))
    assert found[-1][1]["interrupt_data"]["type"] == 6
    rest = await streamed(api, read_events, RESUME, **answer_to(found, "rain"))
    assert "Your tool says: `rain`" in rest[-2][1]["content"]


async def test_a_run_may_be_resumed_three_times(api, coze: CozeEmulator, read_events):
    found = await streamed(api, read_events, **body("extract"))
    for _ in range(3):
        found = await streamed(api, read_events, RESUME, **answer_to(found, "many"))
    found = await streamed(api, read_events, RESUME, **answer_to(found, "3"))
    assert found[0][0] == "Error"
    assert found[0][1]["error_code"] == 720701013
    (execution,) = coze.executions.values()
    assert (execution.status, execution.resumes, len(execution.runs)) == ("Fail", 4, 5)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"event_id": ""}, 4000),
        ({"event_id": "x"}, 4000),
        ({"event_id": "1/2"}, 4314),
        ({"workflow_id": "7"}, 4314),
        ({"interrupt_type": 5}, 4000),
        ({"interrupt_type": "2"}, 4000),
        ({"resume_data": ""}, 4000),
        ({"resume_data": 1}, 4000),
    ],
)
async def test_a_resume_is_checked(api, read_events, changes, code):
    found = await streamed(api, read_events, **body("options"))
    asked = answer_to(found, "B")
    assert await api.code("POST", RESUME, json={**asked, **changes}) == code
    await streamed(api, read_events, RESUME, **asked)
    assert await api.code("POST", RESUME, json=asked) == 4315


async def test_a_synchronous_run_waits_and_is_resumed(api):
    answer = await api.json("POST", RUN, json=body("options"))
    assert (answer["code"], "data" in answer) == (0, False)
    interrupt = answer["interrupt_data"]
    asked = {
        "workflow_id": WORKFLOW,
        "event_id": interrupt["event_id"],
        "interrupt_type": interrupt["type"],
        "resume_data": "A",
    }
    rest = await api.json("POST", "/v1/workflows/resume", json=asked)
    assert rest["data"] == '{"output":"You chose **one day**."}'


async def test_failures(api, coze: CozeEmulator, read_events):
    answer = await api.json("POST", RUN, json=body("fail"))
    assert (answer["code"], answer["msg"]) == (5000, "event interval error")
    assert answer["debug_url"]
    found = await streamed(api, read_events, **body("fail"))
    assert found[-1][0] == "Error"
    assert found[-1][1]["error_code"] == 5000
    coze.quirks.flow.failure = "text"
    raw = (await api.call("POST", STREAM, json=body("fail"))).content
    assert raw.endswith(
        b"event: error\ndata: workflow execution failed: code=5000 message=event interval error\n\n"
    )
    coze.add_workflow(WORKFLOW, inputs={"input": Input(required=True)})
    answer = await api.json("POST", RUN, json={"workflow_id": WORKFLOW})
    assert answer["code"] == 720702002


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"workflow_id": "7"}, 4200),
        ({"workflow_id": None}, 4000),
        ({"workflow_id": FLOW}, 4000),
        ({"bot_id": BOT, "app_id": APP}, 4000),
        ({"bot_id": "73"}, 4200),
        ({"bot_id": BOT}, 0),
        ({"parameters": None}, 0),
        ({"parameters": "x"}, 4000),
        ({"ext": {"x": "y"}}, 4000),
        ({"is_async": "true"}, 4000),
    ],
)
async def test_a_run_is_checked(api, coze: CozeEmulator, changes, code):
    asked = {name: value for name, value in body(**changes).items() if value is not None}
    assert await api.code("POST", RUN, json=asked) == code
    coze.add_workflow("748", published=False)
    assert await api.code("POST", STREAM, json=body(workflow_id="748")) == 4200
    coze.add_workflow("749", app_id=APP)
    assert await api.code("POST", RUN, json=body(workflow_id="749")) == 4000
    assert await api.code("POST", RUN, json=body(workflow_id="749", app_id=APP)) == 0


async def test_an_asynchronous_run_is_found_in_the_history(api, coze: CozeEmulator):
    coze.use(saying("done"))
    asked = body(is_async=True, ext={"user_id": "tg-7"}, bot_id=BOT)
    answer = await api.json("POST", RUN, json=asked)
    assert "code" not in answer
    assert "data" not in answer
    execution = coze.executions[answer["execute_id"]]
    await coze.until(lambda: execution.run.ended)
    path = f"/v1/workflows/{WORKFLOW}/run_histories/{execution.execute_id}"
    (shown,) = (await api.json("GET", path))["data"]
    assert (shown["execute_status"], shown["run_mode"]) == ("Success", 2)
    assert (shown["bot_id"], shown["connector_uid"]) == (BOT, "tg-7")
    assert json.loads(shown["output"]) == {"Output": '{"output":"done"}', "Message": "done"}
    assert shown["error_code"] == ""
    coze.quirks.flow.asynchronous = False
    assert await api.code("POST", RUN, json=asked) == 6003
    assert await api.code("GET", f"/v1/workflows/{WORKFLOW}/run_histories/1") == 4314


async def test_the_history_of_what_failed_and_of_what_waits(api, coze: CozeEmulator):
    await api.json("POST", RUN, json=body("fail"))
    await api.json("POST", RUN, json=body("options"))
    failed, waiting = coze.executions
    path = f"/v1/workflows/{WORKFLOW}/run_histories/"
    (shown,) = (await api.json("GET", path + failed))["data"]
    assert (shown["execute_status"], shown["error_code"]) == ("Fail", "5000")
    assert shown["bot_id"] == "0"
    (shown,) = (await api.json("GET", path + waiting))["data"]
    assert (shown["execute_status"], shown["interrupt_data"]["type"]) == ("Running", 2)


async def test_a_silent_stream_may_ping(api, coze: CozeEmulator, read_events):
    coze.use(fixed(Silence(1), *say("answer", "late")))
    found = await streamed(api, read_events, **body())
    assert found[0][0] == "Message"
    coze.quirks.flow.pings = True
    found = await streamed(api, read_events, **body())
    assert found[0] == ("PING", {})


async def test_the_gateway_does_not_wait_for_ever(api, coze: CozeEmulator):
    coze.state.gateway_seconds = 0.01
    coze.pace = Pace(0, 0, 1)
    answer = await api.call("POST", RUN, json=body("slow"))
    assert answer.status_code == 504
    assert "Gateway Time-out" in answer.text
    (execution,) = coze.executions.values()
    assert not execution.run.ended
    await coze.close()
    assert execution.run.ended


async def test_faults_to_order(api, coze: CozeEmulator, read_events):
    coze.fail(STREAM, code=4013, msg="busy", as_event="first")
    found = await streamed(api, read_events, **body())
    assert found == [("Error", {"error_code": 4013, "error_message": "busy"})]
    coze.fail(STREAM, code=4013, msg="busy", as_event="mid")
    found = await streamed(api, read_events, **body())
    assert [name for name, _ in found] == ["Message"] * 3 + ["Error"]
    coze.fail(RUN, code=4013)
    assert await api.code("POST", RUN, json=body()) == 4013
    coze.drop_stream(after_events=2)
    with pytest.raises(httpx.TransportError):
        await api.call("POST", STREAM, json=body())
    execution = list(coze.executions.values())[-1]
    await coze.until(lambda: execution.run.ended)
    assert execution.status == "Success"


async def test_what_a_workflow_is(api, coze: CozeEmulator):
    answer = await api.json("GET", f"/v1/workflows/{WORKFLOW}")
    assert answer["data"]["workflow_detail"]["workflow_name"] == "Sandbox workflow"
    assert await api.code("GET", "/v1/workflows/7") == 4200
    coze.add_token("pat_runs", ["run"])
    headers = {"Authorization": "Bearer pat_runs"}
    assert await api.code("GET", f"/v1/workflows/{WORKFLOW}", headers=headers) == 4101
    assert await api.code("POST", RUN, json=body(), headers=headers) == 0


async def test_the_self_hosted_server(studio_api, studio: CozeEmulator, read_events):
    found = await streamed(studio_api, read_events, **body("two", version="v9"))
    assert {data["node_type"] for _, data in found[:-1]} == {"Message", "End"}
    assert len({data["node_id"] for _, data in found[:-1]}) == 3
    answer = await studio_api.call("POST", RUN, json=body("options"))
    assert (answer.status_code, answer.json()["code"]) == (200, 6039)
    assert answer.json()["debug_url"]
    answer = await studio_api.call("POST", RUN, json=body(workflow_id="x"))
    assert (answer.status_code, answer.json()["code"]) == (200, 4000)
    studio.add_workflow("748", published=False)
    assert await studio_api.code("POST", RUN, json=body(workflow_id="748")) == 6031
    assert (await studio_api.call("POST", "/v1/workflows/resume")).status_code == 404
    execute_id = next(iter(studio.executions))
    query = {"workflow_id": WORKFLOW, "execute_id": execute_id}
    shown = await studio_api.json("GET", "/v1/workflow/get_run_history", params=query)
    assert shown["data"][0]["execute_status"] == "Success"


async def test_closing_ends_executions(api, coze: CozeEmulator):
    coze.pace = Pace(0, 0, 1)
    asking = asyncio.create_task(api.call("POST", STREAM, json=body("slow")))
    await coze.until(lambda: coze.executions)
    await coze.close()
    with pytest.raises(httpx.TransportError):
        await asyncio.wait_for(asking, 2)
