"""When a call may go, as far as it was found out what Telegram allows.

Imports nothing of Telegram's but the library's names.
"""
