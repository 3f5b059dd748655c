"""What the emulated Coze keeps: agents, conversations, files, voices, and what they look like."""
