"""Conversations in Postgres; the statements are in `sql/queries.sql`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec

from libs.contracts.knowledge import Source
from libs.contracts.session import (
    AttachmentRef,
    ClaimTurn,
    EventRecord,
    Feedback,
    GetHistory,
    ListSessions,
    Message,
    Ticket,
)  # fmt: skip
from libs.runtime.postgres import Database
from libs.runtime.work import Row, Work

from ..domain.conversation import Conversation
from ..domain.session import SessionState
from ..domain.turn import MAX_ATTEMPTS, Turn


class PostgresStore:
    """Opens transactions over the session schema."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def begin(self) -> "AsyncIterator[PostgresRecords]":
        """Open a transaction."""
        async with self._database.begin() as work:
            yield PostgresRecords(work)

    @asynccontextmanager
    async def snapshot(self) -> "AsyncIterator[PostgresRecords]":
        """Open a reading of one moment."""
        async with self._database.snapshot() as work:
            yield PostgresRecords(work)


class PostgresRecords:
    """The session schema within one transaction."""

    def __init__(self, work: Work) -> None:
        self._work = work

    # --- sessions

    async def insert_session(self, state: SessionState, idempotency_key: str | None) -> bool:
        row = await self._work.row(
            "insert_session", state.session_id, state.tenant, state.user_id, state.thread_id, _json(state.metadata),
            idempotency_key, state.created_at,
        )  # fmt: skip
        return row is not None

    async def session(self, tenant: str, session_id: str) -> SessionState | None:
        return await self._session(await self._work.row("get_session", tenant, session_id))

    async def session_by_key(self, tenant: str, idempotency_key: str) -> SessionState | None:
        return await self._session(await self._work.row("get_session_by_key", tenant, idempotency_key))

    async def sessions(self, tenant: str, query: ListSessions) -> tuple[list[SessionState], int]:
        wanted = (tenant, query.user_id, query.status)
        rows = await self._work.rows("list_sessions", *wanted, query.limit, query.offset)
        total = rows[0]["total"] if rows else await self._work.value("count_sessions", *wanted)
        return await self._sessions(rows), total

    async def _session(self, row: Row | None) -> SessionState | None:
        return (await self._sessions([row]))[0] if row else None

    async def _sessions(self, rows: list[Row]) -> list[SessionState]:
        escalated = [row["id"] for row in rows if row["status"] == "escalated"]
        tickets = await self._work.rows("open_tickets", escalated) if escalated else []
        by_session = {row["session_id"]: _ticket(row) for row in tickets}
        return [_state(row, by_session.get(row["id"])) for row in rows]

    # --- conversations under their lock

    async def lock(self, tenant: str, session_id: str, now: datetime) -> Conversation | None:
        return await self._conversation(await self._work.row("lock_session", tenant, session_id), now)

    async def lock_by_turn(self, tenant: str, turn_id: str, now: datetime) -> tuple[Conversation, Turn] | None:
        conversation = await self._conversation(await self._work.row("lock_session_of_turn", tenant, turn_id), now)
        row = await self._work.row("get_turn", turn_id)
        return (conversation, _turn(row)) if conversation and row else None

    async def lock_claimable(self, now: datetime) -> Conversation | None:
        return await self._conversation(await self._work.row("lock_claimable", MAX_ATTEMPTS), now)

    async def lock_exhausted(self, now: datetime) -> Conversation | None:
        return await self._conversation(await self._work.row("lock_exhausted", MAX_ATTEMPTS), now)

    async def _conversation(self, row: Row | None, now: datetime) -> Conversation | None:
        state = await self._session(row)
        return Conversation(state, now, await self.open_turn(state.session_id)) if state else None

    async def lock_by_message(self, tenant: str, message_id: str, now: datetime) -> tuple[Conversation, Message] | None:
        conversation = await self._conversation(
            await self._work.row("lock_session_of_message", tenant, message_id), now
        )
        message = await self.message_by_id(conversation.state.session_id, message_id) if conversation else None
        return (conversation, message) if conversation and message else None

    async def lock_idle(self, tenant: str, before: datetime, limit: int, now: datetime) -> list[Conversation]:
        rows = await self._work.rows("lock_idle", tenant, before, limit)
        return [Conversation(state, now) for state in await self._sessions(rows)]

    async def set_feedback(self, session_id: str, message_id: str, feedback: Feedback) -> None:
        await self._work.do("set_feedback", session_id, message_id, _json(feedback))

    async def save(self, conversation: Conversation) -> None:
        if conversation.deleted:
            await self._delete(conversation)
            return
        await self._save_settled(conversation)
        for message in conversation.messages:
            await self._insert_message(conversation.state.session_id, message, waiting=conversation.waits(message))
        await self._save_opened(conversation)
        await self._save_ticket(conversation)
        if conversation.events:
            await self._log_and_update(conversation)

    async def _delete(self, conversation: Conversation) -> None:
        await self._work.do("delete_events", conversation.state.session_id)
        await self._work.do("delete_session", conversation.state.session_id)
        await self._work.do("insert_events", *_event_columns(conversation))

    async def _save_settled(self, conversation: Conversation) -> None:
        if settled := conversation.settled:
            await self._work.do("settle_turn", settled.turn_id, settled.status, conversation.now)
        if conversation.state.status != "active":
            await self._work.do("stop_waiting", conversation.state.session_id)

    async def _save_opened(self, conversation: Conversation) -> None:
        if opened := conversation.opened:
            session_id = conversation.state.session_id
            await self._work.do(
                "insert_turn", opened.turn_id, session_id, opened.answers_seq, opened.traceparent, opened.created_at
            )
            if conversation.settled:
                await self._work.do("take_up_messages", session_id, opened.turn_id, opened.answers_seq)

    async def _save_ticket(self, conversation: Conversation) -> None:
        if ticket := conversation.ticket:
            await self._work.do(
                "insert_ticket", ticket.ticket_id, ticket.session_id, _json(ticket.reasons), ticket.category,
                ticket.priority, ticket.created_at,
            )  # fmt: skip
        elif conversation.ticket_closed:
            await self._work.do("close_ticket", conversation.state.session_id, conversation.now)

    async def _log_and_update(self, conversation: Conversation) -> None:
        state = conversation.state
        await self._work.do(
            "log_and_update_session", *_event_columns(conversation), state.status, state.epoch, state.last_seq,
            state.last_ev_seq, state.updated_at, state.last_activity,
        )  # fmt: skip

    async def _insert_message(self, session_id: str, message: Message, *, waiting: bool) -> None:
        await self._work.do(
            "insert_message", message.id, session_id, message.seq, message.role, message.status, message.content,
            message.client_message_id, message.turn_id, waiting, _json(message.attachments), _json(message.sources),
            _json(message.tools_used), message.confidence, message.processing_time, _json(message.metadata),
            message.timestamp,
        )  # fmt: skip

    # --- turns

    async def lease(self, session_id: str, claim: ClaimTurn, seconds: float) -> Turn | None:
        row = await self._work.row("lease_turn", session_id, claim.agent_id, claim.claim_id, seconds)
        return _turn(row) if row else None

    async def claimed(self, claim: ClaimTurn) -> tuple[SessionState, Turn] | None:
        row = await self._work.row("find_claim", claim.claim_id, claim.agent_id)
        state = await self.session(row["tenant"], row["session_id"]) if row else None
        return (state, _turn(row)) if row and state else None

    async def renew(self, turn_id: str, attempt: int, agent_id: str, seconds: float) -> bool:
        return await self._work.value("renew_lease", turn_id, attempt, agent_id, seconds) is not None

    async def release(self, turn_id: str, *, spared: bool, delay_s: float) -> None:
        await self._work.do("release_turn", turn_id, int(spared), delay_s)

    async def tenants_to_ring(self) -> list[str]:
        return [row["tenant"] for row in await self._work.rows("turns_to_ring", MAX_ATTEMPTS)]

    async def open_turn(self, session_id: str) -> Turn | None:
        row = await self._work.row("open_turn", session_id)
        return _turn(row) if row else None

    # --- messages

    async def message_by_client_id(self, session_id: str, client_message_id: str) -> Message | None:
        row = await self._work.row("message_by_client_id", session_id, client_message_id)
        return _message(row) if row else None

    async def message_by_id(self, session_id: str, message_id: str) -> Message | None:
        row = await self._work.row("message_by_id", session_id, message_id)
        return _message(row) if row else None

    async def waiting_seqs(self, session_id: str) -> list[int]:
        return [row["seq"] for row in await self._work.rows("waiting_seqs", session_id)]

    async def questions(self, session_id: str, turn_id: str) -> list[Message]:
        return [_message(row) for row in await self._work.rows("messages_of_turn", session_id, turn_id)]

    async def before_turn(self, session_id: str, turn_id: str, limit: int) -> list[Message]:
        rows = await self._work.rows("messages_before_turn", session_id, turn_id, limit)
        return [_message(row) for row in reversed(rows)]

    async def history(self, session_id: str, query: GetHistory) -> tuple[list[Message], int]:
        after = query.after_seq or 0
        statement = "history_ascending" if query.order == "asc" else "history_descending"
        rows = await self._work.rows(statement, session_id, after, query.limit, query.offset)
        return [_message(row) for row in rows], await self._work.value("count_messages", session_id, after)

    # --- events

    async def events_after(self, session_id: str, ev_seq: int, limit: int) -> list[EventRecord]:
        rows = await self._work.rows("events_after", session_id, ev_seq, limit)
        return [
            EventRecord(
                ev_seq=row["ev_seq"], type=row["type"], version=row["version"], time=row["created_at"],
                payload=msgspec.Raw(row["payload"].encode()),
            )
            for row in rows
        ]  # fmt: skip


