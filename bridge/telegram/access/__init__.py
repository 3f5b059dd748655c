"""Who may use the bot, who leads where, and how much of it.

Imports `post`, `callback_data`, `updates`, `pace` and `api`.
"""
