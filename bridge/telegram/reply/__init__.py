"""How one answer looks, and how it grows until its end stands.

Imports `post`, `callback_data`, `markdown`, `pace`, `api` and `files`.
"""
