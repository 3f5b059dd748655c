"""What goes wrong with Coze, as classes: what follows from each."""

from bridge.errors import Happened, Retry, Trouble


class CozeTrouble(Trouble):
    """Coze refused or failed; the class says what follows."""

    sentence = "trouble.coze"


class Unauthorized(CozeTrouble):
    """The token is invalid or expired, or could not be had."""

    retry = Retry.ONCE
    sentence = "trouble.closed"
    cure = (
        "Replace COZE_API_TOKEN with a valid token of the same region as COZE_API_BASE, "
        "or check the JWT settings."
    )


class TokenRefused(Unauthorized):
    """The token is refused, and there is no way to have another: asking again is of no use."""

    retry = Retry.NO


class SignInRefused(Unauthorized):
    """The OAuth server refused our JWT: a new one of the same kind is refused just so."""

    retry = Retry.NO


class Forbidden(CozeTrouble):
    """The token lacks a permission, or belongs to another workspace or region."""

    sentence = "trouble.closed"
    cure = (
        "Give the token the permission and the agent's workspace in Coze; a change there takes "
        "some seconds to count."
    )


class AgentUnavailable(CozeTrouble):
    """The agent is unknown, unpublished or misconfigured."""

    sentence = "trouble.agent"
    cure = "Check COZE_BOT_ID and publish the agent with the channel 'API'."


class Paused(AgentUnavailable):
    """The agent rests for now: it may be back in a moment."""

    retry = Retry.WAIT


class WrongKind(AgentUnavailable):
    """The id, or the address, is of another kind than it was declared."""


class AgentGone(CozeTrouble):
    """The agent that was asked is not among the agents any more."""

    sentence = "trouble.agent_gone"
    cure = "Nothing, if it was taken away on purpose; else declare it again under the same name."


class ConversationLost(CozeTrouble):
    """Coze no longer knows the conversation: a new one cures it."""

    retry = Retry.ONCE
    sentence = "trouble.conversation"
    cure = "Nothing: a new conversation is made by itself."


class ResourceUnknown(ConversationLost, AgentUnavailable):
    """Coze does not know something that the question names (4200).

    If that is the conversation, a new one cures it; if a new one does not, it is the agent.
    """

    sentence = AgentUnavailable.sentence
    cure = "Coze does not know this id: check COZE_BOT_ID, the region and the publication."


class Busy(CozeTrouble):
    """Another run is going in this conversation (4016)."""

    retry = Retry.WAIT
    sentence = "trouble.busy"
    cure = "Nothing, if it passes; else see whether another program uses the same conversation."


class RateLimited(CozeTrouble):
    """Too many calls for now."""

    retry = Retry.WAIT
    sentence = "trouble.crowded"
    cure = "If it lasts, reduce the load or raise the plan's rate in Coze."


class QuotaGone(CozeTrouble):
    """Money, credits or the day's use are gone."""

    retry = Retry.LATER
    sentence = "trouble.quota"
    cure = "Top up or upgrade the Coze account, or wait for its quota to renew."


class TooLong(CozeTrouble):
    """The conversation does not fit the model any more."""

    sentence = "trouble.too_long"
    cure = "A new conversation (/new) or a shorter question."


class Refused(CozeTrouble):
    """The agent may not or cannot answer this."""

    sentence = "trouble.refused"
    cure = "If it happens to harmless questions, look at the agent's configuration."


class FileRefused(CozeTrouble):
    """Coze does not take this file: its type, its size, or what is in it."""

    sentence = "file.refused"
    cure = "Nothing to do: the person was told. Coze's documentation lists the types that it takes."


class ToolsRefused(CozeTrouble):
    """The agent waits for a tool on our side, and does not take that we have none."""

    happened = Happened.YES
    cure = (
        "The agent asks for a local tool, which the bridge has none of: take it out of the agent."
    )


class BadRequest(CozeTrouble):
    """Coze did not accept the request as it was."""

    cure = "Report this with the log id: the bridge should not have sent it."


class RunUnknown(CozeTrouble):
    """Coze does not know the run that we ask about."""

    cure = "Nothing: the run is gone and cannot be finished."
    happened = Happened.UNKNOWN


class NotCancellable(CozeTrouble):
    """The run is over already: asking to stop it came too late (4104)."""

    happened = Happened.YES


class NotOffered(CozeTrouble):
    """This deployment does not have the endpoint: the feature is off there."""

    cure = "Nothing: this Coze deployment does not offer it."


class WrongAddress(CozeTrouble):
    """What every Coze has is not there: this address is none."""

    sentence = "trouble.closed"
    cure = "Check COZE_API_BASE: it is not the address of a Coze API."


class ServerTrouble(CozeTrouble):
    """Coze failed inside."""

    retry = Retry.WAIT
    happened = Happened.UNKNOWN
    cure = "If it lasts, report the log id to Coze."


class Unreachable(CozeTrouble):
    """No connection to Coze came about: certainly nothing happened."""

    retry = Retry.WAIT
    sentence = "trouble.unreachable"
    cure = "Check the network, COZE_API_BASE and COZE_PROXY."


class Interrupted(CozeTrouble):
    """The connection broke, or nothing was heard for too long, after the request was sent."""

    happened = Happened.UNKNOWN
    sentence = "trouble.unreachable"
    cure = "Check the network and any proxy between the bridge and Coze (it must not buffer)."


class RunLost(Interrupted):
    """The connection broke while the agent answered, and its answer cannot be fetched afterwards."""

    sentence = "trouble.cut"


class NeverAsked(CozeTrouble):
    """The connection broke while we asked, and the question did not arrive: it may be asked."""

    retry = Retry.WAIT
    sentence = "trouble.unreachable"
    cure = "Check the network and any proxy between the bridge and Coze."


class NotTaken(NeverAsked):
    """Coze answered our question with an error, and does not keep it: it may be asked once more."""


class Garbled(CozeTrouble):
    """What arrived is not what Coze documents."""

    happened = Happened.UNKNOWN
    cure = "Check that COZE_API_BASE is a Coze API and that no proxy changes its answers."


class RunFailed(CozeTrouble):
    """The run began and ended in failure without a code that says more."""

    happened = Happened.YES
    cure = (
        "Look at the run in the agent's log in Coze, by the log id if there is one, else by the "
        "time. If every question in a chat ends so, its history may be what breaks it: /new."
    )


class NothingToAsk(CozeTrouble):
    """Of a message only files came, and none of them can reach the agent; `sentence` says why."""

    cure = "Nothing to do: the person was told why."
