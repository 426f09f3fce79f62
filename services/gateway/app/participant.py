"""One client that listens to a session: where its frames go, and which messages are its own."""

import asyncio
from typing import Protocol

from libs.contracts.channels import encode
from libs.contracts.errors import DeskError
from libs.contracts.frames import Acknowledged, Error, Frame, MessageAddedFrame
from libs.contracts.gateway import ClientRole
from libs.contracts.session import MessagePosted, Ticket

from ..domain.keystrokes import Keystrokes
from ..domain.projection import escalation
from ..ports import Clock, Outlet

PROTOCOL = "deskbus.v1"
_REMEMBERED_MESSAGES = 64


class Listened(Protocol):
    """What somebody listens to."""

    @property
    def told_at(self) -> float:
        """When all who listen were last told something, in the loop's seconds."""
        ...

    def resume(self, participant: "Participant", missed_seq: int | None) -> None:
        """Lead a listener on whose frames were dropped."""
        ...


class Participant:
    """A listener of a hub.

    A message that it sends is acknowledged once, by whichever comes first: the answer of the session service, or the
    event that tells of the message. Events come in order, so `acknowledged` always precedes `start`.

    Attributes:
        operator: the name of the operator at this client's end; None where it is a customer.
        since: when it came.
        keystrokes: what it has told of its writing, if anything.
        dropped: where frames were dropped before it began to listen.
    """

    __slots__ = (
        "_active_at", "_listened", "_minted", "_now", "_outlet", "_unacknowledged", "client_id", "dropped", "keystrokes",
        "operator", "since",
    )  # fmt: skip

    def __init__(self, outlet: Outlet, client_id: str, now: Clock, operator: str | None = None) -> None:
        self.client_id = client_id
        self.operator = operator
        self.since = now()
        self.keystrokes: Keystrokes | None = None
        self.dropped = False
        self._outlet = outlet
        self._now = now
        self._minted: dict[str, str] | None = None
        self._unacknowledged: set[str] | None = None
        self._listened: Listened | None = None
        self._active_at = asyncio.get_running_loop().time()
        outlet.on_dropped = self._resume

    @property
    def role(self) -> ClientRole:
        """Whose end this is."""
        return "user" if self.operator is None else "operator"

    @property
    def quiet_since(self) -> float:
        """When it last said something, or was told something, in the loop's seconds."""
        return self._active_at if self._listened is None else max(self._active_at, self._listened.told_at)

    def listen(self, listened: Listened | None) -> None:
        """Begin to listen, or cease."""
        self._listened = listened

    def spoke(self) -> None:
        """Note that its client has said something."""
        self._active_at = asyncio.get_running_loop().time()

    def send(self, frame: Frame) -> None:
        """Send a frame to this client alone."""
        frame.timestamp = self._now()
        self._active_at = asyncio.get_running_loop().time()
        self._outlet.offer(encode(frame), frame)

    def send_error(self, fault: DeskError) -> None:
        """Tell this client what went wrong."""
        self.send(Error(code=fault.code, message=fault.detail, retryable=fault.retryable))

    def dismiss(self, fault: DeskError) -> None:
        """Tell this client why the conversation is over for it, and close its connection."""
        self.send_error(fault)
        self._outlet.dismiss(fault.code)

    def send_ticket(self, ticket: Ticket, cursor: str) -> None:
        """Tell this client that a person is in charge already."""
        frame = escalation(ticket)
        frame.cursor = cursor
        self.send(frame)

    def hear(self, frame: Frame, data: bytes) -> None:
        """Pass on a frame for all, already encoded; one that tells of the client's own message becomes its receipt."""
        if self._minted and isinstance(frame, MessageAddedFrame) and frame.message.client_message_id in self._minted:
            self._recognise(frame)
        else:
            self._outlet.offer(data, frame)

    async def flush(self) -> None:
        """Wait until what was sent has left, or the client is gone."""
        await self._outlet.flush()

    def _resume(self, missed_seq: int | None) -> None:
        """Go on after frames were dropped; what was shown before listening began is then not whole."""
        if self._listened is None:
            self.dropped = True
        else:
            self._listened.resume(self, missed_seq)

    # --- its own messages

    def posting(self, client_message_id: str, message_id: str) -> None:
        """Remember a message that is about to be posted, so that its event is recognised."""
        self._minted, self._unacknowledged = self._minted or {}, self._unacknowledged or set()
        while len(self._minted) >= _REMEMBERED_MESSAGES:
            oldest = next(iter(self._minted))
            self._unacknowledged.discard(oldest)
            del self._minted[oldest]
        self._minted[client_message_id] = message_id
        self._unacknowledged.add(client_message_id)

    def posted(self, reply: MessagePosted, cursor: str) -> None:
        """Acknowledge a message by the session service's answer, unless its event came first."""
        self._acknowledge(reply.client_message_id, reply.message_id, reply.seq, cursor)

    def _recognise(self, frame: MessageAddedFrame) -> None:
        message = frame.message
        if message.client_message_id is not None:
            cursor = frame.cursor if isinstance(frame.cursor, str) else ""
            self._acknowledge(message.client_message_id, message.id, message.seq, cursor)

    def _acknowledge(self, client_message_id: str, message_id: str, seq: int, cursor: str) -> None:
        if not self._minted or not self._unacknowledged or client_message_id not in self._unacknowledged:
            return
        self._unacknowledged.discard(client_message_id)
        # A message stored under another id than the one that was minted for it was there before.
        duplicate = self._minted.get(client_message_id) != message_id
        self.send(
            Acknowledged(
                message_id=message_id,
                seq=seq,
                client_message_id=client_message_id,
                duplicate=duplicate,
                cursor=cursor,
            )
        )
