"""An agent that keeps approvals and does nothing else, and a knowledge service that is well.

It stands on the same bus as the real gateway, in a thread of its own, so that the tests say which actions wait. The
real agent is no part of these tests: it would need a model that asks for an action.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import structs

from libs.contracts import bus_map
from libs.contracts.agent import (
    Approval,
    ApprovalPage,
    AskFacts,
    DecideApproval,
    KnownFacts,
    ListApprovals,
)
from libs.contracts.context import Context
from libs.contracts.errors import Conflict, NotFound
from libs.contracts.health import AskHealth, HealthReport
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus


class StandIn:
    """What the gateway asks an agent of, answered from memory as the real one answers."""

    def __init__(self) -> None:
        self._rows: dict[str, Approval] = {}

    # --- what tests do

    def ask_for(self, session_id: str, tool: str = "refund_order", **fields: Any) -> Approval:
        """Have an action wait for a person's word."""
        now = datetime.now(UTC)
        row = Approval(**{
            "approval_id": mint("appr"), "session_id": session_id, "turn_id": mint("turn"), "tool": tool,
            "description": "Pays the price of an order back", "arguments": {"order_id": "A-1001", "amount_eur": 49.9},
            "requested_at": now, "expires_at": now + timedelta(minutes=30), **fields,
        })  # fmt: skip
        self._rows[row.approval_id] = row
        return row

    def decide(self, approval_id: str, *, approve: bool, operator: str, comment: str | None = None) -> Approval:
        """Decide on an action, as another operator would."""
        row = self._rows.get(approval_id)
        if row is None:
            raise NotFound("approval_not_found", "There is no such action to decide on")
        status = "approved" if approve else "refused"
        if row.status == "expired":
            raise Conflict("approval_expired", "Nobody decided in time")
        if row.status not in {"pending", status}:
            raise Conflict("already_decided", "Somebody has decided otherwise")
        if row.status == "pending":
            row = structs.replace(row, status=status, operator=operator, comment=comment, decided_at=datetime.now(UTC))
            self._rows[approval_id] = row
        return row

    def expire(self, approval_id: str) -> None:
        """Let an action's time be over."""
        self._rows[approval_id] = structs.replace(self._rows[approval_id], status="expired")

    def known(self, approval_id: str) -> Approval:
        """Give an action as it is."""
        return self._rows[approval_id]

    def clear(self) -> None:
        """Let nothing wait."""
        self._rows.clear()

    # --- what the gateway asks

    async def serve(self, bus: NatsBus) -> None:
        """Answer on the bus."""
        await bus.serve(bus_map.AGENT_HEALTH, self._agent_health)
        await bus.serve(bus_map.KNOWLEDGE_HEALTH, self._knowledge_health)
        await bus.serve(bus_map.RECALL, self._recall)
        await bus.serve(bus_map.LIST_APPROVALS, self._list)
        await bus.serve(bus_map.DECIDE_APPROVAL, self._decide)

    async def _agent_health(self, _: AskHealth, __: Context) -> HealthReport:
        return HealthReport("agent", "agent_stand_in", "0", True, [])

    async def _knowledge_health(self, _: AskHealth, __: Context) -> HealthReport:
        return HealthReport("knowledge", "knowledge_stand_in", "0", True, [])

    async def _recall(self, _: AskFacts, __: Context) -> KnownFacts:
        return KnownFacts([])

    async def _list(self, asked: ListApprovals, _: Context) -> ApprovalPage:
        rows = [
            row for row in sorted(self._rows.values(), key=lambda row: row.approval_id)
            if asked.status in {None, row.status} and asked.session_id in {None, row.session_id}
        ]  # fmt: skip
        rest = [row for row in rows if asked.after is None or row.approval_id > asked.after]
        return ApprovalPage(rest[: asked.limit], len(rows), len(rest) > asked.limit)

    async def _decide(self, asked: DecideApproval, context: Context) -> Approval:
        return self.decide(context.key, approve=asked.approve, operator=asked.operator, comment=asked.comment)


@contextmanager
def standing_in(nats_url: str) -> Iterator[StandIn]:
    """Serve, in a thread of its own: the browser's driver has this one."""
    stand_in, loop, over = StandIn(), asyncio.new_event_loop(), asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        async with NatsBus.connect(nats_url, "stand_in") as bus:
            await stand_in.serve(bus)
            ready.set()
            await over.wait()

    def run(work: Coroutine[Any, Any, None]) -> None:
        try:
            loop.run_until_complete(work)
        finally:
            loop.close()

    thread = threading.Thread(target=run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20), "the stand-in did not reach the broker"
        yield stand_in
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)
