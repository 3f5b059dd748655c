"""Five people ask in one group at once: calls a minute, freshness of the ends, and the order.

Run with `python -m benchmarks.group`. The agent writes for ninety seconds to the first of them and
for twenty to each of the others. Printed are the most calls in any minute, how long after the last
delta each complete text stands, and whether each answer stands under its question, in their order.
"""

import argparse
import asyncio
import random

from rich.console import Console
from rich.table import Table

from benchmarks.stage import BRIDGE, Stage, run, stage
from bridge.sandbox.coze import Pace
from bridge.sandbox.telegram import Group, Message

NAMES = ("Ann", "Bo", "Cleo", "Dan", "Eve")
COUNTED = ("sendMessage", "editMessageText", "editMessageReplyMarkup", "deleteMessage")
WORDS = "So many words come one after the other, and a few **more** of them. "


def most_in_a_minute(times: list[float]) -> int:
    """The most of them within any sixty seconds."""
    return max((sum(begin <= time < begin + 60 for time in times) for begin in times), default=0)


def answers(here: Stage, group: Group) -> list[Message]:
    """The bot's replies to questions."""
    return [post for post in here.telegram.posts(group) if post.reply_to_message_id]


def running(post: Message) -> bool:
    """Whether the post still has its Stop button."""
    return "stop:" in str(post.reply_markup)


async def main(long_seconds: float, short_seconds: float) -> bool:
    """Ask, wait, print. Returns whether every target was met."""
    console = Console(width=100)
    deltas = 200
    answer = (WORDS * (deltas // 10))[:1200]
    async with stage(BRIDGE, answer, Pace(1, long_seconds / deltas)) as here:
        people = [here.telegram.add_person(name) for name in NAMES]
        group = here.telegram.add_group("Group", people)
        await here.telegram.until(lambda: bool(here.telegram.posts(group)), 60)
        begun = asyncio.get_running_loop().time()
        asked = [here.telegram.send(one, "@sandbox_bot tell me", chat=group) for one in people]
        await here.coze.until(lambda: len(here.coze.asked) == 2, long_seconds + 60)
        here.coze.pace = Pace(1, short_seconds / deltas)
        patience = 2 * (long_seconds + len(people) * short_seconds) + 120
        await here.telegram.until(
            lambda: len(answers(here, group)) == 5 and not any(map(running, answers(here, group))),
            patience,
        )
        posts = answers(here, group)
        times = [
            call.at_loop_time
            for call in here.telegram.calls
            if call.chat_id == group.id and call.method in COUNTED and call.at_loop_time >= begun
        ]
        ended = [here.written[one.question][-1][0] for one in here.coze.asked]
        refused = sum(call.status == 429 for call in here.telegram.calls)
    table = Table(title=f"five speakers; {long_seconds:g} s and 4 × {short_seconds:g} s")
    for name in ("who", "text complete after the last delta", "edits"):
        table.add_column(name, justify="right")
    lags = []
    for name, post, end in zip(NAMES, posts, ended, strict=True):
        whole = next(frame for frame in post.history if frame.text == post.text)
        lags.append(whole.at_loop_time - end)
        table.add_row(name, f"{lags[-1]:.2f} s", str(len(post.history) - 1))
    console.print(table)
    in_order = [post.reply_to_message_id for post in posts] == asked
    most = most_in_a_minute(times)
    console.print(f"most calls in a minute: {most}; 429: {refused}; in order: {in_order}")
    return most <= 20 and in_order and not refused and max(lags) <= 1.0


if __name__ == "__main__":
    random.seed(0)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", type=float, default=90.0, help="seconds of the first answer")
    parser.add_argument("--short", type=float, default=20.0, help="seconds of the others")
    given = parser.parse_args()
    raise SystemExit(not run(main(given.long, given.short)))
