"""Chatflows and workflows: what exists of them, and how their runs are written to the wire."""
