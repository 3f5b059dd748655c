"""What the servers on both sides turned out not to have: asked for once, then left alone."""

from dataclasses import dataclass
from typing import Literal


@dataclass
class Features:
    """What may be used; switched off for the rest of the process when a server says no."""

    judging: bool = True
    """Whether answers are judged with 👍 and 👎."""
    drafts: bool = True
    """Whether Telegram shows drafts."""
    transcripts: bool = True
    """Whether it is shown what was heard in voice messages, as the operator decides."""
    rich: bool = False
    """Whether finished answers may become rich messages."""

    def switch_off(self, name: Literal["judging", "drafts", "rich"]) -> None:
        """Use one no more: a server has said that it does not have it."""
        setattr(self, name, False)
