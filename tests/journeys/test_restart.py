"""Stopping at any moment: what is visible stays honest, and the next start completes it."""

from worlds import World, buttons, is_running

from bridge.sandbox.coze import Pace, saying

WORDS = "so many words " * 40


async def test_an_interrupted_answer_says_so_and_is_completed_in_the_same_post(
    world: World,
) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.02, 0.02)
    world.coze.use(saying(WORDS))
    async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
        world.telegram.send(ann, "talk")
        await world.telegram.until(lambda: bool(world.posts(ann)))
    (post,) = world.posts(ann)
    assert post.text.startswith("so many words")
    assert post.text.endswith("the rest follows when I am back.")
    assert buttons(post) == {}
    async with world.bridge():
        await world.telegram.until(lambda: world.posts(ann)[0].text == WORDS.strip(), timeout=20)
    assert len(world.posts(ann)) == 1
    assert len(world.coze.asked) == 1


async def test_running_answers_may_end_within_the_grace(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.02, 0.01)
    world.coze.use(saying(WORDS))
    async with world.bridge():
        world.telegram.send(ann, "talk")
        await world.telegram.until(lambda: bool(world.posts(ann)))
    assert world.posts(ann)[0].text == WORDS.strip()
    assert not is_running(world.posts(ann)[0])


async def test_what_waits_at_the_stop_is_answered_after_the_start(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.3, 0)
    world.coze.use(saying("An answer."))
    async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
        world.telegram.send(ann, "first")
        await world.coze.until(lambda: len(world.coze.asked) == 1)
        world.telegram.send(ann, "second")
        await world.handled()
    async with world.bridge():
        await world.telegram.until(
            lambda: [post.text for post in world.posts(ann)] == ["An answer."] * 2, timeout=20
        )
    assert [asked.question for asked in world.coze.asked] == ["first", "second"]


async def test_a_turn_whose_run_was_never_heard_of_is_found_by_its_mark(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.use(saying("An answer."))
    async with world.bridge(BRIDGE_GRACE_SECONDS="0") as app:
        world.coze.pace = Pace(0.2, 0)
        world.coze.stall_stream(after_events=0, seconds=30)
        world.telegram.send(ann, "first")
        await world.coze.until(lambda: len(world.coze.asked) == 1)
        async with app.store.reading() as tx:
            row = (await tx.exec_driver_sql("SELECT asked, run_id FROM turns")).one()
        assert (bool(row.asked), row.run_id) == (True, None)
    async with world.bridge():
        await world.telegram.until(
            lambda: any(post.text == "An answer." for post in world.posts(ann)), timeout=20
        )
    assert len(world.coze.asked) == 1
    assert len(world.posts(ann)) == 1


async def test_a_second_stop_does_not_take_away_what_could_be_read(world: World) -> None:
    ann = world.telegram.add_person("Ann")
    world.coze.pace = Pace(0.02, 0.1)
    world.coze.use(saying(WORDS))
    async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
        world.telegram.send(ann, "talk")
        await world.telegram.until(lambda: bool(world.posts(ann)))
    before = world.posts(ann)[0].text
    looks = len([one for one in world.coze.requests if one.path == "/v3/chat/retrieve"])
    async with world.bridge(BRIDGE_GRACE_SECONDS="0"):
        await world.coze.until(
            lambda: (
                len([one for one in world.coze.requests if one.path == "/v3/chat/retrieve"]) > looks
            )
        )
    assert before.startswith("so many")
    assert [post.text for post in world.posts(ann)] == [before]
