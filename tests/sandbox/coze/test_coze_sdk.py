"""The official SDK, unchanged, as an independent client."""

import asyncio
import json
import time
import uuid

import httpx
import jwt
import pytest
from cozepy import (
    AsyncCoze,
    AudioFormat,
    ChatEventType,
    ChatStatus,
    Coze,
    CozeAPIError,
    JWTAuth,
    JWTOAuthApp,
    Message,
    MessageObjectString,
    TokenAuth,
    ToolOutput,
)
from cozepy.request import SyncHTTPClient

from bridge.sandbox.coze import CozeEmulator, Pace

# The SDK warns of values its enumerations lack; the API does send them.
pytestmark = pytest.mark.filterwarnings("ignore:Unknown .* value:UserWarning")

BOT = "7379462189365198898"


def question(text: str) -> list[Message]:
    return [Message.build_user_question_text(text)]


async def streamed(sdk: AsyncCoze, text: str, **options):
    found = []
    async for event in sdk.chat.stream(
        bot_id=BOT, user_id="tg-42", additional_messages=question(text), **options
    ):
        found.append(event)
    return found


async def test_a_streamed_answer(sdk):
    conversation = await sdk.conversations.create(bot_id=BOT)
    found = await streamed(sdk, "hello", conversation_id=conversation.id)
    assert found[0].event == ChatEventType.CONVERSATION_CHAT_CREATED
    assert found[-1].event == ChatEventType.CONVERSATION_CHAT_COMPLETED
    deltas = "".join(
        event.message.content
        for event in found
        if event.event == ChatEventType.CONVERSATION_MESSAGE_DELTA
    )
    answers = [
        event.message.content
        for event in found
        if event.event == ChatEventType.CONVERSATION_MESSAGE_COMPLETED
        and event.message.type == "answer"
    ]
    assert answers == [deltas]
    assert "> hello" in deltas
    assert found[-1].chat.usage.token_count > 0


@pytest.mark.parametrize(
    "text", ["markdown", "tool", "think", "knowledge", "two", "card", "中文", "audio"]
)
async def test_every_clean_script_passes_through_the_sdk(sdk, text):
    found = await streamed(sdk, text)
    assert ChatEventType.CONVERSATION_CHAT_COMPLETED in [event.event for event in found]


async def test_a_jwt_service_app(coze: CozeEmulator, base, keys):
    coze.add_oauth_app("1100", keys.public, "kid-1")

    def use_sdk() -> str:
        http_client = SyncHTTPClient(verify=False)
        app = JWTOAuthApp("1100", keys.private, "kid-1", base_url=base)
        coze_sdk = Coze(JWTAuth(oauth_app=app), base_url=base, http_client=http_client)
        chat = coze_sdk.chat.create(bot_id=BOT, user_id="tg-1", additional_messages=question("hi"))
        http_client.close()
        app._requester.sync_client.close()
        return chat.id

    chat_id = await asyncio.to_thread(use_sdk)
    assert chat_id in coze.runs
    assert [exchange.outcome for exchange in coze.exchanges] == ["ok"]


