"""The kinds of agents behind one protocol: what differs between them is decided here.

May import the rest of `bridge/coze`, and nobody else's words.
"""
