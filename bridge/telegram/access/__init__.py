"""Who may use the bot, who leads where, and how much of it.

Imports `post`, `updates` and `api`.
"""
