"""What a raw update means for us: parsed once, into frozen values. Pure.

Imports only `post`.
"""
