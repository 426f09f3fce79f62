"""The steps of turns in Postgres; the statements are in `sql/queries.sql`."""

import msgspec

from libs.contracts.errors import Conflict
from libs.runtime.postgres import Database
from libs.runtime.work import Row
from services.agent.domain.chat import ToolCall
from services.agent.domain.steps import Step, ToolResult

_DETAILS = {
    "step_taken": "Another attempt has this step: this one may not go on",
    "session_deleted": "The session of this turn was deleted",
}


class PostgresJournal:
    """Journal over the agent's schema.

    Steps begin under the session's lock, as `PostgresMemories` forgets it: so two attempts take turns, and nothing is
    written down of a session that was forgotten. There `begin` raises `session_deleted`: a step that nobody could find
    again must not run.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def steps(self, tenant: str, turn_id: str) -> list[Step]:
        async with self._database.connection() as work:
            return [_to_step(row) for row in await work.rows("steps_of_turn", tenant, turn_id)]

    async def begin(self, tenant: str, session_id: str, turn_id: str, step: Step) -> None:
        call = step.call
        async with self._database.begin() as work:
            await work.do("lock_session", tenant, session_id)
            refused: str | None = await work.value(
                "begin_step", tenant, session_id, turn_id, step.number, step.attempt,
                storable(call.id), storable(call.name), storable(call.arguments), step.idempotent,
            )  # fmt: skip
        if refused:
            raise Conflict(refused, _DETAILS[refused])

    async def end(self, tenant: str, turn_id: str, number: int, result: ToolResult) -> None:
        async with self._database.connection() as work:
            await work.do("end_step", tenant, turn_id, number, msgspec.json.encode(result).decode())


def storable(text: str) -> str:
    """Give a text as Postgres can hold it: without NUL, which a model may write."""
    return text.replace("\x00", "\ufffd")


def _to_step(row: Row) -> Step:
    return Step(
        number=row["number"],
        attempt=row["attempt"],
        call=ToolCall(id=row["call_id"], name=row["name"], arguments=row["arguments"]),
        idempotent=row["idempotent"],
        result=msgspec.json.decode(row["result"], type=ToolResult) if row["result"] is not None else None,
    )
