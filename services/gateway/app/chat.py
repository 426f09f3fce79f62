"""Chat over HTTP: send a message and wait for its answer, or for as long as the client may wait; read the history."""

import asyncio
from collections.abc import Sequence

from msgspec import structs

from libs.contracts import ids
from libs.contracts.attachments import Resolve
from libs.contracts.bus_map import (
    CANCEL_TURN,
    GET_SESSION,
    GIVE_FEEDBACK,
    HISTORY,
    POST_MESSAGE,
    REPLY,
    RESOLVE_ATTACHMENTS,
)
from libs.contracts.errors import DeskError, NotFound
from libs.contracts.operators import Reply
from libs.contracts.session import (
    Cancellation,
    CancelTurn,
    GetHistory,
    GetSession,
    GiveFeedback,
    History,
    Message,
    MessagePosted,
    PostMessage,
    SessionStatus,
    Ticket,
)

from ..domain import limits
from ..domain.replies import Accepted, ChatResponse, HistoryPage, Rated, accepted, answered, handed_over
from ..domain.requests import AT_ONCE, Draft, HistoryQuery, Opinion, go_on
from ..ports import Bus, Clock, Mint
from .hub import Hub
from .hubs import Hubs
from .pace import Pace
from .platform import Statistics
from .settlements import Settlements

LOOK_AGAIN_S = 5.0
_LOOKED_THROUGH = 50
# How a session stands whose answer was called off for this reason.
_STATUS_AFTER: dict[str, SessionStatus] = {"escalated": "escalated", "taken_over": "escalated", "ended": "ended"}


