"""Which messages become questions, and what was said around them.

Imports everything but `commands` and `inbound`.
"""
