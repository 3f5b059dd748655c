"""A local Telegram and a local Coze: everything the bridge talks to, without any account.

Nothing here imports the rest of the project: the emulators implement what the real services do,
not what our clients happen to send, and speak with the bridge over HTTP only.
"""
