"""The dashboard's forms, as nobody's browser would send them."""

import httpx
import pytest
from worlds import World, a_world, kept_port

from bridge.ops.dashboard import dashboard
from bridge.settings.environment import settings_from

TOKEN = "a-token-of-the-test"


@pytest.mark.parametrize("form", ["&".join(f"a{n}=1" for n in range(20)), "%", "a" * 3000, "\0"])
async def test_a_strange_form_is_refused_kindly(tmp_path, form: str) -> None:
    async def journey(world: World, port: int) -> httpx.Response:
        variables = {**world.variables, "BRIDGE_DASHBOARD_PORT": str(port)}
        async with (
            world.bridge() as app,
            dashboard(app, settings_from(variables), TOKEN) as address,
            httpx.AsyncClient(base_url=address or "") as client,
        ):
            await client.get("/", params={"token": TOKEN})
            return await client.post("/access", content=form, headers={"origin": address or ""})

    with kept_port() as port:
        async with a_world(tmp_path) as world:
            answer = await journey(world, port)
    assert answer.status_code == 403
    assert "This page needs its link" in answer.text
