"""Revocations over NATS: one subscription to what is live about this agent, in order and with nothing dropped."""

from collections.abc import Callable
from typing import TypeAlias

from libs.contracts.bus_map import TURN_REVOKED
from libs.contracts.channels import Subject
from libs.contracts.session import TurnRevoked
from libs.runtime.bus import Bus

_ANY_TENANT = "*"

Revoke: TypeAlias = Callable[[TurnRevoked, str], None]


async def hear_revocations(bus: Bus, agent_id: str, revoke: Revoke) -> None:
    """Call `revoke` with each revocation of a turn that this agent holds, and its tenant, from the return on.

    Raises:
        Unavailable: the broker is away.
    """

    def heard(subject: Subject, data: bytes) -> None:
        if (subject.owner, subject.name) == (TURN_REVOKED.owner, TURN_REVOKED.name):
            revoke(TURN_REVOKED.decode(data), subject.tenant)

    await bus.follow(_ANY_TENANT, agent_id, heard)
