"""The exchange of a signed JWT, and the life of the access token."""

import time
import uuid

import httpx
import jwt
import pytest

from bridge.sandbox.coze import CozeEmulator

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PATH = "/api/permission/oauth2/token"


@pytest.fixture
def exchange(api, coze: CozeEmulator, keys):
    coze.add_oauth_app("1100", keys.public, "kid-1")

    async def call(
        *, claims=None, header=None, body=None, key=None, path=PATH, assertion=None
    ) -> httpx.Response:
        now = int(time.time())
        full = {
            "iss": "1100",
            "aud": httpx.URL(api.base).netloc.decode(),
            "iat": now,
            "exp": now + 600,
            "jti": uuid.uuid4().hex,
            **(claims or {}),
        }
        full = {name: value for name, value in full.items() if value is not None}
        signed = assertion or jwt.encode(
            full, key or keys.key, "RS256", headers=header or {"kid": "kid-1"}
        )
        return await api.call(
            "POST",
            path,
            headers={"Authorization": f"Bearer {signed}"},
            json={"grant_type": GRANT, **(body or {})},
        )

    return call


@pytest.mark.parametrize(("asked", "seconds"), [(None, 900), (0, 900), (1, 1), (86399, 86399)])
async def test_the_life_of_a_token_is_an_absolute_time(exchange, asked, seconds):
    answer = await exchange(body={"duration_seconds": asked})
    assert answer.status_code == 200
    assert answer.json()["expires_in"] - time.time() == pytest.approx(seconds, abs=3)


@pytest.mark.parametrize("path", [PATH.replace("token", "account/42/token")])
async def test_the_account_variant(exchange, path):
    assert (await exchange(path=path)).json()["access_token"].startswith("czs_")


NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        ({"iss": "1101"}, "iss not match"),
        ({"iss": None}, "iss not match"),
        ({"aud": "api.coze.cn"}, "aud not match"),
        ({"aud": None}, "aud not match"),
        ({"exp": NOW - 5, "iat": NOW - 600}, "token is expired"),
        ({"exp": None}, "exp is required"),
        ({"iat": None}, "iat is required"),
        ({"iat": NOW + 500}, "token used before issued"),
        ({"jti": None}, "jti is required"),
    ],
)
async def test_a_bad_claim(exchange, coze: CozeEmulator, claims, says):
    answer = await exchange(claims=claims)
    assert answer.status_code == 401
    assert answer.json() == {
        "error_code": "invalid_client",
        "error_message": f"invalid jwt: {says}",
        "error": "invalid_client",
    }
    assert says in coze.exchanges[-1].outcome


async def test_a_bad_signature_kid_or_algorithm(exchange, other_keys):
    async def says(**options) -> str:
        return (await exchange(**options)).json()["error_message"]

    assert await says(key=other_keys.key) == "invalid jwt: signature is invalid"
    unknown = {"kid": "kid-2"}
    assert await says(header=unknown) == "invalid jwt: kid not been registred"
    secret = jwt.encode({"iss": "1100"}, "s" * 32, "HS256", headers={"kid": "kid-1"})
    assert await says(assertion=secret) == "invalid jwt: alg must be RS256"
    assert "invalid jwt" in await says(assertion="x.y")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {"grant_type": "password"},
            "unsupported_grant_type",
            "not supported grant type: password",
        ),
        ({"duration_seconds": 86400}, "invalid_request", "invalid request: duration_seconds"),
        ({"duration_seconds": -1}, "invalid_request", "invalid request: duration_seconds"),
        ({"duration_seconds": "900"}, "invalid_request", "invalid request: duration_seconds"),
        ({"scope": 5}, "invalid_request", "invalid request: scope"),
    ],
)
async def test_a_bad_request(exchange, body, code, message):
    answer = await exchange(body=body)
    assert answer.status_code == 400
    assert (answer.json()["error_code"], answer.json()["error_message"]) == (code, message)


async def test_an_assertion_is_good_for_one_exchange(exchange):
    claims = {"jti": "the same"}
    assert (await exchange(claims=claims)).status_code == 200
    again = await exchange(claims=claims)
    assert again.json()["error_message"] == "invalid jwt: jti has been used"


async def test_a_deactivated_app(exchange, coze: CozeEmulator, keys):
    coze.add_oauth_app("1100", keys.public, "kid-1", active=False)
    answer = (await exchange()).json()
    assert answer["error_code"] == "access_deny"
    assert answer["error_message"] == "app: 1100 is currently deactivated by the owner"


async def test_an_expired_and_a_revoked_token(exchange, api, coze: CozeEmulator):
    async def use(token: str) -> int:
        return await api.code("GET", "/v1/users/me", headers={"Authorization": f"Bearer {token}"})

    coze.token_seconds = -1
    expired = (await exchange()).json()["access_token"]
    assert await use(expired) == 4100
    coze.expired_code = 700012006
    assert await use(expired) == 700012006
    coze.token_seconds = None
    fresh = (await exchange(body={"duration_seconds": 86399})).json()["access_token"]
    assert await use(fresh) == 0
    coze.revoke_tokens()
    assert await use(fresh) == 700012006
    assert await use("pat_sandbox") == 0


async def test_a_session_sees_its_own_conversations_only(exchange, api):
    async def headers(session: str) -> dict[str, str]:
        token = (await exchange(claims={"session_name": session})).json()["access_token"]
        return {"Authorization": f"Bearer {token}"}

    ann, bob = await headers("ann"), await headers("bob")
    created = await api.json("POST", "/v1/conversation/create", headers=ann)
    query = {"conversation_id": created["data"]["id"]}
    path = "/v1/conversation/retrieve"
    assert await api.code("GET", path, headers=ann, params=query) == 0
    assert await api.code("GET", path, headers=bob, params=query) == 4002
    assert await api.code("GET", path, params=query) == 4002


async def test_a_token_narrowed_to_one_agent(exchange, api, coze: CozeEmulator):
    coze.add_agent("7379462189365198899")
    narrow = {"connector_bot_chat_attribute": {"bot_id_list": ["7379462189365198899"]}}
    body = {"scope": {"attribute_constraint": narrow}}
    token = (await exchange(body=body)).json()["access_token"]
    api.headers = {"Authorization": f"Bearer {token}"}
    assert await api.code("POST", "/v3/chat", **api.ask("hi")) == 4101
    assert "hi" in await api.answer("hi", bot_id="7379462189365198899")


async def test_a_configured_audience(exchange, coze: CozeEmulator):
    coze.state.audience = "api.coze.cn"
    assert (await exchange()).json()["error_message"] == "invalid jwt: aud not match"
    assert (await exchange(claims={"aud": "api.coze.cn"})).status_code == 200


async def test_an_ordered_failure_has_the_shape_of_oauth(exchange, coze: CozeEmulator):
    coze.fail(PATH, code="internal_error", msg="Service internal error.", http=500)
    answer = await exchange()
    assert (answer.status_code, answer.json()["error_code"]) == (500, "internal_error")
    assert (await exchange()).status_code == 200


async def test_no_token_or_jwt_reaches_the_journal(exchange, coze: CozeEmulator):
    token = (await exchange()).json()["access_token"]
    shown = repr(list(coze.journal.entries)) + repr(coze.requests) + repr(coze.exchanges)
    assert token not in shown
    assert "eyJ" not in shown
