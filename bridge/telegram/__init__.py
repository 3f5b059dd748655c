"""Telegram -> us, us -> Telegram. Raw updates and the Bot API's words do not leave this folder."""

import os

# The library warns at every flood limit until it is told which type of `retry_after` we read.
os.environ.setdefault("PTB_TIMEDELTA", "1")
