"""A strict emulator of the Coze open API, over real HTTP and without any account."""

from bridge.sandbox.coze.accounts import Exchange, Token
from bridge.sandbox.coze.agents import DEFAULT_BOT_ID, Agent
from bridge.sandbox.coze.assertions import OAuthApp
from bridge.sandbox.coze.conversations import Conversation, Message
from bridge.sandbox.coze.downloads import Fetch
from bridge.sandbox.coze.emulator import CozeEmulator
from bridge.sandbox.coze.hearing import Heard, Spoken
from bridge.sandbox.coze.refusals import OCCUPIED
from bridge.sandbox.coze.runs import Pace, Run
from bridge.sandbox.coze.scripts import SCRIPTS, SHOWS, Script, Turn, fixed, saying
from bridge.sandbox.coze.scripts.steps import Attachment
from bridge.sandbox.coze.state import Asked, Request
from bridge.sandbox.coze.uploads import Upload

__all__ = [
    "DEFAULT_BOT_ID",
    "OCCUPIED",
    "SCRIPTS",
    "SHOWS",
    "Agent",
    "Asked",
    "Attachment",
    "Conversation",
    "CozeEmulator",
    "Exchange",
    "Fetch",
    "Heard",
    "Message",
    "OAuthApp",
    "Pace",
    "Request",
    "Run",
    "Script",
    "Spoken",
    "Token",
    "Turn",
    "Upload",
    "fixed",
    "saying",
]
