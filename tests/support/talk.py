"""One session, asked over the bus as the gateway, operators and an agent ask."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from libs.contracts import bus_map, operators
from libs.contracts import session as told
from libs.contracts.context import Context
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus

TENANT = "tenant_of_tests"


class Talk:
    """One session, and what is done with it."""

    def __init__(self, bus: NatsBus, tenant: str = TENANT) -> None:
        self.bus = bus
        self.tenant = tenant
        self.id = mint("sess")

    async def ask(self, channel: object, request: object, key: str | None = None) -> object:
        return await self.bus.call(channel, request, tenant=self.tenant, key=key or self.id)

    # --- as the gateway

    async def open(self, **fields: object) -> told.Session:
        return await self.ask(
            bus_map.OPEN_SESSION, told.OpenSession(session_id=self.id, thread_id=mint("thread"), **fields)
        )

    async def session(self) -> told.Session:
        return await self.ask(bus_map.GET_SESSION, told.GetSession())

    async def set_status(self, status: str) -> told.Session:
        return await self.ask(bus_map.SET_STATUS, told.SetStatus(status))

    async def delete(self) -> told.SessionGone:
        return await self.ask(bus_map.DELETE_SESSION, told.DeleteSession())

    async def post(self, content: str, client_id: str | None = None) -> told.MessagePosted:
        request = told.PostMessage(
            message_id=mint("msg"), client_message_id=client_id or mint("client"), content=content
        )
        return await self.ask(bus_map.POST_MESSAGE, request)

    async def cancel(self, turn_id: str | None = None) -> told.Cancellation:
        return await self.ask(bus_map.CANCEL_TURN, told.CancelTurn(turn_id=turn_id))

    async def events(self, after: int = 0) -> told.EventsPage:
        return await self.ask(bus_map.EVENTS_AFTER, told.EventsAfter(ev_seq=after))

    async def event_names(self, after: int = 0) -> list[str]:
        return [event.type for event in (await self.events(after)).events]

    async def last(self, name: str) -> dict[str, object]:
        """The payload of the last event of this name."""
        return [msgspec.json.decode(event.payload) for event in (await self.events()).events if event.type == name][-1]

    async def history(self, **fields: object) -> told.History:
        return await self.ask(bus_map.HISTORY, told.GetHistory(**fields))

    # --- as operators

    async def take_over(self, operator: str = "Ann", *, force: bool = False) -> told.Session:
        return await self.ask(bus_map.TAKE_OVER, operators.TakeOver(operator=operator, force=force))

    async def reply(self, content: str, operator: str = "Ann", client_id: str | None = None) -> told.MessagePosted:
        request = operators.Reply(
            message_id=mint("msg"), client_message_id=client_id or mint("client"), content=content, operator=operator
        )
        return await self.ask(bus_map.REPLY, request)

    async def release(self, operator: str = "Ann", *, answer: bool = True) -> told.Session:
        return await self.ask(bus_map.RELEASE, operators.Release(operator=operator, answer=answer))

    async def resolve(self, operator: str = "Ann") -> told.Session:
        return await self.ask(bus_map.RESOLVE_SESSION, operators.ResolveSession(operator=operator))

    async def add_note(self, content: str, note_id: str | None = None, operator: str = "Ann") -> operators.Note:
        request = operators.AddNote(note_id=note_id or mint("note"), content=content, operator=operator)
        return await self.ask(bus_map.ADD_NOTE, request)

    async def notes(self) -> list[operators.Note]:
        return (await self.ask(bus_map.LIST_NOTES, operators.ListNotes())).notes

    async def ticket(self, ticket_id: str) -> operators.TicketPacket:
        return await self.ask(bus_map.GET_TICKET, operators.GetTicket(), key=ticket_id)

    async def tickets(self, **fields: object) -> operators.TicketPage:
        return await self.ask(bus_map.LIST_TICKETS, operators.ListTickets(**fields), key="_")

    # --- as an agent

    async def claim(
        self, agent: str = "agent_a", claim_id: str | None = None, *, patience_s: float = 4.0
    ) -> told.ClaimedTurn:
        """Claim this session's turn; turns of other tests that come first are put back to be answered by nobody."""
        for _ in range(int(patience_s / 0.02)):
            request = told.ClaimTurn(agent_id=agent, claim_id=claim_id or mint("claim"))
            reply = await self.bus.call(bus_map.CLAIM_TURN, request, tenant=self.tenant)
            if reply.turn and reply.turn.session_id == self.id:
                return reply.turn
            await asyncio.sleep(0.02)
        raise AssertionError("the turn could not be claimed")

    async def complete(
        self, turn: told.ClaimedTurn, content: str = "an answer", *, escalation: told.Escalation | None = None,
        **fields: object,
    ) -> told.TurnSettled:  # fmt: skip
        values = {"attempt": turn.attempt, "epoch": turn.epoch, "message_id": mint("msg"), **fields}
        answer = told.Answer(content=content, escalation=escalation)
        return await self.ask(
            bus_map.COMPLETE_TURN, told.CompleteTurn(**{"turn_id": turn.turn_id, "answer": answer, **values})
        )

    async def answer(self, content: str = "an answer", **fields: object) -> told.Message:
        """Claim the open turn and complete it."""
        settled = await self.complete(await self.claim(), content, **fields)
        assert settled.message is not None
        return settled.message

    async def fail(self, turn: told.ClaimedTurn, **fields: object) -> told.TurnSettled:
        request = told.FailTurn(turn_id=turn.turn_id, attempt=turn.attempt, code="model_failed", **fields)
        return await self.ask(bus_map.FAIL_TURN, request)

    async def renew(self, turn: told.ClaimedTurn, agent: str = "agent_a") -> told.LeaseRenewed:
        request = told.RenewLease(turn_id=turn.turn_id, attempt=turn.attempt, agent_id=agent)
        return await self.ask(bus_map.RENEW_LEASE, request)


class Revocations:
    """What agents are told to stop, by the agent's name."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, told.TurnRevoked]] = []

    def of(self, turn: told.ClaimedTurn) -> list[tuple[str, int, bool]]:
        """To whom, of which attempt, and whether its text is wanted, for one turn."""
        return [(key, one.attempt, one.wanted) for key, one in self.heard if one.turn_id == turn.turn_id]

    async def wait_for(self, turn: told.ClaimedTurn, number: int = 1) -> list[tuple[str, int, bool]]:
        async with asyncio.timeout(5):
            while len(self.of(turn)) < number:
                await asyncio.sleep(0.01)
        return self.of(turn)


@asynccontextmanager
async def revocations(bus: NatsBus) -> AsyncIterator[Revocations]:
    """Hear `turn_revoked`, as all agents together do."""
    heard = Revocations()

    async def hear(revoked: told.TurnRevoked, ctx: Context) -> None:
        heard.heard.append((ctx.key, revoked))

    subscription = await bus.listen(bus_map.TURN_REVOKED, hear)
    await bus.ping()
    try:
        yield heard
    finally:
        await subscription.unsubscribe()
