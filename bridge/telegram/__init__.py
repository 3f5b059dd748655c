"""Telegram -> us, us -> Telegram. Raw updates and the Bot API's words do not leave this folder."""
