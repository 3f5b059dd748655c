"""`bridge health`: ask the running bridge whether it is well, by the port that its settings name."""

from collections.abc import Mapping

import httpx

from bridge.serving import EVERYWHERE, LOOPBACK

SECONDS = 5.0
"""How long it may take to answer."""


async def ask(variables: Mapping[str, str]) -> tuple[bool, str]:
    """Return whether the bridge is well, and what it says.

    Only the port and its address are read: a setting with a fault matters to the next start alone.
    """
    port = variables.get("BRIDGE_HEALTH_PORT", "").strip()
    if not port.isdecimal() or int(port) == 0:
        return False, "Set BRIDGE_HEALTH_PORT, for this and for bridge run."
    host = variables.get("BRIDGE_HEALTH_HOST", "").strip() or LOOPBACK
    address = f"http://{LOOPBACK if host == EVERYWHERE else host}:{port}/healthz"
    async with httpx.AsyncClient(trust_env=False, timeout=SECONDS) as client:
        try:
            answer = await client.get(address)
            faults = answer.json()["faults"]
        except httpx.HTTPError as error:
            from bridge.transport import why_not_reached

            return False, f"No bridge answers at {address} ({why_not_reached(error)})."
        except (ValueError, KeyError, TypeError):
            return False, f"What answers at {address} is no bridge."
    if answer.status_code == httpx.codes.OK:
        return True, "The bridge is well."
    return False, "\n".join(str(fault) for fault in faults)
