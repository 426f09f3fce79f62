"""A WebSocket's conversation, apart from the socket: what comes in is answered, posted or refused."""

from collections.abc import Callable, Coroutine
from typing import Any

from libs.contracts.errors import DeskError, RateLimited
from libs.contracts.frames import ClientPing, Pong

from ..domain.client_frames import read_draft, read_frame
from ..domain.requests import Draft
from .chat import Chat
from .hub import Hub
from .participant import Participant

WAITING_MESSAGES = 16


class Conversation:
    """What a client says on one socket.

    Messages are posted one after the other, so that they are stored in the order in which they were sent, by a task
    that lives only while there are some: reading goes on meanwhile, and an idle socket costs none.
    """

    def __init__(
        self, chat: Chat, hub: Hub, participant: Participant, spawn: Callable[[Coroutine[Any, Any, None]], object]
    ) -> None:
        self._chat = chat
        self._hub = hub
        self._participant = participant
        self._spawn = spawn
        self._waiting: list[Draft] = []
        self._posting = False

    def receive(self, data: bytes) -> None:
        """Take a frame; whatever is wrong with it is told, and the conversation goes on."""
        try:
            frame = read_frame(data)
            if isinstance(frame, ClientPing):
                self._participant.send(Pong(id=frame.id))
            else:
                self._enqueue(read_draft(frame))
        except DeskError as fault:
            self._participant.send_error(fault)

    def _enqueue(self, draft: Draft) -> None:
        if len(self._waiting) >= WAITING_MESSAGES:
            raise RateLimited("too_many_messages", "Earlier messages are still being stored; send this one again soon")
        self._waiting.append(draft)
        if not self._posting:
            self._posting = True
            self._spawn(self._post_all())

    async def _post_all(self) -> None:
        try:
            while self._waiting:
                await self._post(self._waiting.pop(0))
        finally:
            self._posting = False

    async def _post(self, draft: Draft) -> None:
        message = self._chat.prepare(draft)
        self._participant.posting(message.client_message_id, message.message_id)
        try:
            posted = await self._chat.post(self._hub.session_id, message)
        except DeskError as fault:
            self._participant.send_error(fault)
            return
        self._hub.await_answer(posted.seq)
        self._participant.posted(posted, self._hub.cursor)
