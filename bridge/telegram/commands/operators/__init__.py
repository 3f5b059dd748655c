"""The commands that only operators may give, in their private chats; for others there are none."""
