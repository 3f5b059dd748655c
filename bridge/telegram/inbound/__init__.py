"""The way of each update: fetched, ordered, settled by whoever it concerns.

Imports everything; nothing imports it but `app`.
"""
