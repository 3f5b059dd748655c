"""Whatever updates come from Telegram: each is settled or set aside, and nobody's chat is stuck."""

import asyncio
import copy
import gc
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import thread_time
from typing import Any, get_args

import httpx
import pytest
from fast import run_fast
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sql
from structlog.testing import capture_logs
from telegram import Bot, User
from worlds import BOT_TOKEN, World, a_world

from bridge.app import App
from bridge.errors import TelegramTrouble
from bridge.sandbox.coze import saying
from bridge.sandbox.telegram import Person
from bridge.telegram.inbound.dispatch import Dispatcher
from bridge.telegram.inbound.get_updates import GetUpdates
from bridge.telegram.inbound.polling import UpdatePoller
from bridge.telegram.status import PollingHealth
from bridge.telegram.updates.events import Event
from bridge.telegram.updates.parse import chat_of, read

pytestmark = pytest.mark.slow

Update = dict[str, Any]
Spoil = Callable[[Update, random.Random], None]
DEEP = 100_000
ODD: Sequence[object] = (
    None, True, False, 0, -1, 7, 2**31, 2**63, -(2**63) - 1, 10**400, 0.5, 1e308, float("nan"),
    float("inf"), "", "7", "private", "x" * 10_000, "/", "@sandbox_bot", "\ud800", "a\udfffb",
    "\u202e\u2066\x00", "😀" * 20, [], {}, [None], [[]], {"id": {}}, [{"offset": -1}], {"": ""},
)  # fmt: skip
DATA = (
    "", ":", "stop", "stop:", "stop:-1", "stop:" + "9" * 40, "stop:٣", "retry:x", "ask:", "ask::0",
    "ask:x:99999999999999999999", "like:0", "dislike:", "set", "set:", "set:reasoning:on",
    "set:x:y:z", "\x00", "x" * 5000,
)  # fmt: skip
NUMBERS = (-1, 0, 1, 3, 50, 2**31, 2**63, -(2**63) - 1, 10**40)
ANN = 5_000_000_001


# --- real updates, and how they are spoiled --------------------------------------------------------


@cache
def recorded() -> tuple[Update, ...]:
    """Updates of all kinds as the emulator writes them, without their ids; all are Ann's."""
    found = list[Update]()

    async def record() -> None:
        with TemporaryDirectory() as folder:
            async with a_world(Path(folder)) as world:
                await _act(world)
                found.extend(dict(waiting.update) for waiting in world.telegram.updates._queue)

    asyncio.run(record())
    photo = next(one["message"] for one in found if "photo" in one.get("message", {}))
    bare = {name: value for name, value in photo.items() if name not in ("photo", "caption")}
    sticker = photo["photo"][0] | {"type": "regular", "is_animated": False, "is_video": False}
    place = {"location": {"latitude": 1, "longitude": 2}, "title": "x", "address": "y"}
    found += [
        {"message": bare | {"sticker": sticker}},
        {"message": bare | {"venue": place}},
        {"message": bare | {"game": {"title": "x", "description": "y", "photo": photo["photo"]}}},
        {"message": bare | {"pinned_message": bare | {"date": 0}}},
        {"stopped_message_generation": {"chat": bare["chat"], "draft_id": 7}},
    ]
    return tuple({name: one[name] for name in one if name != "update_id"} for one in found)


@pytest.fixture(autouse=True, scope="module")
def _recorded_before() -> None:
    """Recording takes its time, which is not that of an example."""
    recorded()


