"""The refusals of the API: their codes, their texts, and how the self-hosted server says them."""

OCCUPIED = (
    "Conversation occupied: Another chat is currently active. Please wait for the ongoing chat to "
    "complete or create a new conversation to start a separate chat. Ensure only one chat runs at "
    "a time within the same conversation."
)
NOT_JSON = "The field http body provided is not a valid json or chat request"
SERVER_ISSUES = (
    "We're currently experiencing server issues. Please try your request again after a short "
    "delay. If the problem persists, contact our support team."
)
TOKEN_INVALID = "authentication is invalid"
STUDIO_TOKEN_INVALID = "access token invalid"

_STUDIO: dict[int, tuple[int, int]] = {
    4001: (400, 103200003),
    4002: (400, 103000002),
    4006: (400, 103100002),
    4015: (400, 103100002),
    4104: (400, 103200005),
    4200: (400, 103100002),
    5000: (500, 500),
}


class Refusal(Exception):
    """A request the API does not carry out.

    Nearly every refusal travels as HTTP 200 with a `code` other than 0.
    """

    def __init__(self, code: int | str, msg: str, http: int = 200) -> None:
        super().__init__(f"{code} {msg}")
        self.code = code
        self.msg = msg
        self.http = http

    def as_studio(self) -> "Refusal":
        """Return the same refusal as the self-hosted server says it: HTTP 400 with its own codes."""
        if not isinstance(self.code, int) or not 4000 <= self.code <= 5000:
            return self
        http, code = _STUDIO.get(self.code, (400, 400))
        return Refusal(code, "internal server error" if http == 500 else self.msg, http)


class ExactRefusal(Refusal):
    """A refusal that the self-hosted server says in the very same way."""

    def as_studio(self) -> Refusal:
        """Return the refusal itself."""
        return self


def bad(what: str) -> Refusal:
    """Return Refusal 4000: a parameter is missing, of the wrong type or out of range."""
    return Refusal(4000, f"Request parameter error: {what}")


def not_json() -> Refusal:
    """Return Refusal 4000: the body is no JSON, or a field has a type the decoder refuses."""
    return Refusal(4000, NOT_JSON)


def no_conversation(conversation_id: str, code: int = 4002) -> Refusal:
    """Return Refusal 4002 or 4200 for an unknown, deleted or foreign conversation."""
    return Refusal(code, f"Requested resource conversation_id={conversation_id} does not exist")


def no_chat(chat_id: str) -> Refusal:
    """Return Refusal 4001 for an unknown or foreign chat, or one whose history was not saved."""
    return Refusal(4001, f"Requested resource chat_id={chat_id} does not exist")


def no_message(message_id: str) -> Refusal:
    """Return Refusal 4005 for a message that is not in this conversation."""
    return Refusal(4005, f"Requested resource message_id={message_id} does not exist")


def no_agent(bot_id: str, code: int = 4200) -> Refusal:
    """Return Refusal 4200 or 4006 for an unknown agent."""
    return Refusal(code, f"Requested resource bot_id={bot_id} does not exist")


def no_endpoint(method: str, path: str) -> Refusal:
    """Return Refusal 4200 with HTTP 404: nothing lives at this path."""
    return Refusal(4200, f"The requested API endpoint {method} {path} does not exist.", 404)
