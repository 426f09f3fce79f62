"""Sessions in Postgres, read, listed, and loaded under their lock."""

from datetime import datetime

from libs.contracts.session import ListSessions, Message
from libs.runtime.work import Row

from ..domain.conversation import Conversation
from ..domain.session import SessionState
from ..domain.turn import MAX_ATTEMPTS, Turn
from .postgres_messages import MessageRecords
from .postgres_rows import to_json, to_state, to_ticket, to_turn
from .postgres_turns import TurnRecords


class SessionRecords(TurnRecords, MessageRecords):
    """The sessions within one transaction."""

    async def insert_session(self, state: SessionState, idempotency_key: str | None) -> bool:
        row = await self._work.row(
            "insert_session", state.session_id, state.tenant, state.user_id, state.thread_id, to_json(state.metadata),
            idempotency_key, state.created_at,
        )  # fmt: skip
        return row is not None

    async def session(self, tenant: str, session_id: str) -> SessionState | None:
        return await self._session(await self._work.row("get_session", tenant, session_id))

    async def session_by_key(self, tenant: str, idempotency_key: str) -> SessionState | None:
        return await self._session(await self._work.row("get_session_by_key", tenant, idempotency_key))

    async def sessions(self, tenant: str, query: ListSessions) -> tuple[list[SessionState], int, bool]:
        wanted = (tenant, query.user_id, query.status)
        one_more = query.limit + 1
        if mark := query.after:
            rows = await self._work.rows("list_sessions_after", *wanted, mark.created_at, mark.id, one_more)
            total = await self._work.value("count_sessions", *wanted)
        else:
            rows = await self._work.rows("list_sessions", *wanted, one_more, query.offset)
            total = rows[0]["total"] if rows else await self._work.value("count_sessions", *wanted)
        return await self._sessions(rows[: query.limit]), total, len(rows) > query.limit

    async def _session(self, row: Row | None) -> SessionState | None:
        return (await self._sessions([row]))[0] if row else None

    async def _sessions(self, rows: list[Row]) -> list[SessionState]:
        escalated = [row["id"] for row in rows if row["status"] == "escalated"]
        tickets = await self._work.rows("open_tickets", escalated) if escalated else []
        by_session = {row["session_id"]: to_ticket(row) for row in tickets}
        return [to_state(row, by_session.get(row["id"])) for row in rows]

    # --- conversations under their lock

    async def lock(self, tenant: str, session_id: str, now: datetime) -> Conversation | None:
        return await self._conversation(await self._work.row("lock_session", tenant, session_id), now)

    async def lock_by_turn(self, tenant: str, turn_id: str, now: datetime) -> tuple[Conversation, Turn] | None:
        state = await self._session(await self._work.row("lock_session_of_turn", tenant, turn_id))
        row = await self._work.row("get_turn", turn_id) if state else None
        if state is None or row is None:
            return None
        turn = to_turn(row)
        open_turn = turn if turn.open else await self.open_turn(state.session_id)
        return Conversation(state, now, open_turn), turn

    async def lock_claimable(self, now: datetime) -> Conversation | None:
        state = await self._session(await self._work.row("lock_claimable", MAX_ATTEMPTS))
        return Conversation(state, now) if state else None

    async def lock_sealable(self, now: datetime) -> Conversation | None:
        return await self._conversation(await self._work.row("lock_sealable", MAX_ATTEMPTS), now)

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