async def _act(world: World) -> None:
    telegram = world.telegram
    ann = telegram.add_person("Ann", "ann", "en", ANN)
    telegram.send(ann, "/start now")
    telegram.send(ann, "hello 😀 /help https://example.org")
    question = telegram.send(ann, "a question")
    buttons = [
        [{"text": "Stop", "callback_data": "stop:1"}],
        [{"text": "Why?", "callback_data": "ask:abc:0"}],
    ]
    async with httpx.AsyncClient(trust_env=False) as bot:
        sent = await bot.post(
            f"{world.variables['TELEGRAM_API_BASE_URL']}/bot{BOT_TOKEN}/sendMessage",
            json={"chat_id": ANN, "text": "No", "reply_markup": {"inline_keyboard": buttons}},
        )
    post = sent.json()["result"]["message_id"]
    telegram.send(ann, "a reply", reply_to=post)
    telegram.edit(ann, question, "another question")
    telegram.press(ann, post, "Stop")
    telegram.press(ann, post, data="set:reasoning:on")
    telegram.press(ann, post + 99, data="retry:1")
    telegram.send_photo(ann, b"x", "a caption with /start")
    telegram.send_document(ann, "a.txt", b"x")
    group = telegram.add_group("Group", [ann], forum=True)
    topic = telegram.add_topic(group, "Topic")
    telegram.send(ann, "@sandbox_bot hi, and /help", chat=group)
    inside = telegram.send(ann, "@sandbox_bot hi", chat=group, thread_id=topic)
    telegram.send(ann, "@sandbox_bot well?", inside, chat=group)
    telegram.edit(ann, inside, "@sandbox_bot hello", chat=group)
    telegram.close_topic(group, topic)
    telegram.migrate(telegram.add_group("Basic", [ann], basic=True))
    telegram.privacy = False
    open_group = telegram.add_group("Open", [ann])
    telegram.send(ann, "a remark", chat=open_group)
    telegram.send_anonymously(ann, "a remark", chat=open_group)
    telegram.send_album(ann, [b"1", b"2"], "compare", chat=open_group)
    telegram.rename_topic(ann, telegram.add_topic(ann, "Mine"), "Ours")


def places(found: object) -> Iterator[tuple[Any, Any]]:
    """Every container in some JSON with each of its keys."""
    if isinstance(found, dict | list):
        for key in list(found) if isinstance(found, dict) else range(len(found)):
            yield found, key
            yield from places(found[key])


def anything(update: Update, chance: random.Random) -> None:
    """One change of any kind."""
    inside, key = chance.choice(list(places(update)))
    how = chance.choice(["drop", "odd", "odd", "odd", "deep"])
    if how == "drop":
        del inside[key]
    elif how == "deep":
        inside[key] = nested(chance.choice([5, 50, 300]))
    elif key in ("data", "callback_data"):
        inside[key] = copy.deepcopy(chance.choice(DATA))
    elif key in ("offset", "length"):
        inside[key] = chance.choice(NUMBERS)
    else:
        inside[key] = copy.deepcopy(chance.choice(ODD))  # else the next change spoils it for all


def nested(depth: int) -> object:
    found: object = {}
    for number in range(depth):
        found = [found] if number % 2 else {"message": found}
    return found


def spoiled(update: Update, chance: random.Random, spoil: Spoil = anything) -> Update:
    changed = copy.deepcopy(update)
    for _ in range(chance.randint(1, 3)):
        if any(True for _ in places(changed)):
            spoil(changed, chance)
    return changed


# --- reading ---------------------------------------------------------------------------------------


@cache
def a_bot() -> Bot:
    bot = Bot(BOT_TOKEN)
    bot._bot_user = User(42, "Sandbox", True, username="sandbox_bot")
    return bot


def items(content: Update) -> Event | Exception:
    """What the update is read as, or the ordinary exception that it provokes."""
    try:
        found: Event = read(content, a_bot())
    except Exception as error:  # noqa: BLE001  # that is the question
        return error
    assert type(found) in get_args(Event)
    return found


def test_what_was_recorded_is_understood() -> None:
    found = [items({"update_id": 1} | one) for one in recorded()]
    assert not [one for one in found if isinstance(one, Exception)]
    assert {type(one) for one in found} == set(get_args(Event))
    assert {chat_of(one) for one in recorded() if "my_chat_member" not in one} > {ANN}


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(0, 10**6), st.integers(0, 2**64))
def test_no_update_breaks_the_reading(number: int, seed: int) -> None:
    content = {"update_id": 1} | spoiled(recorded()[number % len(recorded())], random.Random(seed))
    begun = thread_time()
    assert isinstance(chat_of(content), int)
    items(content)
    assert isinstance(items(json.loads(json.dumps(content))), Event | Exception)
    assert thread_time() - begun < 0.5


JSON = st.recursive(
    st.sampled_from(ODD),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "edited_message", "callback_query", "chat", "id", "from",
                             "stopped_message_generation", "date", "text", "entities", "data"]),
            inner, max_size=4,
        )
    ),
    max_leaves=10,
)  # fmt: skip
KINDS = st.sampled_from(
    ["message", "edited_message", "callback_query", "stopped_message_generation", "update_id"]
)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.dictionaries(KINDS, JSON, max_size=5))
def test_no_json_breaks_the_reading(content: Update) -> None:
    assert isinstance(chat_of(content), int)
    items(content)


