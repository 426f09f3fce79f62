"""Messages, notes and the event log in Postgres."""

import msgspec

from libs.contracts.operators import Note
from libs.contracts.session import EventRecord, Feedback, GetHistory, Message
from libs.runtime.work import Work

from ..domain.hand_over import BACKGROUND
from .postgres_rows import to_json, to_message, to_note

_NO_END = 2**63 - 1


class MessageRecords:
    """What is said, within one transaction."""

    _work: Work

    async def message_by_client_id(self, session_id: str, client_message_id: str) -> Message | None:
        row = await self._work.row("message_by_client_id", session_id, client_message_id)
        return to_message(row) if row else None

    async def message_by_id(self, session_id: str, message_id: str) -> Message | None:
        row = await self._work.row("message_by_id", session_id, message_id)
        return to_message(row) if row else None

    async def waiting_seqs(self, session_id: str, *, allowed_only: bool = False) -> list[int]:
        return [row["seq"] for row in await self._work.rows("waiting_seqs", session_id, allowed_only)]

    async def for_turn(self, session_id: str, turn_id: str, limit: int) -> tuple[list[Message], list[Message]]:
        rows = await self._work.rows("messages_for_turn", session_id, turn_id, limit)
        questions = [to_message(row) for row in rows if row["asked"]]
        return questions, [to_message(row) for row in rows if not row["asked"]]

    async def for_hand_over(self, session_id: str) -> list[Message]:
        rows = await self._work.rows("messages_for_hand_over", session_id, BACKGROUND)
        return list({row["seq"]: to_message(row) for row in rows}.values())

    async def history(self, session_id: str, query: GetHistory) -> tuple[list[Message], int]:
        between = (query.after_seq or 0, _NO_END if query.before_seq is None else query.before_seq)
        statement = "history_ascending" if query.order == "asc" else "history_descending"
        rows = await self._work.rows(statement, session_id, *between, query.limit, query.offset)
        return [to_message(row) for row in rows], await self._work.value("count_messages", session_id, *between)

    async def set_feedback(self, session_id: str, message_id: str, feedback: Feedback) -> None:
        await self._work.do("set_feedback", session_id, message_id, to_json(feedback))

    async def question_of(self, session_id: str, turn_id: str) -> str:
        return await self._work.value("question_of", session_id, turn_id) or ""

    # --- notes

    async def note(self, session_id: str, note_id: str) -> Note | None:
        row = await self._work.row("get_note", session_id, note_id)
        return to_note(row) if row else None

    async def notes(self, session_id: str, after: str | None, limit: int) -> list[Note]:
        return [to_note(row) for row in await self._work.rows("list_notes", session_id, after, limit)]

    async def last_notes(self, session_id: str, limit: int) -> list[Note]:
        return [to_note(row) for row in reversed(await self._work.rows("last_notes", session_id, limit))]

    async def insert_note(self, session_id: str, note: Note) -> None:
        await self._work.do("insert_note", session_id, note.note_id, note.content, note.operator, note.created_at)

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
