"""Hand-overs in Postgres, in the queue's order."""

from libs.contracts.operators import ListTickets
from libs.contracts.session import Ticket
from libs.runtime.work import Work

from ..domain.conversation import Conversation
from ..domain.hand_over import RANKS, HandOver
from .postgres_rows import to_hand_over, to_json, to_ticket


class TicketRecords:
    """The tickets within one transaction."""

    _work: Work

    async def ticket(self, tenant: str, ticket_id: str) -> HandOver | None:
        row = await self._work.row("get_ticket", tenant, ticket_id)
        return to_hand_over(row) if row else None

    async def tickets(self, tenant: str, query: ListTickets) -> tuple[list[Ticket], int, bool]:
        wanted = (tenant, query.status, query.claimed)
        one_more = query.limit + 1
        if mark := query.after:
            place = (RANKS[mark.priority], mark.created_at, mark.id)
            rows = await self._work.rows("list_tickets_after", *wanted, one_more, *place)
        else:
            rows = await self._work.rows("list_tickets", *wanted, one_more)
        total = await self._work.value("count_tickets", *wanted)
        return [to_ticket(row) for row in rows[: query.limit]], total, len(rows) > query.limit

    async def _save_ticket(self, conversation: Conversation) -> None:
        if opened := conversation.hand_over:
            ticket = opened.ticket
            await self._work.do(
                "insert_ticket", ticket.ticket_id, ticket.session_id, conversation.state.tenant,
                to_json(ticket.reasons), ticket.category, ticket.priority, ticket.created_at, ticket.operator,
                ticket.claimed_at, opened.summary, to_json(opened.sources), opened.seq, ticket.score,
                to_json(ticket.evidence),
            )  # fmt: skip
        elif claimed := conversation.claimed:
            await self._work.do("claim_ticket", claimed.ticket_id, claimed.operator, claimed.claimed_at)
        elif conversation.ticket_closed:
            await self._work.do("close_ticket", conversation.state.session_id, conversation.now)