@pytest.mark.parametrize("depth", [100, 900, 5000])
def test_a_deep_update_is_read_or_refused(depth: int) -> None:
    deep: object = {"id": 1}
    for _ in range(depth):
        deep = {"message_id": 1, "date": 1, "chat": {"id": 5, "type": "private"},
                "reply_to_message": deep}  # fmt: skip
    content = {"update_id": 1, "message": deep}
    assert chat_of(content) == 5
    items(content)


# --- journeys --------------------------------------------------------------------------------------


class Batches(GetUpdates):
    """Gives the batches one by one, then nothing more; remembers what it was asked for."""

    def __init__(self, *batches: Sequence[Update], forever: bool = False) -> None:
        super().__init__("http://127.0.0.1:9", BOT_TOKEN)
        self._batches = list(batches)
        self._forever = forever
        self.offsets: list[int | None] = []

    async def fetch(self, offset: int | None) -> Sequence[Update]:
        """The next batch; with `forever`, the last one again and again."""
        self.offsets.append(offset)
        await asyncio.sleep(0)
        if len(self._batches) > self._forever:
            return self._batches.pop(0)
        if self._batches:
            return self._batches[0]
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]  # never


def another_poller(app: App, source: GetUpdates) -> tuple[UpdatePoller, Dispatcher]:
    dispatcher = Dispatcher(app.bot.id, app.store, app.poller._dispatcher.router)
    return UpdatePoller(source, dispatcher, PollingHealth(), lambda: None), dispatcher


@asynccontextmanager
async def taking(app: App, mailbox: Batches) -> AsyncIterator[asyncio.Task[None]]:
    """A real poller of those batches, into the app's own store and router."""
    poller, dispatcher = another_poller(app, mailbox)
    task = asyncio.create_task(poller.run())
    try:
        yield task
    finally:
        await dispatcher.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert dispatcher.tasks == {}


@asynccontextmanager
async def watched() -> AsyncIterator[list[str]]:
    """What tasks raised that nobody looked at; none may be left behind either."""
    found = list[str]()
    loop, before = asyncio.get_running_loop(), asyncio.all_tasks()
    loop.set_exception_handler(
        lambda _, what: found.append(f"{what['message']} {what.get('exception')!r}")
    )
    yield found
    await asyncio.sleep(0)
    left = {task for task in asyncio.all_tasks() - before if not task.done()}
    assert {task for task in left if "bridge" in str(task.get_coro())} == set()
    gc.collect()
    assert found == []


async def states(app: App) -> dict[str, int]:
    """How many of the updates that we made up are in each state."""
    async with app.store.reading() as tx:
        query = sql("SELECT state, count(*) FROM inbox WHERE update_id < 1000000 GROUP BY state")
        return {row[0]: row[1] for row in await tx.execute(query)}


