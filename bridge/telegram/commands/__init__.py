"""What people and operators tell the bridge itself: commands and their menus.

Imports everything but `inbound`.
"""
