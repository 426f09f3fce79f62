"""Conversations in Postgres; the statements are in `sql/queries.sql`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from libs.contracts.session import ClaimTurn
from libs.runtime.postgres import Database

from ..domain.conversation import Conversation
from ..domain.session import SessionState
from ..domain.turn import CANCEL_S, Turn, TurnRules
from .postgres_rows import to_json, to_turn
from .postgres_sessions import SessionRecords
from .postgres_tickets import TicketRecords


class PostgresStore:
    """Opens transactions over the session schema."""

    def __init__(self, database: Database, rules: TurnRules) -> None:
        self._database = database
        self._rules = rules

    @asynccontextmanager
    async def begin(self) -> "AsyncIterator[PostgresRecords]":
        """Open a transaction."""
        async with self._database.begin() as work:
            yield PostgresRecords(work, self._rules)

    @asynccontextmanager
    async def snapshot(self) -> "AsyncIterator[PostgresRecords]":
        """Open a reading of one moment."""
        async with self._database.snapshot() as work:
            yield PostgresRecords(work, self._rules)


class PostgresRecords(SessionRecords, TicketRecords):
    """The session schema within one transaction; what a conversation has decided is written here."""

    async def claimed(self, claim: ClaimTurn) -> tuple[SessionState, Turn] | None:
        row = await self._work.row("find_claim", claim.claim_id, claim.agent_id)
        state = await self.session(row["tenant"], row["session_id"]) if row else None
        return (state, to_turn(row)) if row and state else None

    async def save(self, conversation: Conversation) -> None:
        if conversation.deleted:
            await self._delete(conversation)
            return
        await self._save_earlier(conversation)
        await self._save_ticket(conversation)
        if conversation.messages or conversation.opened or conversation.settled:
            await self._write_change(conversation)
        elif conversation.events:
            await self._work.do(
                "log_and_update_session", *_event_columns(conversation), *_session_columns(conversation)
            )
        await self._save_taken_up(conversation)

    async def _delete(self, conversation: Conversation) -> None:
        await self._work.do("delete_events", conversation.state.session_id)
        await self._work.do("delete_session", conversation.state.session_id)
        await self._work.do("insert_events", *_event_columns(conversation))

    async def _save_earlier(self, conversation: Conversation) -> None:
        """Write what changes for messages and turns of before."""
        session_id = conversation.state.session_id
        if conversation.settled and conversation.opened:
            await self._work.do(
                "settle_turn", conversation.settled.turn_id, conversation.settled.status, conversation.now
            )
        if conversation.nothing_waits:
            await self._work.do("stop_waiting", session_id, conversation.state.status == "ended")
        elif conversation.waiting_again:
            await self._work.do("wait_again", session_id, conversation.waiting_again)
        if called_off := conversation.called_off:
            await self._work.do("call_off_turn", called_off.turn_id, CANCEL_S)
        if joined := conversation.joined:
            await self._work.do("join_turn", joined.turn_id, joined.answers_seq)

    async def _write_change(self, conversation: Conversation) -> None:
        settled = None if conversation.opened else conversation.settled
        opens_in_s = await self._work.value(
            "write_change", *_event_columns(conversation), *_session_columns(conversation),
            *_message_columns(conversation), *self._turn_columns(conversation.opened),
            settled.turn_id if settled else None, settled.status if settled else None,
        )  # fmt: skip
        if conversation.opened:
            conversation.opened.opens_in_s = opens_in_s

    def _turn_columns(self, opened: Turn | None) -> tuple[Any, ...]:
        if opened is None:
            return (None, None, None, 0.0, 0.0)
        rules = self._rules
        return (opened.turn_id, opened.answers_seq, opened.traceparent, rules.window_s, rules.deadline_s)

    async def _save_taken_up(self, conversation: Conversation) -> None:
        """Write of messages of before that the new turn answers them."""
        if opened := conversation.opened:
            new = {message.seq for message in conversation.messages}
            if earlier := [seq for seq in opened.answers_seq if seq not in new]:
                await self._work.do("take_up_messages", conversation.state.session_id, opened.turn_id, earlier)


def _session_columns(conversation: Conversation) -> tuple[Any, ...]:
    state = conversation.state
    return state.status, state.epoch, state.last_seq, state.last_ev_seq, state.updated_at, state.last_activity


def _message_columns(conversation: Conversation) -> tuple[list[Any], ...]:
    """Give a change's messages as a list for each column."""
    messages = conversation.messages
    return (
        [message.id for message in messages],
        [message.seq for message in messages],
        [message.role for message in messages],
        [message.status for message in messages],
        [message.content for message in messages],
        [message.client_message_id for message in messages],
        [message.turn_id for message in messages],
        [conversation.waits(message) for message in messages],
        [to_json(message.attachments) for message in messages],
        [to_json(message.sources) for message in messages],
        [to_json(message.tools_used) for message in messages],
        [message.confidence for message in messages],
        [message.processing_time for message in messages],
        [to_json(message.metadata) for message in messages],
    )


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
        [to_json(logged.payload) for logged in events],
        [logged.final for logged in events],
    )
