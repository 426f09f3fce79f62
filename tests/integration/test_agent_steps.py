"""Steps over the journal and the approvals in a real Postgres: whoever comes second does not do it again."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.local.servers import Servers
from libs.contracts.agent import DecideApproval, ListApprovals
from libs.contracts.context import Context
from libs.runtime.clock import now
from libs.runtime.ids import mint
from libs.runtime.migrate import ROOT
from libs.runtime.postgres import Database
from services.agent.adapters.postgres_approvals import PostgresApprovals
from services.agent.adapters.postgres_journal import PostgresJournal
from services.agent.app.approvals import ApprovalDesk
from services.agent.app.steps import Steps, TurnSteps, Unconfirmed
from services.agent.app.tools import Registry
from services.agent.domain.prompt import Prompt
from services.agent.domain.steps import ToolResult
from tests.unit.agent.fakes import Log, message, until
from tests.unit.agent.tool_fakes import CountingTool, asks

SQL = ROOT / "services/agent/sql"


class Turn:
    """A turn in a session of its own, over the database."""

    def __init__(self, database: Database, *tools: CountingTool) -> None:
        self.tenant, self.session_id, self.turn_id = "acme", mint("sess"), mint("turn")
        self.approvals = PostgresApprovals(database, lambda: None)
        self._log, self._journal = Log(), PostgresJournal(database)
        self._registry = Registry(self._log)
        for tool in tools:
            self._registry.register(tool)

    def process(self) -> Steps:
        """Give the steps of one more process."""
        return Steps(self._registry, self._journal, self.approvals, self._log, mint, now, patience_s=5.0)

    def attempt(self, number: int, turn_id: str | None = None, process: Steps | None = None) -> TurnSteps:
        given: dict[str, Any] = {"tenant": self.tenant, "session_id": self.session_id, "questions": [message("?")]}
        return (process or self.process()).of(Prompt(turn_id=turn_id or self.turn_id, attempt=number, **given))


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[Database]:
    async with Database.connect(servers.environment["DESKBUS_DATABASE_URL"], "agent", SQL, pool_size=8) as opened:
        yield opened


async def test_what_one_attempt_did_the_next_is_given(database: Database) -> None:
    tool = CountingTool(idempotent=False)
    turn = Turn(database, tool)
    await turn.attempt(1).run(asks(), 1)
    newer = turn.attempt(2)
    (step,) = await newer.done_before()
    assert (step.number, step.attempt, step.result) == (1, 1, ToolResult(text="on its way"))
    await newer.run(asks('{"order": "A-2"}'), 1)
    assert (await turn.attempt(1).run(asks('{"order": "A-3"}'), 1)).failed
    assert tool.keys == [f"{turn.turn_id}-1", f"{turn.turn_id}-2"]


async def test_an_allowed_action_is_done_once_by_all_who_name_it(database: Database) -> None:
    tool = CountingTool("refund_order", access="approval", idempotent=False)
    turn = Turn(database, tool)
    for attempt in (1, 2):
        asked = await turn.attempt(attempt).run(asks('{ "order":"A-1" }', "refund_order", f"call_{attempt}"), 1)
        assert "must allow it first" in asked.text
    page = await turn.approvals.page(turn.tenant, ListApprovals(session_id=turn.session_id))
    (approval,) = page.approvals
    context = Context(tenant=turn.tenant, key=approval.approval_id)
    await ApprovalDesk(turn.approvals).decide(DecideApproval(approve=True, operator="Eve"), context)

    tool.stuck = asyncio.Event()
    named = [turn.attempt(attempt, turn_id) for turn_id in (mint("turn"), mint("turn")) for attempt in (1, 2, 3)]
    running = [asyncio.create_task(steps.approved(approval.approval_id, 1)) for steps in named]
    await until(lambda: sum(task.done() for task in running) == 5, 10)
    tool.stuck.set()
    ended = await asyncio.gather(*running, return_exceptions=True)
    assert sum(isinstance(result, Unconfirmed) for result in ended) == 5
    assert tool.keys == [approval.approval_id]
    later = await turn.attempt(4, mint("turn")).approved(approval.approval_id, 1)
    assert (later.result, tool.keys) == (ToolResult(text="on its way"), [approval.approval_id])


async def test_an_allowed_action_whose_turn_is_stopped_ends_and_is_journaled(database: Database) -> None:
    tool = CountingTool("refund_order", access="approval", idempotent=False)
    turn, tool.stuck = Turn(database, tool), asyncio.Event()
    await turn.attempt(1).run(asks(name="refund_order"), 1)
    page = await turn.approvals.page(turn.tenant, ListApprovals(session_id=turn.session_id))
    approval_id = page.approvals[0].approval_id
    context = Context(tenant=turn.tenant, key=approval_id)
    await ApprovalDesk(turn.approvals).decide(DecideApproval(approve=True, operator="Eve"), context)
    process = turn.process()
    running = asyncio.create_task(turn.attempt(1, mint("turn"), process).approved(approval_id, 1))
    await until(lambda: tool.calls, 10)
    running.cancel()
    await asyncio.wait([running])
    assert await turn.process().outcome(turn.tenant, approval_id) is None  # nobody knows it elsewhere
    tool.stuck.set()
    step = await process.outcome(turn.tenant, approval_id)
    assert step is not None
    assert (step.result, tool.keys) == (ToolResult(text="on its way"), [approval_id])
    assert await turn.process().outcome(turn.tenant, approval_id) == step
