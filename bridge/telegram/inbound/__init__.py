"""The way of each update: fetched, ordered, settled by whoever it concerns.

Imports everything; no other room imports it.
"""
