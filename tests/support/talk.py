"""One session, asked over the bus as the gateway and an agent ask."""

import asyncio

from libs.contracts import bus_map
from libs.contracts import session as told
from libs.runtime.ids import mint
from libs.runtime.nats import NatsBus

TENANT = "tenant_of_tests"


class Talk:
    """One session, and what is done with it."""

    def __init__(self, bus: NatsBus) -> None:
        self.bus = bus
        self.id = mint("sess")

    async def open(self, **fields: object) -> told.Session:
        request = told.OpenSession(session_id=self.id, thread_id=mint("thread"), **fields)
        return await self.bus.call(bus_map.OPEN_SESSION, request, tenant=TENANT, key=self.id)

    async def post(self, content: str, client_id: str | None = None) -> told.MessagePosted:
        request = told.PostMessage(
            message_id=mint("msg"), client_message_id=client_id or mint("client"), content=content
        )
        return await self.bus.call(bus_map.POST_MESSAGE, request, tenant=TENANT, key=self.id)

    async def events(self, after: int = 0) -> told.EventsPage:
        return await self.bus.call(bus_map.EVENTS_AFTER, told.EventsAfter(ev_seq=after), tenant=TENANT, key=self.id)

    async def history(self, **fields: object) -> told.History:
        return await self.bus.call(bus_map.HISTORY, told.GetHistory(**fields), tenant=TENANT, key=self.id)

    async def claim(self, agent: str = "agent_a", claim_id: str | None = None) -> told.ClaimedTurn:
        """Claim this session's turn; turns of other tests that come first are put back to be answered by nobody."""
        for _ in range(200):
            request = told.ClaimTurn(agent_id=agent, claim_id=claim_id or mint("claim"))
            reply = await self.bus.call(bus_map.CLAIM_TURN, request, tenant=TENANT)
            if reply.turn and reply.turn.session_id == self.id:
                return reply.turn
            await asyncio.sleep(0.02)
        raise AssertionError("the turn could not be claimed")

    async def complete(self, turn: told.ClaimedTurn, content: str = "an answer", **fields: object) -> told.TurnSettled:
        values = {"attempt": turn.attempt, "epoch": turn.epoch, "message_id": mint("msg"), **fields}
        request = told.CompleteTurn(turn_id=turn.turn_id, answer=told.Answer(content=content), **values)
        return await self.bus.call(bus_map.COMPLETE_TURN, request, tenant=TENANT, key=self.id)

    async def fail(self, turn: told.ClaimedTurn, **fields: object) -> told.TurnSettled:
        request = told.FailTurn(turn_id=turn.turn_id, attempt=turn.attempt, code="model_failed", **fields)
        return await self.bus.call(bus_map.FAIL_TURN, request, tenant=TENANT, key=self.id)
