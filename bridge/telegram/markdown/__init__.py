"""What agents write, as what Telegram can show: parsing, drawing, cutting into posts. Pure.

Imports only `post`.
"""