async def settled(app: App, seconds: float) -> dict[str, int]:
    """The same once none of them is new any more, or after so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await states(app)).get("new"):  # noqa: ASYNC110  # a database tells nobody
                await asyncio.sleep(0.1)
    return await states(app)


def good(person: Person, number: int) -> Update:
    """A message as any other."""
    plain = next(one for one in recorded() if one["message"]["text"] == "a question")
    message = theirs(plain, person)["message"] | {
        "text": "Still there?",
        "message_id": 5000 + number,
    }
    return {"message": message}


def theirs(update: Update, person: Person) -> Update:
    """The update as if that person had caused it."""
    found: Update = json.loads(json.dumps(update).replace(str(ANN), str(person.id)))
    return found


def numbered(updates: Sequence[Update], first: int) -> list[Update]:
    return [
        {"update_id": number} | {name: value for name, value in one.items() if name != "update_id"}
        for number, one in enumerate(updates, first)
    ]


async def met(world: World, count: int) -> list[Person]:
    """People who have talked with the bot before."""
    people = [world.telegram.add_person(f"P{number}") for number in range(count)]
    for person in people:
        world.telegram.send(person, "hello")
    for person in people:
        await world.settled(person, 1, timeout=100)
    return people


async def answered(world: World, person: Person, timeout: float = 60) -> None:
    """The person has read the answer to the good message."""
    timeout *= getattr(asyncio.get_running_loop(), "speed", 1.0)
    await world.telegram.until(
        lambda: any(post.text.endswith("Still here.") for post in world.posts(person)),
        timeout=timeout,
        what="an answer to the good message",
    )


FIRST = 1_000


def survive(
    tmp_path: Path,
    bad: Callable[[Person], Sequence[Update]],
    people: int = 1,
    patience: float = 10,
) -> None:
    """The journey: bad updates and a good one of each person; each good one is answered."""

    async def journey() -> None:
        async with watched(), a_world(tmp_path) as world, world.bridge() as app:
            world.coze.use(saying("Hi."))
            world.coze.use(saying("Still here."), for_text="Still there?")
            everybody = await met(world, people)
            batch = [one for person in everybody for one in bad(person)]
            batch += [good(person, number) for number, person in enumerate(everybody)]
            async with taking(app, Batches(numbered(batch, FIRST))) as intake:
                for person in everybody:
                    await answered(world, person, timeout=patience)
                assert not intake.done()
                found = await settled(app, 400)  # a group has its pace
            assert found.keys() <= {"done", "skipped", "aside"}
            assert sum(found.values()) == len(batch)
            assert not app.polling_task.done()

    with capture_logs():  # a traceback in colours takes longer than the journey
        run_fast(journey(), speed=20)


def many(seed: int, spoil: Spoil, each: int = 12) -> Callable[[Person], Sequence[Update]]:
    def bad(person: Person) -> Sequence[Update]:
        chance = random.Random(f"{seed} {person.first_name}")
        chosen = [chance.choice(recorded()) for _ in range(each)]
        return [spoiled(theirs(one, person), chance, spoil) for one in chosen]

    return bad


@pytest.mark.parametrize("seed", range(2))
def test_anything_at_all_is_settled_or_set_aside(seed: int, tmp_path: Path) -> None:
    survive(tmp_path, many(seed, anything), people=6)


def a_message(**members: object) -> Update:
    """A private message of Ann's, with other members."""
    plain = next(one for one in recorded() if one["message"].get("text") == "a question")
    return {"message": plain["message"] | members}


def by(**members: object) -> Update:
    return a_message(**{"from": a_message()["message"]["from"] | members})


def press(**members: object) -> Update:
    plain = next(one for one in recorded() if "callback_query" in one)["callback_query"]
    return {"callback_query": plain | members}


@cache
def cases() -> dict[str, Update]:
    """Updates with one odd thing each."""
    found: dict[str, Update] = {
        "a sender without a name": by(first_name=None),
        "a sender with a name of numbers": by(first_name=7, last_name=[1]),
        "a sender whose id is too large": by(id=2**63),
        "a sender whose id is null": by(id=None),
        "a sender whose id is a list": by(id=[]),
        "a sender whose id is a text": by(id="abc"),
        "a language of null": by(language_code=None),
        "a language that is a list": by(language_code=["en"]),
        "a language that is a number": by(language_code=7),
        "a language of half a character": by(language_code="\ud800"),
        "a name of half a character": by(first_name="\ud800"),
        "a text of half a character": a_message(text="\ud800"),
        "a text that is a number": a_message(text=7),
        "a text that is an object": a_message(text={"a": []}),
        "a text of a nul": a_message(text="\x00"),
        "an id of a message that is null": a_message(message_id=None),
        "an id of a message that is a text": a_message(message_id="abc"),
        "an id of a message that is a list": a_message(message_id=[7]),
        "an id of a message that is broken": a_message(message_id=0.5),
        "an id of a message that is too large": a_message(message_id=2**63),
        "a topic that is a text": a_message(message_thread_id="abc", is_topic_message=True),
        "a topic that is a list": a_message(message_thread_id=[7], is_topic_message=True),
        "a topic that is too large": a_message(message_thread_id=2**63, is_topic_message=True),
        "a date of null": a_message(date=None),
        "a date far away": a_message(date=10**15),
        "a date before all": a_message(date=-(10**10)),
        "an entity behind the end": a_message(
            text="/start", entities=[{"type": "bot_command", "offset": 0, "length": 99}]
        ),
        "an entity before the beginning": a_message(
            text="/start", entities=[{"type": "bot_command", "offset": -5, "length": -1}]
        ),
        "an entity inside a character": a_message(
            text="😀/start", entities=[{"type": "bot_command", "offset": 1, "length": 3}]
        ),
        "entities of null": a_message(entities=[None, 7, {}]),
        "a command of nothing": a_message(
            text="/", entities=[{"type": "bot_command", "offset": 0, "length": 1}]
        ),
        "a button without a query's id": press(id=None),
        "a button whose query's id is a list": press(id=[]),
        "a button of nobody": press(**{"from": None}),
        "a button whose data is a number": press(data=7),
        "a button whose data is half a character": press(data="\ud800"),
        "a button of no message": press(message=None),
        "a button of an inline message": press(message=None, inline_message_id="x"),
        "two kinds at once": a_message() | press(),
        "a stop of no chat": {"stopped_message_generation": {}},
        "a stop of a list": {"stopped_message_generation": []},
        "a stop in a topic that is a text": {
            "stopped_message_generation": {"chat": {"id": 5}, "message_thread_id": "x"}
        },
        "nothing": {},
        "an unknown kind": {"novelty": {"chat": {"id": ANN}}},
    }  # fmt: skip
    for _data in DATA:
        found[f"a forged button {_data[:12]!r}"] = press(
            data=_data,
            message=press()["callback_query"]["message"]
            | {"reply_markup": {"inline_keyboard": [[{"text": "x", "callback_data": _data}]]}},
        )
    return found


