"""Whether each agent of the file could be asked: tried live, as far as its kind allows."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from bridge.coze.kinds.agent import Kind
from bridge.errors import SettingsTrouble
from bridge.errors.coze import CozeTrouble
from bridge.ops.doctor.findings import Finding, Severity, bad, good, note, said_by
from bridge.parts.agents import Surroundings, opened_agents
from bridge.relay.agents import OfferedAgent
from bridge.settings import Settings
from bridge.settings.agents import DeclaredAgent

_FILES = {
    Kind.CHAT: "files are not passed on",
    Kind.CHATFLOW: "files are not passed on (file_parameter names the input for them)",
    Kind.PROJECT: "files are not passed on (BRIDGE_PUBLIC_URL would let it fetch them)",
}


async def check_agents(settings: Settings) -> AsyncIterator[Finding]:
    """Yield what becomes of a question to each agent that `BRIDGE_CONFIG` declares."""
    async with AsyncExitStack() as stack:
        try:
            opened = await opened_agents(stack, settings, Surroundings())
        except SettingsTrouble as trouble:
            yield bad("Agents", "; ".join(trouble.faults), "Correct the private key.")
            return
        for declared in settings.agents:
            offered = opened.agents.of(declared.name)
            tried = await _tried(declared, offered)
            yield tried
            if tried.health is not Severity.BAD and (lacks := _lacks(declared, offered)):
                yield note(tried.subject, "; ".join(lacks), "")


async def _tried(declared: DeclaredAgent, offered: OfferedAgent) -> Finding:
    subject = f"Agent {declared.name}"
    try:
        name = await offered.client.check()
    except CozeTrouble as raised:
        trouble = raised.with_names(offered.names)
        return bad(subject, said_by(trouble), trouble.cure)
    called = f"“{name}” " if name else ""
    return good(subject, f"{called}({declared.kind}) can be asked at {offered.home.api_base}")


def _lacks(declared: DeclaredAgent, offered: OfferedAgent) -> list[str]:
    """Return what people cannot do with an agent of this kind."""
    can = offered.client.capabilities
    return [
        word
        for word, there in (
            ("answers that were cut off cannot be fetched", can.recovery),
            ("conversations cannot be deleted", can.deletion),
            ("answers cannot be judged", can.feedback),
            ("tokens are not counted, so only quotas of messages hold", can.usage),
            (_FILES[declared.kind], can.files != "none"),
        )
        if not there
    ]