async def test_create_and_poll(coze: CozeEmulator, base, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def use_sdk():
        http_client = SyncHTTPClient(verify=False)
        coze_sdk = Coze(TokenAuth("pat_sandbox"), base_url=base, http_client=http_client)
        try:
            return coze_sdk.chat.create_and_poll(
                bot_id=BOT, user_id="tg-1", additional_messages=question("hi")
            )
        finally:
            http_client.close()

    poll = await asyncio.to_thread(use_sdk)
    assert poll.chat.status == ChatStatus.COMPLETED
    assert [message.type for message in poll.messages][:2] == ["verbose", "answer"]


async def test_a_running_chat_is_cancelled(sdk, coze: CozeEmulator):
    coze.use("slow")
    coze.pace = Pace(0, 0, 1)
    chat = await sdk.chat.create(
        bot_id=BOT, user_id="tg-1", additional_messages=question("draw something")
    )
    cancelled = await sdk.chat.cancel(conversation_id=chat.conversation_id, chat_id=chat.id)
    assert cancelled.status == ChatStatus.CANCELED
    again = await sdk.chat.retrieve(conversation_id=chat.conversation_id, chat_id=chat.id)
    assert again.status == ChatStatus.CANCELED
    with pytest.raises(CozeAPIError) as refused:
        await sdk.chat.cancel(conversation_id=chat.conversation_id, chat_id=chat.id)
    assert refused.value.code == 4104


async def test_a_local_tool(sdk):
    found = await streamed(sdk, "local tool please")
    waiting = found[-1].chat
    assert waiting.status == ChatStatus.REQUIRES_ACTION
    (call,) = waiting.required_action.submit_tool_outputs.tool_calls
    outputs = [ToolOutput(tool_call_id=call.id, output='{"probability":0.5}')]
    rest = [
        event
        async for event in sdk.chat.submit_tool_outputs_stream(
            conversation_id=waiting.conversation_id, chat_id=waiting.id, tool_outputs=outputs
        )
    ]
    assert rest[0].event == ChatEventType.CONVERSATION_CHAT_IN_PROGRESS
    assert rest[-1].chat.status == ChatStatus.COMPLETED
    assert rest[1].message.type == "tool_response"


async def test_conversations_and_messages(sdk):
    conversation = await sdk.conversations.create(bot_id=BOT, name="tea", meta_data={"a": "b"})
    await streamed(sdk, "remember that I like tea", conversation_id=conversation.id)
    page = await sdk.conversations.messages.list(conversation_id=conversation.id, limit=1)
    first = page.items[0]
    assert (first.type, page.has_more) == ("answer", True)
    everything = [message async for message in page]
    assert [message.type for message in everything] == ["answer", "question"]
    changed = await sdk.conversations.messages.update(
        conversation_id=conversation.id, message_id=first.id, content="changed"
    )
    assert changed.content == "changed"
    section = await sdk.conversations.clear(conversation_id=conversation.id)
    assert section.id != conversation.last_section_id
    again = await sdk.conversations.retrieve(conversation_id=conversation.id)
    assert again.last_section_id == section.id
    listed = await sdk.conversations.list(bot_id=BOT)
    assert [item.id for item in listed.items] == [conversation.id]
    await sdk.conversations.messages.feedback.create(
        conversation_id=conversation.id, message_id=first.id, feedback_type="like"
    )
    await sdk.conversations.delete(conversation_id=conversation.id)
    with pytest.raises(CozeAPIError) as refused:
        await sdk.conversations.retrieve(conversation_id=conversation.id)
    assert refused.value.code == 4002


async def test_the_rest_of_the_api(sdk):
    assert (await sdk.users.me()).user_name == "sandbox"
    assert (await sdk.workspaces.list()).total == 1
    agent = await sdk.bots.retrieve(bot_id=BOT)
    assert agent.name == "Sandbox agent"


async def test_the_style_of_a_jwt_client_without_an_sdk(coze: CozeEmulator, base, http, keys):
    """JWT exchange, a conversation with a user_id, a stream with its conversation in the body."""
    coze.add_oauth_app("1100", keys.public, "kid-1")
    now = int(time.time())
    claims = {
        "iss": "1100",
        "aud": httpx.URL(base).host,
        "iat": now,
        "exp": now + 3600,
        "jti": str(uuid.uuid4()),
    }
    headers = {"alg": "RS256", "typ": "JWT", "kid": "kid-1"}
    assertion = jwt.encode(claims, keys.private, "RS256", headers=headers)
    token = (
        await http.post(
            f"{base}/api/permission/oauth2/token",
            headers={"Authorization": f"Bearer {assertion}"},
            json={
                "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "duration_seconds": 86399,
            },
        )
    ).json()
    assert abs(token["expires_in"] - now - 86399) < 5
    auth = {"Authorization": f"Bearer {token['access_token']}"}
    created = await http.post(
        f"{base}/v1/conversation/create", headers=auth, json={"bot_id": BOT, "user_id": "u"}
    )
    conversation_id = created.json()["data"]["id"]
    body = {
        "bot_id": BOT,
        "user_id": "u",
        "conversation_id": conversation_id,
        "stream": True,
        "additional_messages": [{"role": "user", "content": "hi", "content_type": "text"}],
    }
    async with http.stream("POST", f"{base}/v3/chat", headers=auth, json=body) as answer:
        lines = [line async for line in answer.aiter_lines()]
    texts = [
        json.loads(line[5:])["content"]
        for line in lines
        if line.startswith("data:") and '"type":"answer"' in line
    ]
    assert "> hi" in "".join(texts)
    assert coze.asked[0].conversation_id != conversation_id
    assert any("mistake" in entry.outcome for entry in coze.journal.entries)


async def test_the_style_of_a_polling_client_without_an_sdk(coze: CozeEmulator, base, http):
    """stream false, GET retrieve until completed, POST message/list, the second is the answer."""
    auth = {"Authorization": "Bearer pat_sandbox"}
    body = {
        "bot_id": BOT,
        "user_id": "u",
        "stream": False,
        "auto_save_history": True,
        "additional_messages": [{"role": "user", "content": "hi", "content_type": "text"}],
    }
    coze.pace = Pace(0.05, 0, 1)
    data = (await http.post(f"{base}/v3/chat", headers=auth, json=body)).json()["data"]
    query = {"conversation_id": data["conversation_id"], "chat_id": data["id"]}
    seen = []
    while "completed" not in seen:
        got = await http.get(f"{base}/v3/chat/retrieve", headers=auth, params=query)
        seen.append(got.json()["data"]["status"])
    assert seen[0] == "in_progress"
    listed = await http.post(f"{base}/v3/chat/message/list", headers=auth, params=query)
    assert "> hi" in listed.json()["data"][1]["content"]


async def test_files_and_sounds(sdk, coze: CozeEmulator):
    uploaded = await sdk.files.upload(file=("cat.png", b"\x89PNG\r\n\x1a\n"))
    assert (await sdk.files.retrieve(file_id=uploaded.id)).file_name == "cat.png"
    asked = [
        MessageObjectString.build_text("who is this?"),
        MessageObjectString.build_image(file_id=uploaded.id),
    ]
    chat = await sdk.chat.create(
        bot_id=BOT,
        user_id="tg-1",
        additional_messages=[Message.build_user_question_objects(asked)],
    )
    assert [item.name for item in coze.asked[0].attachments] == ["cat.png"]
    assert chat.id in coze.runs
    agent = await sdk.bots.retrieve(bot_id=BOT, use_api_version=2)
    voices = [voice async for voice in await sdk.audio.voices.list(page_size=2)]
    assert agent.voice_info_list[0].voice_id == voices[0].voice_id
    assert [voice.language_code for voice in voices] == ["en", "zh", "zh", "en"]
    for form in (AudioFormat.OGG_OPUS, AudioFormat.MP3):
        speech = await sdk.audio.speech.create(
            input="hello there", voice_id=voices[0].voice_id, response_format=form
        )
        content = b"".join([chunk async for chunk in speech._raw_response.aiter_bytes()])
        text = (await sdk.audio.transcriptions.create(file=("voice", content))).text
        assert text.startswith("This is a recording of")
    with pytest.raises(CozeAPIError) as refused:
        await sdk.audio.transcriptions.create(file=("voice.ogg", b"words"))
    assert refused.value.code == 4303
