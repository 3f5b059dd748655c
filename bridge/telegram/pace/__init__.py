"""When a call may go, as far as it was found out what Telegram allows.

Imports no other room.
"""