@pytest.mark.parametrize("part", range(5))
def test_one_odd_update_blocks_nobody(part: int, tmp_path: Path) -> None:
    mine = [cases()[name] for name in sorted(cases())[part::5]]
    survive(
        tmp_path,
        lambda person: [theirs(mine[int(person.first_name.removeprefix("P"))], person)],
        people=len(mine),
    )


# --- numbers of updates ----------------------------------------------------------------------------


def with_ids(tmp_path: Path, *batches: Sequence[Update], seconds: float = 20) -> Batches:
    """The journey: batches as they are, then a good message, which is answered."""
    mailbox: Batches | None = None

    async def journey() -> None:
        nonlocal mailbox
        async with watched(), a_world(tmp_path) as world, world.bridge() as app:
            world.coze.use(saying("Hi."))
            world.coze.use(saying("Still here."), for_text="Still there?")
            (ann,) = await met(world, 1)
            last = {"update_id": 5_000} | good(ann, 0)
            theirs_too = [[theirs(one, ann) for one in batch] for batch in batches]
            mailbox = Batches(*theirs_too, [last])
            async with taking(app, mailbox) as intake:
                found = asyncio.create_task(answered(world, ann, timeout=seconds))
                await asyncio.wait({intake, found}, return_when=asyncio.FIRST_COMPLETED)
                if intake.done():
                    found.cancel()
                    await intake
                await found
                assert (await settled(app, 400)).keys() <= {"done", "skipped", "aside"}
            assert len([one for one in world.coze.asked if "twice" in one.question]) <= 1

    with capture_logs():
        run_fast(journey(), speed=20)
    assert mailbox is not None
    return mailbox


@pytest.mark.parametrize(
    "number", [None, "7", "", 0.5, float("nan"), [], {}, True, False, 0, -1, -(2**63), 2**31, 4_999]
)
def test_an_odd_number_beside_a_good_one_stops_nothing(number: object, tmp_path: Path) -> None:
    odd = a_message(text="odd") | {"update_id": number}
    with_ids(tmp_path, [odd, {}, a_message(text="even") | {"update_id": 3}])


def test_what_comes_twice_is_asked_once(tmp_path: Path) -> None:
    twice = a_message(text="twice") | {"update_id": 4}
    mailbox = with_ids(tmp_path, [twice, twice], [twice], [a_message() | {"update_id": 3}, twice])
    assert mailbox.offsets[:4] == [None, 5, 5, 5]


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**400])
def test_a_number_that_is_too_large_does_not_end_the_intake(number: int, tmp_path: Path) -> None:
    with_ids(tmp_path, [a_message() | {"update_id": number}])


def test_no_negative_offset_is_asked_for(tmp_path: Path) -> None:
    mailbox = with_ids(tmp_path, [a_message() | {"update_id": -5}])
    assert all(offset is None or offset > 0 for offset in mailbox.offsets)


def test_a_batch_without_numbers_is_not_fetched_without_a_pause(tmp_path: Path) -> None:
    async def journey() -> None:
        async with a_world(tmp_path) as world, world.bridge() as app:
            mailbox = Batches([a_message()], forever=True)
            async with taking(app, mailbox):
                await asyncio.sleep(5)
            assert len(mailbox.offsets) < 20

    run_fast(journey(), speed=20)


