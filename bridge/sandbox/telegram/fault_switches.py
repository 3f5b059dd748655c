"""The switches by which tests let the emulator misbehave."""

from __future__ import annotations

from random import Random

from bridge.sandbox.telegram.faults import BadDownload, Delay, Sometimes, Withheld, failure
from bridge.sandbox.telegram.inspection import Place, chat_id_of
from bridge.sandbox.telegram.methods.table import FEATURES, proper_name
from bridge.sandbox.telegram.rate_limits import Budgets, RateModel
from bridge.sandbox.telegram.refusals import unauthorized
from bridge.sandbox.telegram.server import BotServer
from bridge.sandbox.telegram.updates import UpdateQueue
from bridge.sandbox.telegram.world import Json, World, loop_time


class FaultSwitches:
    """What a test can do to the server."""

    world: World
    updates: UpdateQueue
    _rates: RateModel
    _server: BotServer

    def flood(self, chat: Place, seconds: float = 3) -> None:
        """Refuse every call about a chat with 429 for so many seconds.

        The first call of each kind (messages, typing and drafts, the rest) finds out; each later
        one during the ban doubles it and counts in `calls_during_ban`.
        """
        self._rates.flood(chat_id_of(chat), seconds, loop_time())

    def limit(self, budgets: Budgets | None) -> None:
        """Set other limits for every chat from now on, None for none at all. Silences go on."""
        self._rates.limit(budgets)

    def fail(
        self,
        method: str,
        status: int = 502,
        times: int = 1,
        body: str | Json | None = None,
        after_executing: bool = False,
    ) -> None:
        """Answer the next calls of a method (`*`: of any but getUpdates) with this status.

        Without a `body`, 500 says `restart` in JSON, 502 is a proxy's HTML page and 504 is empty.
        With `after_executing` the calls take effect and the connection breaks instead.
        """
        self._server.faults.add(failure(method, status, times, body, after_executing))

    def fail_sometimes(self, failing: float, lost: float, seed: int = 0) -> None:
        """Let a part of all sends and edits fail with 502, another be done but not answered."""
        self._server.faults.sometimes(Sometimes(failing, lost, Random(seed)))  # noqa: S311

    def delay(self, method: str, seconds: float, times: int = 1) -> None:
        """Hold the next calls of a method back for so long before they take effect.

        They take effect even if the client hangs up meanwhile, as on the real server.
        """
        self._server.faults.add(Delay(method, seconds, times))

    def withhold_files(self, times: int | None = 1, file_id: str = "") -> None:
        """Refuse the next `times` calls of getFile, None for all, for one file, or any."""
        self._server.faults.add(Withheld(file_id, times))

    def break_downloads(self, after: int, times: int = 1) -> None:
        """Break off the next `times` downloads of files after so many bytes."""
        self._server.faults.add(BadDownload(after, times, breaks=True))

    def slow_downloads(self, seconds: float, after: int = 0, times: int = 1) -> None:
        """Hold the next `times` downloads of files for so many seconds after so many bytes."""
        self._server.faults.add(BadDownload(after, times, seconds))

    def switch_private_topics(self, on: bool) -> None:
        """Turn private chats' topics on or off at BotFather; off, sends into one are refused."""
        self.world.private_topics = on

    def let_people_open_topics(self, may: bool) -> None:
        """Set BotFather's second switch: whether what people write at the root opens a topic."""
        self.world.people_open_topics = may

    def refuse_topic(self, chat: Place, thread_id: int, refuses: bool = True) -> None:
        """Refuse sends into a topic by its number, though it is there; replies reach it."""
        topics = self.world.chat(chat_id_of(chat)).refused_topics
        (topics.add if refuses else topics.discard)(thread_id)

    def mend(self) -> None:
        """Take back everything of the above that was ordered and did not come yet."""
        self._server.faults.mend()

    def revoke(self, token: str) -> None:
        """Answer this token with 401 from now on, also for a poll that waits."""
        self.world.revoked.add(token)
        self.updates.end_poll(unauthorized())

    def without(self, *names: str) -> None:
        """Make the server too old for these methods or features: 404 for the methods.

        Features are `rich messages`, `drafts` and `stop button`. Without rich messages the server
        also does not know the parameter `rich_message`: such an editMessageText lacks its text.
        Raises ValueError for an unknown name.
        """
        faults = self._server.faults
        for each in names:
            feature, name = FEATURES.get(each), proper_name(each)
            if feature is not None:
                faults.missing |= feature.methods
                faults.ignored |= feature.parameters
            elif name is not None:
                faults.missing.add(name)
            else:
                raise ValueError(f"There is no method {each} here anyway, nor a feature.")
