"""A turn's rows: how it is queued, what becomes of it, how it ends, and what it offers next.

Imports `tables` and `chats`.
"""
