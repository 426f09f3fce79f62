"""A message that is sent over HTTP and whose answer is followed while it is written."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.contracts.errors import TimedOut
from libs.contracts.session import MessagePosted

from ..domain.limits import check_session_id, session_ended
from ..domain.replies import accepted
from ..domain.requests import Draft
from ..domain.retold import retold
from ..ports import Clock, Mint, Outlet
from .chat import Chat
from .hub import Hub
from .hubs import Hubs
from .live_reply import LiveReply
from .participant import Participant


class Answering:
    """One message that is posted, and what answers it.

    Attributes:
        participant: the client, as a listener of its session.
    """

    def __init__(
        self, chat: Chat, hub: Hub, participant: Participant, reply: LiveReply, *, posted: MessagePosted, until: float
    ) -> None:
        self.participant = participant
        self._chat = chat
        self._hub = hub
        self._reply = reply
        self._posted = posted
        self._until = until

    def lead_to(self, outlet: Outlet) -> None:
        """Give the client what has come so far, and from now on what comes."""
        self._reply.lead_to(outlet)

    async def run(self) -> None:
        """Follow the answer to its end, to the word that a person will give it, or to the time-out.

        Raises:
            DeskError: what is stored cannot be looked at.
        """
        if self._posted.duplicate:
            await self._recall()
        status = self._posted.status
        while not self._reply.is_complete:
            if status == "escalated":
                return await self._tell_of_ticket()
            if status == "ended":
                return self.participant.dismiss(session_ended())
            if not await self._reply.news(self._until - asyncio.get_running_loop().time()):
                return self._give_up()
            status = self._reply.status or status
        return None

    async def _recall(self) -> None:
        """Find out what has become of a message that was sent before."""
        turn_id, answer = await self._chat.answer_to(self._hub.session_id, self._posted)
        if answer is None:
            self._reply.decide(turn_id)
            return
        self._reply.retell(answer.turn_id or "")
        for frame in retold(answer, self._hub.cursor):
            self.participant.send(frame)

    async def _tell_of_ticket(self) -> None:
        ticket = await self._chat.ticket(self._hub.session_id)
        if ticket is not None:
            self.participant.send_ticket(ticket, self._hub.cursor)

    def _give_up(self) -> None:
        where = accepted(self._hub.session_id, self._posted, self._chat.api).links["messages"]
        self.participant.send_error(
            TimedOut("timed_out", f"The answer takes longer than a request may; it will be in the history: {where}")
        )


class Answerings:
    """Posts messages whose answers are followed."""

    def __init__(self, chat: Chat, hubs: Hubs, *, mint: Mint, now: Clock) -> None:
        self._chat = chat
        self._hubs = hubs
        self._mint = mint
        self._now = now

    @asynccontextmanager
    async def posted(self, session_id: str, draft: Draft) -> AsyncIterator[Answering]:
        """Post a message, and listen to its session for as long as its answer is followed.

        Raises:
            DeskError: it is not stored, or nobody knows; the same `client_message_id` may be sent again.
        """
        session_id = check_session_id(session_id)
        until = asyncio.get_running_loop().time() + self._chat.send_timeout
        async with self._hubs.joined(session_id) as hub:
            with hub.watching() as settlements:
                reply = LiveReply(settlements)
                participant = Participant(reply, self._mint("client"), self._now)
                await hub.join(participant, None)
                try:
                    posted = await self._post(hub, participant, draft)
                    yield Answering(self._chat, hub, participant, reply, posted=posted, until=until)
                finally:
                    hub.leave(participant)

    async def _post(self, hub: Hub, participant: Participant, draft: Draft) -> MessagePosted:
        message = self._chat.prepare(draft)
        participant.posting(message.client_message_id, message.message_id)
        posted = await self._chat.post(hub.session_id, message, draft.attachment_ids)
        hub.await_answer(posted.seq)
        participant.posted(posted, hub.cursor)
        return posted
