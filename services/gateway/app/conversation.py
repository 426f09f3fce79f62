"""A WebSocket's conversation, apart from the socket: what comes in is answered, posted or refused."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from libs.contracts.errors import DeskError, RateLimited
from libs.contracts.frames import ClientFeedback, ClientPing, Pong
from libs.contracts.session import MessagePosted, Ticket

from ..domain.client_frames import read_draft, read_frame, read_opinion
from ..domain.limits import Limits
from ..domain.rates import Patience
from ..domain.requests import Draft, Opinion
from .chat import Chat
from .hub import Hub
from .participant import Participant

WAITING_MESSAGES = 32


class Conversation:
    """What a client says on one socket.

    Messages and ratings are stored one after the other, so that they are stored in the order in which they were sent, by a task
    that lives only while there are some: reading goes on meanwhile, and an idle socket costs none.
    """

    __slots__ = ("_chat", "_hub", "_limits", "_participant", "_patience", "_posting", "_spawn", "_ticket", "_waiting")

    def __init__(
        self, chat: Chat, hub: Hub, participant: Participant, spawn: Callable[[Coroutine[Any, Any, None]], object],
        limits: Limits,
    ) -> None:  # fmt: skip
        self._chat = chat
        self._hub = hub
        self._participant = participant
        self._spawn = spawn
        self._limits = limits
        self._waiting: list[Draft | Opinion] = []
        self._posting = False
        self._patience: Patience | None = None
        self._ticket: Ticket | None = None

    def receive(self, data: bytes) -> None:
        """Take a frame; whatever is wrong with it is told, and the conversation goes on."""
        try:
            frame = read_frame(data)
            if isinstance(frame, ClientPing):
                self._participant.send(Pong(id=frame.id))
            else:
                opinion = isinstance(frame, ClientFeedback)
                self._enqueue(read_opinion(frame) if opinion else read_draft(frame, self._limits))
        except DeskError as fault:
            self._refuse(fault)

    def _enqueue(self, wish: Draft | Opinion) -> None:
        if len(self._waiting) >= WAITING_MESSAGES:
            raise RateLimited("too_many_messages", "Earlier messages are still being stored; send this one again soon")
        self._waiting.append(wish)
        if not self._posting:
            self._posting = True
            self._spawn(self._store_all())

    def _refuse(self, fault: DeskError) -> None:
        """Tell what is wrong; whoever goes on and on asking for too much is let go."""
        if isinstance(fault, RateLimited):
            self._patience = self._patience or Patience()
            if self._patience.is_lost(asyncio.get_running_loop().time()):
                self._participant.dismiss(fault)
                return
        self._participant.send_error(fault)

    async def _store_all(self) -> None:
        try:
            while self._waiting:
                await self._store(self._waiting.pop(0))
        finally:
            self._posting = False

    async def _store(self, wish: Draft | Opinion) -> None:
        try:
            if isinstance(wish, Opinion):
                await self._chat.rate(wish)
            else:
                await self._post(wish)
        except DeskError as fault:
            self._refuse(fault)

    async def _post(self, draft: Draft) -> None:
        message = self._chat.prepare(draft)
        self._participant.posting(message.client_message_id, message.message_id)
        posted = await self._chat.post(self._hub.session_id, message, draft.attachment_ids)
        self._hub.await_answer(posted.seq)
        self._participant.posted(posted, self._hub.cursor)
        if posted.status == "escalated":
            await self._tell_of_ticket(posted)

    async def _tell_of_ticket(self, posted: MessagePosted) -> None:
        """Say that a person will answer, and under which ticket."""
        if self._ticket is None or self._ticket.ticket_id != posted.ticket_id:
            self._ticket = await self._chat.ticket(self._hub.session_id)
        if self._ticket is not None:
            self._participant.send_ticket(self._ticket, self._hub.cursor)
