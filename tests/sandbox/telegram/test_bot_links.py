"""Links to the bot: what apps send when they are opened, and what they lose on the way."""

import pytest

from bridge.sandbox.telegram.people.links import read_link

LINK = "https://t.me/sandbox_bot"


@pytest.mark.parametrize(
    ("address", "payload", "for_group", "as_admin"),
    [
        (f"{LINK}?start=abc_-9", "abc_-9", False, False),
        ("tg://resolve?domain=sandbox_bot&start=abc", "abc", False, False),
        (f"{LINK}?startgroup=abc&admin=pin_messages+nonsense", "abc", True, True),
        (f"{LINK}?startgroup=abc&admin=nonsense", "abc", True, False),
        (f"{LINK}?start=a%20b", "", False, False),  # an app drops what it does not allow
        (f"{LINK}?start={'x' * 65}", "", False, False),
        (f"{LINK}?start={'x' * 64}", "x" * 64, False, False),
        (LINK, "", False, False),
    ],
)
def test_what_a_link_asks_for(address, payload, for_group, as_admin):
    link = read_link(address)
    assert (link.username, link.payload) == ("sandbox_bot", payload)
    assert (link.for_group, link.as_admin) == (for_group, as_admin)


@pytest.mark.parametrize(
    "address", ["https://example.org/sandbox_bot", "t.me/sandbox_bot", LINK + "/7"]
)
def test_what_is_no_link_to_a_bot(address):
    with pytest.raises(ValueError, match="is no link to a bot"):
        read_link(address)


async def messages(stage):
    updates = await stage.done("getUpdates")
    stage.telegram.updates.clear()
    return [one.get("message", one) for one in updates]


async def test_a_person_starts_the_bot_as_often_as_they_like(stage):
    for _ in range(2):
        stage.telegram.open_link(stage.ann, f"{LINK}?start=spring")
    first, second = (await messages(stage))[-2:]
    assert first["text"] == second["text"] == "/start spring"
    assert first["entities"] == [{"offset": 0, "length": 6, "type": "bot_command"}]
    stage.telegram.open_link(stage.ann, f"{LINK}?start=spring", keeps_payload=False)
    assert (await messages(stage))[-1]["text"] == "/start"
    with pytest.raises(ValueError, match="no bot @other_bot"):
        stage.telegram.open_link(stage.ann, "https://t.me/other_bot?start=x")


async def test_a_group_gets_the_bot_then_the_command(stage):
    group = stage.telegram.add_group("Team", [stage.ann])
    stage.telegram.kick_bot(group)
    stage.telegram.updates.clear()
    stage.telegram.open_link(stage.ann, f"{LINK}?startgroup=abc", group)
    standing, joined, command = await messages(stage)
    assert standing["my_chat_member"]["from"]["id"] == stage.ann.id
    assert joined["new_chat_members"][0]["username"] == "sandbox_bot"
    assert command["text"] == "/start@sandbox_bot abc"


async def test_rights_are_for_administrators_to_give(stage):
    bob = stage.telegram.add_person("Bob")
    group = stage.telegram.add_group("Team", [stage.ann, bob])
    address = f"{LINK}?startgroup=abc&admin=pin_messages"
    with pytest.raises(ValueError, match="CHAT_ADMIN_REQUIRED"):
        stage.telegram.open_link(bob, address, group)
    stage.telegram.open_link(stage.ann, address, group)
    assert stage.telegram.world.chat(group.id).standing == "administrator"
    with pytest.raises(ValueError, match="choose one"):
        stage.telegram.open_link(stage.ann, address)
