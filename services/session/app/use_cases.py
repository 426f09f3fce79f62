"""What all use cases of the session service stand on: each is one transaction, and what it decided is told after it."""

from libs.contracts.context import Context
from libs.contracts.errors import NotFound
from libs.contracts.ids import MESSAGE, TICKET, TURN
from libs.runtime.clock import now
from libs.runtime.ids import mint

from ..domain.change import FreshIds
from ..domain.conversation import Conversation
from ..domain.turn import TurnRules
from ..ports import Herald, Records, Snapshots, Store, Timers


def session_not_found() -> NotFound:
    """Make the error of a session that is not there."""
    return NotFound("session_not_found", "There is no such session: create one with POST /api/sessions and use its id")


def fresh_ids(message_id: str | None = None) -> FreshIds:
    """Mint ids for what a change may make."""
    return FreshIds(message_id=message_id or mint(MESSAGE), turn_id=mint(TURN), ticket_id=mint(TICKET))


class UseCases:
    """Use cases over ports; the groups of them are in the modules beside this one.

    Args:
        store: where conversations are kept.
        herald: who tells the others, after the commit.
        snapshots: what is kept of sessions for reading.
        timers: what this process does later.
        rules: how turns are dealt out.
    """

    def __init__(self, store: Store, herald: Herald, snapshots: Snapshots, timers: Timers, rules: TurnRules) -> None:
        self._store = store
        self._herald = herald
        self._snapshots = snapshots
        self._timers = timers
        self._rules = rules

    async def _lock(self, records: Records, ctx: Context) -> Conversation:
        conversation = await records.lock(ctx.tenant, ctx.key, now())
        if conversation is None:
            raise session_not_found()
        return conversation
