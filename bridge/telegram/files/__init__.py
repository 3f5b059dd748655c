"""Files in both directions: those of people, and those that go with answers.

Imports `post`, `markdown`, `updates`, `pace` and `api`.
"""
