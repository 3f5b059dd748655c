"""User variables, and the values that travel with a chat."""

import pytest

from bridge.sandbox.coze import CozeEmulator

BOT = "7379462189365198898"
APP = "7400000000000000002"
APP_FLOW = "7400000000000000003"
PATH = "/v1/variables"


@pytest.fixture(autouse=True)
def defined(coze: CozeEmulator):
    coze.add_variable(BOT, "name")
    coze.add_variable(BOT, "lang", default="en", description="The language.")
    coze.add_variable(BOT, "hidden", enabled=False)
    coze.add_variable(APP, "city")


def user(name="tg-42", **more):
    return {"bot_id": BOT, "connector_uid": name, **more}


async def read(api, **query):
    answer = await api.json("GET", PATH, params=query or user())
    return {one["keyword"]: one["value"] for one in answer["data"]["items"]}


def writing(keyword="name", value="Ann", **more):
    return {**user(), "data": [{"keyword": keyword, "value": value}], **more}


async def test_a_variable_is_written_and_read(api):
    answer = await api.json("GET", PATH, params=user())
    assert answer["data"]["items"] == [
        {"keyword": "name", "value": "", "create_time": 0, "update_time": 0},
        {"keyword": "lang", "value": "en", "create_time": 0, "update_time": 0},
    ]
    answer = await api.json("PUT", PATH, json=writing())
    assert (answer["code"], "data" in answer) == (0, False)
    answer = await api.json("GET", PATH, params=user(keywords="name,unknown"))
    (item,) = answer["data"]["items"]
    assert (item["value"], item["create_time"] > 0) == ("Ann", True)
    assert item["update_time"] >= item["create_time"]


async def test_every_key_isolates(api, coze: CozeEmulator):
    await api.call("PUT", PATH, json=writing())
    assert await read(api, **user("tg-43")) == {"name": "", "lang": "en"}
    assert (await read(api, **user(connector_id="999")))["name"] == ""
    assert await read(api, app_id=APP, connector_uid="tg-42") == {"city": ""}
    coze.add_token("pat_other", account="another")
    headers = {"Authorization": "Bearer pat_other"}
    answer = await api.json("GET", PATH, params=user(), headers=headers)
    assert answer["data"]["items"][0]["value"] == ""
    assert await read(api) == {"name": "Ann", "lang": "en"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"connector_uid": "tg-42"}, 4000),
        ({"bot_id": BOT}, 4000),
        (user(connector_id="7"), 4000),
        ({"bot_id": "73", "connector_uid": "tg-42"}, 4200),
        ({"app_id": "73", "connector_uid": "tg-42"}, 4200),
        (user(app_id=APP), 0),
    ],
)
async def test_reading_is_checked(api, query, code):
    assert await api.code("GET", PATH, params=query) == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (user(data=[]), 4000),
        (user(), 4000),
        (writing(value=None), 4000),
        (writing(value=1), 4000),
        (writing(keyword=""), 4000),
        (writing(keyword="hidden"), 4000),
        (writing(keyword="sys_uuid"), 4000),
        (writing(value=""), 0),
        ({"data": [{"keyword": "name", "value": "Ann"}]}, 4000),
    ],
)
async def test_writing_is_checked(api, body, code):
    assert await api.code("PUT", PATH, json=body) == code


async def test_one_unknown_variable_refuses_all_or_is_ignored(api, coze: CozeEmulator):
    pairs = [{"keyword": "name", "value": "Ann"}, {"keyword": "unknown", "value": "x"}]
    assert await api.code("PUT", PATH, json=user(data=pairs)) == 4000
    assert (await read(api))["name"] == ""
    coze.quirks.unknown_variable = "ignored"
    assert await api.code("PUT", PATH, json=user(data=pairs)) == 0
    assert (await read(api))["name"] == "Ann"


async def test_permissions(api, coze: CozeEmulator):
    coze.add_token("pat_reads", ["readVariable"])
    headers = {"Authorization": "Bearer pat_reads"}
    assert await api.code("GET", PATH, params=user(), headers=headers) == 0
    assert await api.code("PUT", PATH, json=writing(), headers=headers) == 4101


async def test_the_agent_shows_its_definitions(api):
    agent = await api.json("GET", f"/v1/bots/{BOT}")
    assert agent["data"]["variables"][1] == {
        "keyword": "lang",
        "description": "The language.",
        "default_value": "en",
        "enable": True,
        "channel": "custom",
        "prompt_enable": True,
    }


