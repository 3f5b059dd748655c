"""The methods of the Bot API that this server knows, and what each does."""
