"""Files for agents that fetch them: by an address of ours, which nobody guesses and which ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from made import picture
from projects import ProjectWorld, beside_a_project
from worlds import BOT_TOKEN, World, kept_port

from bridge.app import App
from bridge.model import Attachment, AttachmentKind
from bridge.ops.public_files import public_files
from bridge.sandbox.coze import saying
from bridge.settings.environment import settings_from
from bridge.telegram.files.public import GOOD_SECONDS


@pytest.fixture
async def there(world: World, tmp_path: Path) -> AsyncIterator[ProjectWorld]:
    async with beside_a_project(world, tmp_path) as made:
        yield made


@asynccontextmanager
async def served(world: World) -> AsyncIterator[tuple[App, str]]:
    """The running bridge, and what leads to its public files."""
    with kept_port() as port:
        address = f"http://127.0.0.1:{port}"
        world.variables |= {"BRIDGE_PUBLIC_URL": address, "BRIDGE_PUBLIC_PORT": str(port)}
        async with world.bridge() as app, public_files(app, settings_from(world.variables)):
            yield app, address


async def test_a_project_fetches_a_picture_and_a_document_from_us(there: ProjectWorld) -> None:
    world, project = there.world, there.project
    ann = world.telegram.add_person("Ann")
    project.use(saying("Thanks."))
    async with served(world) as (_, address):
        world.telegram.send_photo(ann, picture(), caption="what is on it?")
        await world.settled(ann, 1)
        world.telegram.send_document(ann, "table.csv", b"a,b\n1,2\n" * 9000, caption="and here?")
        await world.settled(ann, 2)
        world.telegram.send_document(ann, "notes.txt", b"remember the milk", caption="and this?")
        await world.settled(ann, 3)
    photo, table, notes = (run.seen for run in project.runs)
    assert [(one.kind, one.error) for one in photo] == [("image", "")]
    assert photo[0].url.startswith(address)
    assert photo[0].url.endswith("/file.jpg")
    assert [(one.error, one.url[-4:]) for one in table] == [("", ".csv")]
    assert notes == []  # a small text stands in the question itself
    assert "remember the milk" in project.runs[2].text
    sent = str([run.urls for run in project.runs])
    assert BOT_TOKEN not in sent
    assert project.complaints == []


async def test_without_an_address_people_are_told(there: ProjectWorld) -> None:
    world = there.world
    ann = world.telegram.add_person("Ann")
    async with world.bridge():
        world.telegram.send_photo(ann, picture(), caption="what is on it?")
        post = await world.settled(ann, 1)
    assert "takes no files" in post.text
    assert there.project.runs[0].urls == []


async def test_an_address_ends_and_nobody_makes_another(there: ProjectWorld) -> None:
    world = there.world
    ann = world.telegram.add_person("Ann")
    async with served(world) as (app, _), httpx.AsyncClient() as client:
        world.telegram.send_photo(ann, picture(), caption="what is on it?")
        await world.settled(ann, 1)
        (address,) = there.project.runs[0].urls
        whole = await client.get(address)
        assert (whole.status_code, whole.headers["content-type"]) == (200, "image/jpeg")
        assert (await client.head(address)).headers["content-length"] == str(len(whole.content))
        part = await client.get(address, headers={"Range": "bytes=0-9"})
        assert (part.status_code, part.content) == (206, whole.content[:10])
        base, signed, name = address.rsplit("/", 2)
        payload, signature = signed.split(".")
        for forged in (
            f"{base}/{payload}.{'A' * len(signature)}/{name}",
            f"{base}/{payload[:-2]}.{signature}/{name}",
            f"{base}/{signed}/other.html",
            f"{base}/{payload}/{name}",
            f"{base}/{'x' * 5000}.y/{name}",
            f"{base}/.{signature}/{name}",
        ):
            assert (await client.get(forged)).status_code == 404, forged
        assert (await client.post(address)).status_code == 405
        files = app.public_files
        assert files is not None
        assert files.read(signed, name) is not None
        late = type(files)(
            files.base, files.key, files.downloads, lambda: files.clock() + GOOD_SECONDS + 1
        )
        assert late.read(signed, name) is None
        odd = files.address(Attachment("id", "", AttachmentKind.FILE, 'x.p"h\np/../a'))
        assert odd.endswith("/file")
        assert BOT_TOKEN not in repr(files)
        assert files.key.hex() not in repr(files)
