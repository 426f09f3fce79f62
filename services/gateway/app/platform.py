"""How the system is: its calling card, its readiness, and what this process has done."""

import asyncio
from datetime import datetime
from time import perf_counter

from libs.contracts.bus_map import AGENT_HEALTH, ATTACHMENTS_HEALTH, KNOWLEDGE_HEALTH, SESSION_HEALTH
from libs.contracts.channels import Caller, Rpc
from libs.contracts.errors import DeskError
from libs.contracts.health import AskHealth, CheckResult, HealthReport

from ..domain.replies import Card, Readiness, readiness
from ..ports import Clock, OwnHealth

# Which services the system is of no use without.
_SERVICES = [(SESSION_HEALTH, True), (AGENT_HEALTH, True), (KNOWLEDGE_HEALTH, True), (ATTACHMENTS_HEALTH, False)]


class Statistics:
    """What this process has done since it began."""

    def __init__(self, began: datetime) -> None:
        self.began = began
        self.messages = 0
        self.errors = 0


class Platform:
    """Answers operators and load balancers."""

    def __init__(
        self, caller: Caller, own: OwnHealth, statistics: Statistics, *, tenant: str, now: Clock, name: str,
        environment: str, version: str, docs: str | None = None, metrics: str | None = None,
    ) -> None:  # fmt: skip
        self._caller = caller
        self._own = own
        self._statistics = statistics
        self._tenant = tenant
        self._now = now
        self._name = name
        self._environment = environment
        self._version = version
        self._docs = docs
        self._metrics = metrics

    def card(self, connected: int) -> Card:
        """Give the calling card; `connected` counts the sessions that are connected to this process."""
        seconds = (self._now() - self._statistics.began).total_seconds()
        stats = {
            "uptime_seconds": round(seconds, 1),
            "sessions": connected,
            "messages_processed": self._statistics.messages,
            "errors": self._statistics.errors,
            "messages_per_minute": round(self._statistics.messages / max(seconds / 60, 1), 2),
        }
        return Card(
            name=self._name,
            version=self._version,
            environment=self._environment,
            status="operational",
            docs=self._docs or "disabled",
            metrics=self._metrics or "disabled",
            health="/health",
            stats=stats,
        )

    async def readiness(self) -> Readiness:
        """Try everything, side by side: what this process stands on, and each service with what it stands on."""
        own, services = await asyncio.gather(
            self._own(),
            asyncio.gather(*(self._ask(channel, required=required) for channel, required in _SERVICES)),
        )
        checks = [*own.checks, *(check for checks in services for check in checks)]
        if not own.ready and all(check.ok for check in own.checks):
            checks.insert(0, CheckResult("gateway", ok=False, detail="starting or draining"))
        return readiness(self._version, checks)

    async def _ask(self, channel: Rpc[AskHealth, HealthReport], *, required: bool) -> list[CheckResult]:
        started = perf_counter()
        try:
            report = await self._caller.call(channel, AskHealth(), tenant=self._tenant)
        except DeskError as fault:
            return [CheckResult(channel.owner, False, required, _milliseconds(started), fault.detail)]
        detail = "ready" if report.ready else "not ready"
        parts = [
            CheckResult(
                f"{channel.owner}.{part.name}", part.ok, part.required and required, part.latency_ms, part.detail
            )
            for part in report.checks
        ]
        return [CheckResult(channel.owner, report.ready, required, _milliseconds(started), detail), *parts]


def _milliseconds(started: float) -> float:
    return round((perf_counter() - started) * 1000, 1)