# --- the mailbox -----------------------------------------------------------------------------------


@asynccontextmanager
async def mailbox_of(*answers: bytes) -> AsyncIterator[GetUpdates]:
    """A mailbox at a server that gives these bodies one after another, the last for ever."""
    left = list(answers)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = head.partition("content-length:")[2].partition("\r\n")[0]
            await reader.readexactly(int(length or 0))
            body = left.pop(0) if len(left) > 1 else left[0]
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with GetUpdates(f"http://127.0.0.1:{port}", BOT_TOKEN) as mailbox:
            yield mailbox
    finally:
        server.close()
        await server.wait_closed()


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "a page": b"<html>Bad gateway</html>",
    "null": b"null",
    "a list": b"[]",
    "an empty object": b"{}",
    "no list of updates": b'{"ok":true,"result":{"update_id":1}}',
    "not quite true": b'{"ok":1,"result":[]}',
    "updates that are none": b'{"ok":true,"result":[null,7,"x",[],{},{"update_id":{}}]}',
    "no text": b'{"ok":true,"result":[{"update_id":1,"message":"\xff\xfe"}]}',
    "half a character": b'{"ok":true,"result":[{"update_id":1,"x":"\\ud800"}]}',
    "numbers beyond numbers": b'{"ok":true,"result":[{"update_id":NaN,"x":1e999,"y":-Infinity}]}',
    "a number too long": b'{"ok":true,"result":[{"update_id":' + b"9" * 5000 + b"}]}",
    "odd words": b'{"ok":false,"error_code":{},"description":[]}',
}


@pytest.mark.parametrize("name", BODIES)
async def test_any_answer_to_a_poll_is_updates_or_a_trouble(name: str) -> None:
    async with mailbox_of(BODIES[name]) as mailbox:
        try:
            found = await mailbox.fetch(None)
        except TelegramTrouble:
            return
        assert all(isinstance(one, dict) and isinstance(chat_of(one), int) for one in found)


async def test_a_deep_answer_to_a_poll_is_a_trouble() -> None:
    async with mailbox_of(b'{"ok":true,"result":' + b"[" * DEEP) as mailbox:
        with pytest.raises(TelegramTrouble):
            await mailbox.fetch(None)


def test_updates_as_deep_as_can_be_read_do_not_end_the_intake(tmp_path: Path) -> None:
    """Between the depth that is read from the wire and the depth that can be stored."""
    bodies = [
        b'{"ok":true,"result":[{"update_id":%d,"x":%s7%s}]}' % (depth, b"[" * depth, b"]" * depth)
        for depth in range(930, 990, 6)
    ]

    async def journey() -> None:
        async with (
            a_world(tmp_path) as world,
            world.bridge() as app,
            mailbox_of(*bodies, b'{"ok":true,"result":[{"update_id":990}]}') as mailbox,
        ):
            poller, dispatcher = another_poller(app, mailbox)
            task = asyncio.create_task(poller.run())
            ended = asyncio.create_task(_stored(app, 990))
            await asyncio.wait({task, ended}, timeout=500, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                ended.cancel()
                await task
            assert ended.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await dispatcher.close()

    with capture_logs():
        run_fast(journey(), speed=100)


async def _stored(app: App, update_id: int) -> None:
    query = sql("SELECT count(*) FROM inbox WHERE update_id = :id AND state <> 'new'")
    while True:
        async with app.store.reading() as tx:
            if (await tx.execute(query, {"id": update_id})).scalar_one():
                return
        await asyncio.sleep(0.1)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_no_spoiled_bytes_break_a_poll(seed: int) -> None:
    async def poll() -> None:
        chance = random.Random(seed)
        batch = numbered([spoiled(chance.choice(recorded()), chance) for _ in range(3)], 1)
        body = bytearray(json.dumps({"ok": True, "result": batch}).encode())
        for _ in range(chance.randint(0, 3)):
            here = chance.randrange(len(body))
            body[here : here + chance.randint(0, 9)] = chance.randbytes(chance.randint(0, 4))
        async with mailbox_of(bytes(body)) as mailbox:
            with suppress(TelegramTrouble):
                for one in await mailbox.fetch(None):
                    assert isinstance(chat_of(one), int)
                    items(dict(one))

    asyncio.run(poll())
