"""What differs between the two clouds and the self-hosted server."""

from dataclasses import dataclass
from typing import Literal

ProfileName = Literal["com", "cn", "studio"]


@dataclass(frozen=True)
class Profile:
    """The habits of one deployment."""

    name: ProfileName
    log_header: str
    """The response header that carries the log id."""
    stream_by_default: bool
    """Whether a chat request without `stream` is answered as a stream."""
    end: str
    """The frame that ends a stream normally."""
    canceled: str
    requires_action: str

    @property
    def studio(self) -> bool:
        """Whether this is the self-hosted server."""
        return self.name == "studio"


def profile_named(name: ProfileName) -> Profile:
    """Return the profile of that name; both clouds speak alike and share nothing."""
    if name == "studio":
        return Profile(
            name=name,
            log_header="X-Log-ID",
            stream_by_default=True,
            end="event:conversation.stream.done\ndata:\n\n",
            canceled="cancelled",
            requires_action="required_action",
        )
    return Profile(
        name=name,
        log_header="X-Tt-Logid",
        stream_by_default=False,
        end='event:done\ndata:"[DONE]"\n\n',
        canceled="canceled",
        requires_action="requires_action",
    )
