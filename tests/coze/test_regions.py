"""Which addresses can be a Coze's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.coze.regions import CN, COM, deployment


@pytest.mark.parametrize(
    ("written", "base", "audience"),
    [
        ("https://api.coze.com", COM, "api.coze.com"),
        ("https://API.coze.cn/", CN, "api.coze.cn"),
        ("HTTPS://api.coze.cn:443", CN, "api.coze.cn"),
        ("http://127.0.0.1:8888/", "http://127.0.0.1:8888", "127.0.0.1:8888"),
        ("http://Studio.example:80", "http://studio.example", "studio.example"),
        ("https://studio.example/coze", "https://studio.example/coze", "studio.example"),
        ("http://[::1]:8888", "http://[::1]:8888", "[::1]:8888"),
    ],
)
def test_an_address_has_one_form(written: str, base: str, audience: str) -> None:
    found = deployment(written)
    assert (found.base, found.audience) == (base, audience)
    assert found.cloud == (base in (COM, CN))


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        ("https://api.coze.cn/open_api/v2", CN),
        ("https://api.coze.com/open_api/v2/chat", COM),
        ("https://api.coze.com/v1/conversation/create", COM),
        ("https://api.coze.com/api", COM),
        ("http://api.coze.cn", CN),
        ("https://api.coze.com:8443", COM),
        ("https://www.coze.cn", CN),
        ("https://studio.example/open_api/v2", "leave it away"),
        ("http://studio.example:8888/v3/chat", "leave it away"),
        ("http://studio.example:8888/api", "leave it away"),
        ("http://studio.example:8888/space/73/bot/74", "leave it away"),
        ("http://studio.example:8888/sign", "leave it away"),
        ("http://studio.example:x", "not a web address"),
        ("studio.example", "not a web address"),
        ("https://me:secret@studio.example", "credentials"),
    ],
)
def test_what_cannot_work_is_refused_with_what_does(written: str, cure: str) -> None:
    with pytest.raises(ValueError, match=cure) as caught:
        deployment(written)
    assert "secret" not in str(caught.value)


@given(st.text(max_size=40).map(lambda text: f"https://{text}") | st.text(max_size=20))
def test_any_text_is_an_address_or_a_fault(written: str) -> None:
    try:
        found = deployment(written)
    except ValueError:
        return
    assert deployment(found.base) == found