async def test_an_unpublished_agent_has_none(api, coze: CozeEmulator):
    coze.add_agent(BOT, published=False)
    assert await api.code("GET", PATH, params=user()) == 4015


async def test_the_self_hosted_server_has_none(studio_api):
    assert (await studio_api.call("GET", PATH, params=user())).status_code == 404


QUESTION = "What do you know about me?"


async def test_what_the_agent_is_told(api, coze: CozeEmulator):
    coze.add_variable(BOT, "lang", enabled=False)
    await api.call("PUT", PATH, json=writing())
    sent = {
        "custom_variables": {"tier": "gold"},
        "parameters": {"user": [{"user_id": "42"}]},
        "extra_params": {"latitude": "39.98"},
        "meta_data": {"src": "telegram"},
    }
    told = await api.answer(QUESTION, **sent)
    assert told.split("\n")[2:] == [
        "- custom variable **tier**: gold",
        "- user variable **name**: Ann",
        "- position **latitude**: 39.98",
    ]
    (asked,) = coze.asked
    assert asked.values.custom_variables == {"tier": "gold"}
    assert asked.values.parameters == {"user": [{"user_id": "42"}]}
    assert asked.values.extra_params == {"latitude": "39.98"}
    assert asked.meta_data == {"src": "telegram"}
    assert coze.runs[asked.chat_id].values is asked.values
    coze.add_agent(BOT, chatflow=True)
    assert "parameter **user**: [{'user_id': '42'}]" in await api.answer(QUESTION, **sent)
    assert (await api.json("GET", f"/v1/bots/{BOT}"))["data"]["bot_mode"] == 2


async def test_an_agent_that_is_told_nothing_says_so(api, coze: CozeEmulator):
    for keyword in ("name", "lang"):
        coze.add_variable(BOT, keyword, enabled=False)
    assert "**nothing** about you" in await api.answer(QUESTION)


async def test_a_chatflow_is_told_of_its_user(api, coze: CozeEmulator):
    data = [{"keyword": "city", "value": "Paris"}]
    written = {"app_id": APP, "connector_uid": "tg-7", "data": data}
    assert await api.code("PUT", PATH, json=written) == 0
    ext = {"user_id": "tg-7", "longitude": "116.31"}
    told = await api.said(QUESTION, app_id=APP, parameters={"lang": "en"}, ext=ext)
    assert told.split("\n")[2:] == [
        "- parameter **lang**: en",
        "- user variable **city**: Paris",
        "- position **longitude**: 116.31",
    ]
    assert "Paris" not in await api.said(QUESTION, app_id=APP, ext={"user_id": "tg-8"})


async def test_the_meta_data_of_a_chat_are_in_its_object(api, coze: CozeEmulator, read_events):
    found = read_events(await api.stream("hi", meta_data={"src": "telegram"}))
    assert found[0][1]["meta_data"] == found[-2][1]["meta_data"] == {"src": "telegram"}
    (run,) = coze.runs.values()
    query = {"conversation_id": run.conversation_id, "chat_id": run.chat_id}
    retrieved = await api.json("GET", "/v3/chat/retrieve", params=query)
    assert retrieved["data"]["meta_data"] == {"src": "telegram"}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"custom_variables": {"a b": "x"}}, 4000),
        ({"custom_variables": {"name1": "x"}}, 4000),
        ({"custom_variables": {"name": 1}}, 4000),
        ({"custom_variables": {"name": None}}, 4000),
        ({"parameters": "{}"}, 4000),
        ({"extra_params": {"altitude": "1"}}, 4000),
        ({"extra_params": {"latitude": 1.5}}, 4000),
        ({"meta_data": {str(number): "x" for number in range(17)}}, 4003),
        ({"meta_data": {"k" * 65: "x"}}, 4003),
        ({"meta_data": {"k": "x" * 513}}, 4003),
    ],
)
async def test_the_values_of_a_chat_are_checked(api, sent, code):
    assert await api.code("POST", "/v3/chat", **api.ask("hi", **sent)) == code


async def test_the_self_hosted_server_keeps_no_meta_data(studio_api, studio, read_events):
    sent = {"meta_data": {"src": "telegram"}, "extra_params": {"altitude": "1"}}
    found = read_events(await studio_api.stream("hi", **sent))
    assert "meta_data" not in found[0][1]
    assert studio.asked[0].values.extra_params == {"altitude": "1"}
