"""A WebSocket's conversation, apart from the socket: what comes in is answered, posted or refused."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from libs.contracts.errors import Conflict, DeskError, RateLimited
from libs.contracts.frames import ClientCancel, ClientFeedback, ClientMessage, ClientPing, ClientTyping, Pong
from libs.contracts.session import MessagePosted, Ticket

from ..domain.client_frames import read_cancel, read_draft, read_frame, read_opinion, read_reply, read_typing
from ..domain.limits import Limits
from ..domain.rates import Patience
from ..domain.requests import Draft, Opinion
from .chat import Chat
from .hub import Hub
from .participant import Participant

WAITING_MESSAGES = 32
_Wish = Draft | Opinion | ClientCancel


class Conversation:
    """What a client says on one socket: a customer's, or an operator's, whose messages are replies.

    What is to be stored is stored one after the other, in the order in which it was sent, by a task that lives only while
    there is something: reading goes on meanwhile, and an idle socket costs none.
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
        self._waiting: list[_Wish] | None = None
        self._posting = False
        self._patience: Patience | None = None
        self._ticket: Ticket | None = None

    def receive(self, data: bytes) -> None:
        """Take a frame; whatever is wrong with it is told, and the conversation goes on."""
        self._participant.spoke()
        try:
            self._follow(data)
        except DeskError as fault:
            self._refuse(fault)

    def _follow(self, data: bytes) -> None:
        match read_frame(data):
            case ClientPing(id=own_id):
                self._participant.send(Pong(id=own_id))
            case ClientTyping() as frame:
                self._hub.typing(self._participant, is_typing=read_typing(frame))
            case ClientFeedback() as frame:
                self._enqueue(read_opinion(frame))
            case ClientCancel() as frame:
                self._enqueue(read_cancel(frame))
            case ClientMessage() as frame:
                read = read_draft if self._participant.operator is None else read_reply
                self._enqueue(read(frame, self._limits))
                self._hub.typing(self._participant, is_typing=False)

    def _enqueue(self, wish: _Wish) -> None:
        if self._waiting is None:
            self._waiting = []
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

    async def _store(self, wish: _Wish) -> None:
        try:
            match wish:
                case Opinion():
                    await self._chat.rate(wish)
                case ClientCancel():
                    await self._cancel(wish)
                case Draft():
                    await self._post(wish)
        except DeskError as fault:
            self._refuse(fault)

    async def _cancel(self, wish: ClientCancel) -> None:
        """Call the answer off; the session's frames tell what becomes of it."""
        told = await self._chat.cancel(self._hub.session_id, wish.turn_id)
        if told.state == "idle":
            raise Conflict("nothing_to_cancel", "No such answer is under way: it is complete, or was called off before")

    async def _post(self, draft: Draft) -> None:
        message = self._chat.prepare(draft)
        self._participant.posting(message.client_message_id, message.message_id)
        session_id, operator = self._hub.session_id, self._participant.operator
        if operator is not None:
            self._participant.posted(await self._chat.reply(session_id, message, operator), self._hub.cursor)
            return
        posted = await self._chat.post(session_id, message, draft.attachment_ids)
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
