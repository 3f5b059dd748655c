"""Each call of the Bot API: its pace, its outcome, and what is written down around it.

Imports `post`, `updates` and `pace`.
"""
