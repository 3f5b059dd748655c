"""A strict emulator of the Coze open API, over real HTTP and without any account."""

from bridge.sandbox.coze.accounts import Exchange, Token
from bridge.sandbox.coze.assertions import OAuthApp
from bridge.sandbox.coze.emulator import CozeEmulator
from bridge.sandbox.coze.refusals import OCCUPIED
from bridge.sandbox.coze.resources.agents import DEFAULT_BOT_ID, Agent
from bridge.sandbox.coze.resources.conversations import Conversation, Message
from bridge.sandbox.coze.resources.downloads import Fetch
from bridge.sandbox.coze.resources.records import Asked, Request
from bridge.sandbox.coze.resources.runs import Pace, Run
from bridge.sandbox.coze.resources.transcripts import Heard, Spoken
from bridge.sandbox.coze.resources.uploads import Upload
from bridge.sandbox.coze.scripts import NODES, SCRIPTS, SHOWS, Script, Turn, fixed, saying
from bridge.sandbox.coze.scripts.steps import Attachment
from bridge.sandbox.coze.workflows.executions import Execution
from bridge.sandbox.coze.workflows.library import Input, Workflow

__all__ = [
    "DEFAULT_BOT_ID",
    "NODES",
    "OCCUPIED",
    "SCRIPTS",
    "SHOWS",
    "Agent",
    "Asked",
    "Attachment",
    "Conversation",
    "CozeEmulator",
    "Exchange",
    "Execution",
    "Fetch",
    "Heard",
    "Input",
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
    "Workflow",
    "fixed",
    "saying",
]
