"""Calling off a running answer, and learning how far it came."""

from libs.contracts.errors import DeskError
from libs.contracts.session import Message, TurnCancelled

from ..domain.limits import check_session_id, check_turn_id
from ..domain.replies import CancelReply
from ..domain.requests import CancelOrder, HistoryQuery
from .chat import Chat
from .hubs import Hubs

# The agent has a second to say how far it came; whoever asked wants to see that.
WAIT_S = 2.0
_LOOKED_THROUGH = 20


class Cancellation:
    """Cancels over HTTP: the answer says what is stored."""

    def __init__(self, chat: Chat, hubs: Hubs) -> None:
        self._chat = chat
        self._hubs = hubs

    async def cancel(self, session_id: str, order: CancelOrder) -> CancelReply:
        """Call off the session's running answer, or only the one that is named; wait a little for it to be stored.

        Raises:
            NotFound: `session_not_found`, or `turn_not_found` where no answer of this session has that id.
        """
        session_id = check_session_id(session_id)
        turn_id = check_turn_id(order.turn_id)
        async with self._hubs.joined(session_id) as hub:
            with hub.watching() as settlements:
                told = await self._chat.cancel(session_id, turn_id)
                if told.state == "idle" or told.turn_id is None:
                    return CancelReply(session_id=session_id, turn_id=told.turn_id, status=told.state)
                settled = await settlements.of_turn(told.turn_id, WAIT_S)
        if settled is None:
            return await self._unseen(session_id, told.turn_id, sealed=told.state == "cancelled")
        # A wish for a person is honoured even in an answer that was called off: that one is complete.
        status = "cancelled" if isinstance(settled, TurnCancelled) else "idle"
        return CancelReply(session_id=session_id, turn_id=told.turn_id, status=status, message=settled.message)

    async def _unseen(self, session_id: str, turn_id: str, *, sealed: bool) -> CancelReply:
        """Look in the history where the news of the turn's end did not come."""
        message = await self._stored(session_id, turn_id)
        if message is None:
            return CancelReply(session_id=session_id, turn_id=turn_id, status="cancelled" if sealed else "cancelling")
        status = "cancelled" if message.status == "cancelled" else "idle"
        return CancelReply(session_id=session_id, turn_id=turn_id, status=status, message=message)

    async def _stored(self, session_id: str, turn_id: str) -> Message | None:
        try:
            page = await self._chat.history(session_id, HistoryQuery(order="desc", limit=_LOOKED_THROUGH))
        except DeskError:
            # What was asked for is done or under way: that it cannot be told of in full is no reason to fail it.
            return None
        answers = (each for each in page.messages if each.role == "assistant" and each.turn_id == turn_id)
        return next(answers, None)
