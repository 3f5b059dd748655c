"""The people's side: what they do in their chats, and how a web page lets them."""