def _event_columns(conversation: Conversation) -> tuple[Any, ...]:
    """Give a change's events as what they share and a list for each column in which they differ."""
    state, events = conversation.state, conversation.events
    return (
        state.session_id,
        state.tenant,
        conversation.now,
        [logged.ev_seq for logged in events],
        [logged.event.name for logged in events],
        [logged.event.version for logged in events],
        [_json(logged.payload) for logged in events],
        [logged.final for logged in events],
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _state(row: Row, ticket: Ticket | None) -> SessionState:
    return SessionState(
        session_id=row["id"], tenant=row["tenant"], thread_id=row["thread_id"], user_id=row["user_id"],
        status=row["status"], epoch=row["control_epoch"], metadata=msgspec.json.decode(row["metadata"]),
        last_seq=row["last_seq"], last_ev_seq=row["last_ev_seq"], created_at=row["created_at"],
        updated_at=row["updated_at"], last_activity=row["last_activity"], ticket=ticket,
    )  # fmt: skip


def _ticket(row: Row) -> Ticket:
    return Ticket(
        ticket_id=row["id"], session_id=row["session_id"], status=row["status"], category=row["category"],
        reasons=msgspec.json.decode(row["reasons"], type=list[str]), priority=row["priority"],
        created_at=row["created_at"],
    )  # fmt: skip


def _turn(row: Row) -> Turn:
    return Turn(
        turn_id=row["id"], status=row["status"], answers_seq=list(row["answers_seq"]), attempt=row["attempt"],
        spared=row["spared"], agent_id=row["agent_id"], traceparent=row["traceparent"], created_at=row["created_at"],
    )  # fmt: skip


def _message(row: Row) -> Message:
    return Message(
        id=row["id"], seq=row["seq"], role=row["role"], status=row["status"], content=row["content"],
        timestamp=row["created_at"], attachments=msgspec.json.decode(row["attachments"], type=list[AttachmentRef]),
        sources=msgspec.json.decode(row["sources"], type=list[Source]),
        tools_used=msgspec.json.decode(row["tools_used"]), confidence=row["confidence"],
        processing_time=row["processing_time"], turn_id=row["turn_id"], client_message_id=row["client_message_id"],
        metadata=msgspec.json.decode(row["metadata"]),
        feedback=msgspec.json.decode(row["feedback"], type=Feedback) if row["feedback"] else None,
    )  # fmt: skip
