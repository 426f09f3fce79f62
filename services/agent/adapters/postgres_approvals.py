"""Actions that wait for a person's word, in Postgres; the statements are in `sql/queries.sql`."""

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec

from libs.contracts.agent import Approval, ApprovalDecided, ApprovalPage, ApprovalRequested, ListApprovals
from libs.contracts.bus_map import APPROVAL_DECIDED, APPROVAL_REQUESTED
from libs.contracts.channels import Event, encode
from libs.contracts.errors import Conflict
from libs.runtime.postgres import Database
from libs.runtime.work import Row, Work
from services.agent.app.approvals import Rule
from services.agent.domain.chat import ToolCall

from .postgres_journal import storable

DAY_S = 24 * 3600.0


class PostgresApprovals:
    """Approvals over the agent's schema; each change and its event are one transaction.

    Times are Postgres's: of a request only what is asked for is taken over, not when it came and until when it waits.

    Args:
        told: called after a commit that logged an event: the relay's `wake`.
        lasts_s: how long an action waits for a person's word, in seconds.
    """

    def __init__(self, database: Database, told: Callable[[], None], *, lasts_s: float = DAY_S) -> None:
        self._database = database
        self._told = told
        self._lasts_s = lasts_s

    async def request(self, tenant: str, approval: Approval, call: ToolCall) -> Approval:
        session_id, turn_id = approval.session_id, approval.turn_id
        fingerprint = _fingerprint(approval)
        async with self._database.begin() as work:
            await work.do("share_session", tenant, session_id)
            row = await work.row(
                "request_approval", approval.approval_id, tenant, session_id, turn_id, fingerprint, _json(call),
                approval.tool, approval.description, _json(approval.arguments), self._lasts_s,
            )  # fmt: skip
            if row is None:
                return await self._asked_before(work, tenant, turn_id, fingerprint)
            asked = _to_approval(row)
            await _log(work, tenant, APPROVAL_REQUESTED, asked, ApprovalRequested(asked))
        self._told()
        return asked

    async def get(self, tenant: str, approval_id: str) -> tuple[Approval, ToolCall] | None:
        async with self._database.connection() as work:
            row = await work.row("get_approval", tenant, approval_id)
        return (_to_approval(row), msgspec.json.decode(row["call"], type=ToolCall)) if row else None

    async def page(self, tenant: str, query: ListApprovals) -> ApprovalPage:
        some, wanted = "approvals", (tenant, query.status, query.session_id)
        if query.status == "pending":
            some, wanted = "pending_approvals", (tenant, query.session_id)
        async with self._database.snapshot() as work:
            rows = await work.rows(f"list_{some}", *wanted, query.after, query.limit + 1)
            total = await work.value(f"count_{some}", *wanted)
        return ApprovalPage([_to_approval(row) for row in rows[: query.limit]], total, len(rows) > query.limit)

    async def decide(self, tenant: str, approval_id: str, rule: Rule) -> Approval | None:
        async with self._database.begin() as work:
            row = await work.row("lock_approval", tenant, approval_id)
            if row is None:
                return None
            before = _to_approval(row)
            wanted = rule(before)
            if wanted is before:
                return before
            row = await work.row(
                "decide_approval", tenant, approval_id, wanted.status,
                _storable(wanted.operator), _storable(wanted.comment),
            )  # fmt: skip
            assert row is not None  # noqa: S101 - its row is locked above
            decided = _to_approval(row)
            await _log(work, tenant, APPROVAL_DECIDED, decided, ApprovalDecided(decided))
        self._told()
        return decided

    async def expire(self) -> int:
        async with self._database.begin() as work:
            rows = await work.rows("expire_approvals")
            for row in rows:
                expired = _to_approval(row)
                await _log(work, row["tenant"], APPROVAL_DECIDED, expired, ApprovalDecided(expired))
        if rows:
            self._told()
        return len(rows)

    async def _asked_before(self, work: Work, tenant: str, turn_id: str, fingerprint: str) -> Approval:
        row = await work.row("approval_of_call", tenant, turn_id, fingerprint)
        if row is None:
            raise Conflict("session_deleted", "The session of this turn was deleted")
        return _to_approval(row)


async def _log(work: Work, tenant: str, event: Event[Any], approval: Approval, payload: object) -> None:
    await work.do("log_event", tenant, approval.session_id, event.name, event.version, encode(payload).decode())


def _fingerprint(approval: Approval) -> str:
    """Give what is the same for the same tool and arguments, in whatever order their keys came."""
    said = msgspec.json.encode([approval.tool, approval.arguments], order="deterministic")
    return hashlib.sha256(said).hexdigest()


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _storable(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _to_approval(row: Row) -> Approval:
    """Read an approval; one that waited too long is expired, whether or not that was written down."""
    overdue: bool = row["overdue"]
    return Approval(
        approval_id=row["approval_id"], session_id=row["session_id"], turn_id=row["turn_id"], tool=row["tool"],
        description=row["description"], arguments=msgspec.json.decode(row["arguments"]),
        status="expired" if overdue else row["status"], requested_at=row["requested_at"],
        expires_at=row["expires_at"], operator=row["operator"], comment=row["comment"],
        decided_at=row["expires_at"] if overdue else row["decided_at"],
    )  # fmt: skip
