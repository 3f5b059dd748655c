"""What is remembered of Coze: the conversations that chats have there, and uploaded files."""
