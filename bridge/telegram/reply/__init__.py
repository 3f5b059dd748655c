"""How one answer looks, and how it grows until its end stands.

Imports `post`, `markdown`, `api` and `files`.
"""