class Chat:
    """Messages and answers. A socket posts through here too, so that every message takes the same way.

    Attributes:
        send_timeout: for how many seconds a request waits for its answer.
        api: what the paths of the API begin with.
    """

    def __init__(
        self, bus: Bus, hubs: Hubs, statistics: Statistics, pace: Pace, *, tenant: str, mint: Mint, now: Clock,
        send_timeout: float, api: str = "/api",
    ) -> None:  # fmt: skip
        self._bus = bus
        self._hubs = hubs
        self._statistics = statistics
        self._pace = pace
        self._tenant = tenant
        self._mint = mint
        self._now = now
        self.send_timeout = send_timeout
        self.api = api
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

    async def post(self, session_id: str, message: PostMessage, attachment_ids: Sequence[str] = ()) -> MessagePosted:
        """Have a message stored, with the uploads that it names.

        Raises:
            TooFast: the session's messages come too fast.
            DeskError: it is not stored, or nobody knows; the same `client_message_id` may be sent again.
        """
        await self._pace.keep(session_id)
        if attachment_ids:
            asked = Resolve(list(attachment_ids))
            found = await self._bus.call(RESOLVE_ATTACHMENTS, asked, tenant=self._tenant, key=session_id)
            message = structs.replace(message, attachments=found.attachments)
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
            return self._accepted(session_id, await self.post(session_id, self.prepare(draft), draft.attachment_ids))
        deadline = asyncio.get_running_loop().time() + self.send_timeout
        async with self._hubs.joined(session_id) as hub:
            with hub.watching() as settlements:
                posted = await self.post(session_id, self.prepare(draft), draft.attachment_ids)
                hub.await_answer(posted.seq)
                return await self._answer(hub, posted, settlements, deadline)

    async def reply(self, session_id: str, message: PostMessage, operator: str) -> MessagePosted:
        """Have an operator's message stored.

        Raises:
            Conflict: `not_in_control`; another operator is in charge, or nobody.
            DeskError: it is not stored, or nobody knows; the same `client_message_id` may be sent again.
        """
        asked = Reply(
            message_id=message.message_id, client_message_id=message.client_message_id, content=message.content,
            operator=operator,
        )  # fmt: skip
        try:
            return await self._bus.call(REPLY, asked, tenant=self._tenant, key=session_id)
        except NotFound as fault:
            raise limits.advise(fault) from fault

    async def cancel(self, session_id: str, turn_id: str | None) -> Cancellation:
        """Call off the running answer, only the one that is named where one is; what becomes of it is not awaited.

        Raises:
            NotFound: `turn_not_found`; this session has no such answer.
        """
        try:
            return await self._bus.call(CANCEL_TURN, CancelTurn(turn_id=turn_id), tenant=self._tenant, key=session_id)
        except NotFound as fault:
            raise limits.advise(fault) from fault

    async def rate(self, opinion: Opinion) -> Rated:
        """Store what a customer thinks of an answer; the last word counts.

        Raises:
            NotFound: `message_not_found`.
        """
        asked = GiveFeedback(message_id=opinion.message_id, feedback=opinion.feedback)
        message = await self._bus.call(GIVE_FEEDBACK, asked, tenant=self._tenant, key=opinion.message_id)
        feedback = message.feedback or opinion.feedback
        return Rated(message_id=message.id, rating=feedback.rating, comment=feedback.comment)

    async def ticket(self, session_id: str) -> Ticket | None:
        """Give the session's open ticket; None where there is none, or it cannot be read now."""
        try:
            session = await self._bus.call(GET_SESSION, GetSession(), tenant=self._tenant, key=session_id)
        except DeskError:
            # What the customer asked for is done: that it cannot be told of in full is no reason to fail it.
            return None
        return session.escalation

    async def history(self, session_id: str, query: HistoryQuery) -> HistoryPage:
        """Give some of a session's messages."""
        session_id = limits.check_session_id(session_id)
        asked = GetHistory(
            limit=min(query.limit, AT_ONCE), offset=query.offset, order=query.order, after_seq=query.after_seq,
            before_seq=query.before_seq,
        )  # fmt: skip
        page = await self._history(session_id, asked)
        messages, total = page.messages, page.total
        while page.messages and (missing := min(query.limit, total - query.offset) - len(messages)) > 0:
            page = await self._history(session_id, go_on(asked, messages[-1].seq, missing))
            messages += page.messages
        return HistoryPage(messages=messages, total=total, session_id=session_id)

    # --- waiting for an answer

    async def _answer(
        self, hub: Hub, posted: MessagePosted, settlements: Settlements, deadline: float
    ) -> ChatResponse | Accepted:
        clock = asyncio.get_running_loop().time
        session_id = hub.session_id
        look, status = posted.duplicate, posted.status
        while True:
            if look and (answer := (await self.answer_to(session_id, posted))[1]):
                return answered(session_id, answer)
            if status == "escalated":
                return await self._handed_over(session_id, posted)
            if status == "ended":
                raise limits.session_ended()
            remaining = deadline - clock()
            if remaining <= 0 or self._hurried:
                return self._accepted(session_id, posted)
            settled = await settlements.covering(posted.seq, min(remaining, LOOK_AGAIN_S))
            if settled is None:
                look, status = True, hub.status
            elif settled.message is not None:
                return answered(session_id, settled.message)
            else:
                # Who may speak changed: the event that says so comes behind this one.
                look, status = True, _STATUS_AFTER.get(settled.reason, hub.status)
                if status == "active":
                    return self._accepted(session_id, posted)

    async def _handed_over(self, session_id: str, posted: MessagePosted) -> ChatResponse:
        return handed_over(session_id, posted, await self.ticket(session_id), self._now())

    def _accepted(self, session_id: str, posted: MessagePosted) -> Accepted:
        return accepted(session_id, posted, self.api)

    async def answer_to(self, session_id: str, posted: MessagePosted) -> tuple[str | None, Message | None]:
        """Look in the history for the turn that took a message up, and its answer; None for what is not there yet."""
        page = await self._history(session_id, GetHistory(after_seq=posted.seq - 1, limit=_LOOKED_THROUGH))
        turn_id = next((message.turn_id for message in page.messages if message.seq == posted.seq), None)
        answers = (each for each in page.messages if each.role == "assistant" and each.turn_id == turn_id)
        return turn_id, None if turn_id is None else next(answers, None)

    async def _history(self, session_id: str, asked: GetHistory) -> History:
        try:
            return await self._bus.call(HISTORY, asked, tenant=self._tenant, key=session_id)
        except NotFound as fault:
            raise limits.advise(fault) from fault
