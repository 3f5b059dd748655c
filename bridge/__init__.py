"""A bridge between Telegram and a Coze agent."""

from importlib.metadata import version

__version__ = version("coze-telegram-bridge")
