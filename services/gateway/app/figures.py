"""Figures of the whole system: this process's, and those of one process of every service."""

import asyncio
from collections.abc import Callable, Iterable

from libs.contracts.bus_map import AGENT_METRICS, ATTACHMENTS_METRICS, KNOWLEDGE_METRICS, SESSION_METRICS
from libs.contracts.channels import Caller, Rpc
from libs.contracts.errors import DeskError
from libs.contracts.health import AskMetrics, MetricsText

_SCOPE = (
    "# Of each other service these are the figures of one process, whichever answers: see the label instance.\n"
    "# Where a service has replicas, scrape every process at its own DESKBUS_OPERATIONS_PORT instead.\n"
)
_SERVICES = (SESSION_METRICS, AGENT_METRICS, KNOWLEDGE_METRICS, ATTACHMENTS_METRICS)


class Figures:
    """Collects figures when somebody asks.

    Args:
        own: this process's.
        merge: makes one text of several.
    """

    def __init__(
        self, caller: Caller, tenant: str, own: Callable[[], MetricsText], merge: Callable[[Iterable[MetricsText]], str]
    ) -> None:
        self._caller = caller
        self._tenant = tenant
        self._own = own
        self._merge = merge

    async def text(self) -> str:
        """Give them in Prometheus's text format, with what they are and are not; who does not answer is left out."""
        asked = await asyncio.gather(*map(self._ask, _SERVICES))
        silent = [channel.owner for channel, text in zip(_SERVICES, asked, strict=True) if text is None]
        note = f"# No figures now of: {', '.join(silent)}\n" if silent else ""
        return _SCOPE + note + self._merge([self._own(), *(text for text in asked if text is not None)])

    async def _ask(self, channel: Rpc[AskMetrics, MetricsText]) -> MetricsText | None:
        try:
            return await self._caller.call(channel, AskMetrics(), tenant=self._tenant)
        except DeskError:
            return None
