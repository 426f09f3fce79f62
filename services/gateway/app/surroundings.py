"""What all hubs of a process have in common."""

from collections.abc import Callable, Coroutine
from typing import Any

from libs.contracts.channels import Live, Payload

from ..ports import Bus, Clock


class Surroundings:
    """Where hubs live.

    Args:
        gateway_id: this process, as the other gateways know it.
        spawn: begins work that outlives whoever asks for it; it says whether it did.
        lagging: told of a session of which something was missed, so that somebody catches up.
    """

    __slots__ = ("bus", "gateway_id", "lagging", "now", "spawn", "tenant", "version")

    def __init__(
        self, bus: Bus, tenant: str, now: Clock, version: str, *, gateway_id: str,
        spawn: Callable[[Coroutine[Any, Any, None]], bool], lagging: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.bus = bus
        self.tenant = tenant
        self.now = now
        self.version = version
        self.gateway_id = gateway_id
        self.spawn = spawn
        self.lagging = lagging

    def announce(self, channel: Live[Payload], payload: Payload, key: str) -> None:
        """Tell whoever follows the session; lost where nobody does."""
        self.spawn(self.bus.announce(channel, payload, tenant=self.tenant, key=key))
