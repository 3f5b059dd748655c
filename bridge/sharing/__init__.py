"""Which process works for which chats, and what one does for all; it imports the store only."""
