"""A typed client of the Coze open API; it knows nothing of Telegram.

Coze's own words are renamed once, at this door: its "bot" is our agent, its "chat" is our run.
"""
