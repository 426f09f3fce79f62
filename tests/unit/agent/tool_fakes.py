"""Tools for tests, and steps over a journal in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from libs.contracts.errors import Unavailable
from services.agent.app.steps import Steps, TurnSteps
from services.agent.app.tools import Registry
from services.agent.domain.chat import ToolCall, ToolSpec
from services.agent.domain.prompt import Prompt
from services.agent.domain.steps import ToolContext, ToolKind, ToolResult

from .fakes import Log, message, minter
from .journal_fake import KeptApprovals, KeptJournal

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ORDER = {
    "type": "object",
    "properties": {"order": {"type": "string", "minLength": 2, "maxLength": 5}},
    "required": ["order"],
    "additionalProperties": False,
}


class CountingTool:
    """Counts its effects by key, as a system does that honours idempotency keys; `stuck` lets no call end."""

    def __init__(self, name: str = "find_order", *, access: Any = "read_only", idempotent: bool = True) -> None:
        spec = ToolSpec(name=name, description=f"What {name} is for", parameters=ORDER)
        self.kind = ToolKind(spec=spec, access=access, idempotent=idempotent, doing="Looking")
        self.calls: list[tuple[dict[str, Any], ToolContext]] = []
        self.keys: list[str] = []
        self.result = ToolResult(text="on its way")
        self.fault: Exception | None = None
        self.stuck: asyncio.Event | None = None
        self.before: Callable[[dict[str, Any]], Awaitable[None]] | None = None
        self.words: str | None = None
        self.closed = 0
        self.away: Exception | None = None

    def refusal(self, arguments: dict[str, Any], ctx: ToolContext) -> str | None:
        return self.words

    async def call(self, arguments: dict[str, Any], ctx: ToolContext) -> ToolResult:
        self.calls.append((arguments, ctx))
        self.keys.append(ctx.key)
        if self.before:
            await self.before(arguments)
        if self.stuck:
            await self.stuck.wait()
        if self.fault:
            raise self.fault
        return self.result

    async def probe(self) -> str:
        if self.away:
            raise self.away
        return "well"

    async def close(self) -> None:
        self.closed += 1
        if self.fault:
            raise self.fault


AWAY = Unavailable("database_unavailable", "away")


class Stage:
    """Tools, a journal, approvals and steps over them."""

    def __init__(self, *tools: Any, patience_s: float = 0.2, call_s: float = 5.0) -> None:
        self.log = Log()
        self.registry = Registry(self.log)
        for tool in tools:
            self.registry.register(tool)
        self.journal = KeptJournal()
        self.approvals = KeptApprovals()
        self._times = {"patience_s": patience_s, "approval_s": 3600.0, "call_s": call_s}
        self.steps = self._process()
        self.elsewhere = self._process()

    def _process(self) -> Steps:
        """Give the steps of one process; journal and approvals are the same for all."""
        return Steps(
            self.registry, self.journal, self.approvals, self.log, minter(), lambda: NOON, **self._times
        )  # fmt: skip

    async def die(self) -> None:
        """End the process: what it was doing is cut off, and another begins where the journal stands."""
        running = list(self.steps.carrying._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        self.steps = self._process()

    def attempt(self, number: int = 1, *, elsewhere: bool = False, **given: Any) -> TurnSteps:
        """Give the steps of one attempt; `elsewhere` in another process."""
        values: dict[str, Any] = {
            "turn_id": "turn_1", "tenant": "acme", "session_id": "sess_1", "user_id": "ann",
            "questions": [message("Where is my order?")], **given,
        }  # fmt: skip
        return (self.elsewhere if elsewhere else self.steps).of(Prompt(attempt=number, **values))


def asks(arguments: str = '{"order": "A-1"}', name: str = "find_order", call_id: str = "call_1") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)
