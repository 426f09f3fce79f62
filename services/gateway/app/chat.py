"""Chat over HTTP: send a message and wait for its answer, or for as long as the client may wait; read the history."""

import asyncio

from libs.contracts import ids
from libs.contracts.bus_map import HISTORY, POST_MESSAGE
from libs.contracts.errors import NotFound
from libs.contracts.session import GetHistory, History, Message, MessagePosted, PostMessage, TurnCancelled

from ..domain import limits
from ..domain.replies import Accepted, ChatResponse, HistoryPage, accepted, answered, handed_over
from ..domain.requests import Draft, HistoryQuery
from ..ports import Bus, Clock, Mint
from .hub import Hub
from .hubs import Hubs
from .platform import Statistics
from .settlements import Settlements

LOOK_AGAIN_S = 5.0
_LOOKED_THROUGH = 50


class Chat:
    """Messages and answers. A socket posts through here too, so that every message takes the same way."""

    def __init__(
        self, bus: Bus, hubs: Hubs, statistics: Statistics, *, tenant: str, mint: Mint, now: Clock, send_timeout: float
    ) -> None:
        self._bus = bus
        self._hubs = hubs
        self._statistics = statistics
        self._tenant = tenant
        self._mint = mint
        self._now = now
        self._send_timeout = send_timeout
        self._hurried = False

    def hurry(self) -> None:
        """Let nobody wait for an answer any longer: what is accepted goes on without this process."""
        self._hurried = True

    def prepare(self, draft: Draft) -> PostMessage:
        """Give a message its ids; the client's own one where it gave one."""
        return PostMessage(
            message_id=self._mint(ids.MESSAGE),
            client_message_id=draft.client_message_id or self._mint(ids.MESSAGE),
            content=draft.content,
        )

    async def post(self, session_id: str, message: PostMessage) -> MessagePosted:
        """Have a message stored.

        Raises:
            DeskError: it is not, or nobody knows; the same `client_message_id` may be sent again.
        """
        try:
            posted = await self._bus.call(POST_MESSAGE, message, tenant=self._tenant, key=session_id)
        except NotFound as fault:
            raise limits.advise(fault) from fault
        self._statistics.messages += 0 if posted.duplicate else 1
        return posted

    async def send(self, session_id: str, draft: Draft, *, wait: bool) -> ChatResponse | Accepted:
        """Post a message; give its answer, or at the deadline (or at once, without `wait`) the acknowledgement."""
        session_id = limits.check_session_id(session_id)
        if not wait:
            return accepted(session_id, await self.post(session_id, self.prepare(draft)))
        deadline = asyncio.get_running_loop().time() + self._send_timeout
        async with self._hubs.joined(session_id) as hub:
            with hub.watching() as settlements:
                posted = await self.post(session_id, self.prepare(draft))
                hub.await_answer(posted.seq)
                return await self._answer(hub, posted, settlements, deadline)

    async def history(self, session_id: str, query: HistoryQuery) -> HistoryPage:
        """Give some of a session's messages."""
        session_id = limits.check_session_id(session_id)
        asked = GetHistory(limit=query.limit, offset=query.offset, order=query.order, after_seq=query.after_seq)
        page = await self._history(session_id, asked)
        return HistoryPage(messages=page.messages, total=page.total, session_id=session_id)

    # --- waiting for an answer

    async def _answer(
        self, hub: Hub, posted: MessagePosted, settlements: Settlements, deadline: float
    ) -> ChatResponse | Accepted:
        clock = asyncio.get_running_loop().time
        session_id = hub.session_id
        look, status = posted.duplicate, posted.status
        while True:
            if look and (answer := await self._stored_answer(session_id, posted)):
                return answered(session_id, answer)
            if status == "escalated":
                return handed_over(session_id, posted, self._now())
            remaining = deadline - clock()
            if remaining <= 0 or self._hurried:
                return accepted(session_id, posted)
            settled = await settlements.covering(posted.seq, min(remaining, LOOK_AGAIN_S))
            if isinstance(settled, TurnCancelled):
                return self._called_off(hub, posted, settled)
            if settled is not None:
                return answered(session_id, settled.message)
            look, status = True, hub.status

    def _called_off(self, hub: Hub, posted: MessagePosted, turn: TurnCancelled) -> ChatResponse | Accepted:
        if "escalated" in (hub.status, turn.reason):
            return handed_over(hub.session_id, posted, self._now())
        return accepted(hub.session_id, posted)

    async def _stored_answer(self, session_id: str, posted: MessagePosted) -> Message | None:
        """Look in the history for the answer of the turn that took the message up."""
        page = await self._history(session_id, GetHistory(after_seq=posted.seq - 1, limit=_LOOKED_THROUGH))
        turn_id = next((message.turn_id for message in page.messages if message.seq == posted.seq), None)
        if turn_id is None:
            return None
        answers = (each for each in page.messages if each.role == "assistant" and each.turn_id == turn_id)
        return next(answers, None)

    async def _history(self, session_id: str, asked: GetHistory) -> History:
        try:
            return await self._bus.call(HISTORY, asked, tenant=self._tenant, key=session_id)
        except NotFound as fault:
            raise limits.advise(fault) from fault
