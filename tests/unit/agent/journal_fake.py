"""A journal and approvals in memory that obey the rules of their ports, and that fail, hang or stop where a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from libs.contracts.agent import Approval
from libs.contracts.errors import Conflict, DeskError
from services.agent.domain.chat import ToolCall
from services.agent.domain.steps import Step, ToolResult


class KeptJournal:
    """Steps in a dictionary; as in Postgres a turn's id and a number are there once, whoever's turn it is."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int], Step] = {}
        self.fault: Exception | None = None
        self.delay_s = 0.0
        # Called before a step is written down: the place to have another attempt come first.
        self.before_begin: Callable[[], None] = lambda: None
        self.asked: list[str] = []

    async def steps(self, tenant: str, turn_id: str) -> list[Step]:
        await self._trouble("steps")
        return [step for (turn, _), step in sorted(self.kept.items(), key=lambda item: item[0]) if turn == turn_id]

    async def begin(self, tenant: str, session_id: str, turn_id: str, step: Step) -> None:
        await self._trouble("begin")
        self.before_begin()
        later = any(turn == turn_id and other.attempt > step.attempt for (turn, _), other in self.kept.items())
        if later or (turn_id, step.number) in self.kept:
            raise Conflict("step_taken", "Another attempt has this step")
        self.kept[turn_id, step.number] = step

    async def end(self, tenant: str, turn_id: str, number: int, result: ToolResult) -> None:
        await self._trouble("end")
        step = self.kept.get((turn_id, number))
        if step is not None and step.result is None:
            self.kept[turn_id, number] = replace(step, result=result)

    async def _trouble(self, verb: str) -> None:
        self.asked.append(verb)
        await asyncio.sleep(self.delay_s)
        if self.fault:
            raise self.fault


class KeptApprovals:
    """Approvals in a dictionary: one for each turn, tool and arguments."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[Approval, ToolCall]] = {}
        self.fault: DeskError | None = None

    async def request(self, tenant: str, approval: Approval, call: ToolCall) -> Approval:
        if self.fault:
            raise self.fault
        for there, _ in self.kept.values():
            same = (there.turn_id, there.tool, there.arguments) == (approval.turn_id, approval.tool, approval.arguments)
            if same:
                return there
        self.kept[approval.approval_id] = (approval, call)
        return approval

    async def get(self, tenant: str, approval_id: str) -> tuple[Approval, ToolCall] | None:
        if self.fault:
            raise self.fault
        return self.kept.get(approval_id)

    def decide(self, approval_id: str, status: str) -> None:
        approval, call = self.kept[approval_id]
        self.kept[approval_id] = (replace(approval, status=status), call)
