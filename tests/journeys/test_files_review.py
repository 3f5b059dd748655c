"""Files where something goes wrong on the way: nothing is lost, doubled or stuck."""

from worlds import World, in_a_fast_world

from bridge.sandbox.coze import saying
from bridge.sandbox.telegram import Message


def own(world: World) -> dict[str, str]:
    """The setting that lets the bridge fetch from the local Coze."""
    return {"BRIDGE_PICTURE_HOSTS": world.settings.coze_api_base.removeprefix("http://")}


def kinds(posts: list[Message]) -> list[str]:
    """What each post is."""
    return [post.attachment.kind if post.attachment else "text" for post in posts]


def refusal(description: str) -> dict[str, object]:
    """A 400 of Telegram's."""
    return {"ok": False, "error_code": 400, "description": f"Bad Request: {description}"}


@in_a_fast_world
async def test_a_group_that_lets_nobody_send_photos_gets_its_answers(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    group = world.telegram.add_group("Group", [ann])
    for method, what in (("sendPhoto", "photos"), ("sendDocument", "documents")):
        body = refusal(f"not enough rights to send {what} to the chat")
        world.telegram.fail(method, status=400, times=99, body=body)
    async with world.bridge(**own(world)):
        await world.telegram.until(lambda: bool(world.posts(group)), 100)
        world.telegram.send(ann, "/ask picture please", chat=group)
        await world.telegram.until(
            lambda: "x-signature" in str([one.entities for one in world.posts(group)]), 100
        )
        await world.settled(group, 2)
        world.coze.use(saying("Still here."))
        world.telegram.send(ann, "/ask again", chat=group)
        await world.telegram.until(lambda: world.posts(group)[-1].text == "Still here.", 100)
    assert kinds(world.posts(group)) == ["text"] * 3
