"""What the session service needs of the world: a store of conversations, and somebody to tell."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from libs.contracts.session import ClaimTurn, EventRecord, Feedback, GetHistory, ListSessions, Message, Session

from .domain.conversation import Conversation
from .domain.session import SessionState
from .domain.turn import Turn


class Records(Protocol):
    """The store within one transaction. Methods that `lock` hold the session's row until the commit."""

    async def insert_session(self, state: SessionState, idempotency_key: str | None) -> bool:
        """Store a new session; False where its id or its key is taken."""
        ...

    async def session(self, tenant: str, session_id: str) -> SessionState | None:
        """Read a session."""
        ...

    async def session_by_key(self, tenant: str, idempotency_key: str) -> SessionState | None:
        """Read the session that was opened under a key."""
        ...

    async def sessions(self, tenant: str, query: ListSessions) -> tuple[list[SessionState], int]:
        """Read a tenant's sessions, newest first, and their number."""
        ...

    async def lock(self, tenant: str, session_id: str, now: datetime) -> Conversation | None:
        """Load a conversation for a change."""
        ...

    async def lock_by_turn(self, tenant: str, turn_id: str, now: datetime) -> tuple[Conversation, Turn] | None:
        """Load a turn's conversation for a change, and the turn, open or not."""
        ...

    async def lock_claimable(self, now: datetime) -> Conversation | None:
        """Load the conversation whose turn has waited longest for an agent."""
        ...

    async def lock_exhausted(self, now: datetime) -> Conversation | None:
        """Load a conversation whose turn has used up its attempts."""
        ...

    async def lock_by_message(self, tenant: str, message_id: str, now: datetime) -> tuple[Conversation, Message] | None:
        """Load a message's conversation for a change, and the message."""
        ...

    async def lock_idle(self, tenant: str, before: datetime, limit: int, now: datetime) -> list[Conversation]:
        """Load conversations that are not active and have been idle since before a time."""
        ...

    async def set_feedback(self, session_id: str, message_id: str, feedback: Feedback) -> None:
        """Write what a customer thinks of an answer."""
        ...

    async def save(self, conversation: Conversation) -> None:
        """Write all that the conversation has decided, and its events."""
        ...

    async def lease(self, session_id: str, claim: ClaimTurn, seconds: float) -> Turn | None:
        """Take the open turn, if its lease has run out."""
        ...

    async def claimed(self, claim: ClaimTurn) -> tuple[SessionState, Turn] | None:
        """Give session and turn of a claim that was answered before."""
        ...

    async def renew(self, turn_id: str, attempt: int, agent_id: str, seconds: float) -> bool:
        """Keep a lease; False where it is somebody else's."""
        ...

    async def release(self, turn_id: str, *, spared: bool, delay_s: float) -> None:
        """Put a turn back; it can be claimed after a delay."""
        ...

    async def tenants_to_ring(self) -> list[str]:
        """Give the tenants that have a turn without an agent."""
        ...

    async def message_by_client_id(self, session_id: str, client_message_id: str) -> Message | None:
        """Read a message by its client's own id."""
        ...

    async def message_by_id(self, session_id: str, message_id: str) -> Message | None:
        """Read a message."""
        ...

    async def waiting_seqs(self, session_id: str) -> list[int]:
        """Give the `seq` of the messages that no turn has taken up."""
        ...

    async def questions(self, session_id: str, turn_id: str) -> list[Message]:
        """Read the messages that a turn answers, oldest first."""
        ...

    async def before_turn(self, session_id: str, turn_id: str, limit: int) -> list[Message]:
        """Read the last messages that are not the turn's own, oldest first."""
        ...

    async def history(self, session_id: str, query: GetHistory) -> tuple[list[Message], int]:
        """Read a page of messages, and how many there are after `after_seq`."""
        ...

    async def events_after(self, session_id: str, ev_seq: int, limit: int) -> list[EventRecord]:
        """Read events in order."""
        ...

    async def open_turn(self, session_id: str) -> Turn | None:
        """Read the open turn."""
        ...


class Store(Protocol):
    """Where conversations are kept."""

    def begin(self) -> AbstractAsyncContextManager[Records]:
        """Open a transaction: committed at the end, rolled back on an error."""
        ...

    def snapshot(self) -> AbstractAsyncContextManager[Records]:
        """Open a reading of one moment."""
        ...


class Herald(Protocol):
    """Whoever tells the others, after the commit, what has been decided."""

    async def tell(self, conversation: Conversation) -> None:
        """Tell of a conversation's new events, ring for its new turn, wake the relay."""
        ...

    async def ring(self, tenant: str) -> None:
        """Ring for an agent."""
        ...


class Snapshots(Protocol):
    """What was committed of sessions, for reading. Never the truth: it may lack any session at any time."""

    async def current(self, tenant: str, session_id: str) -> Session | None:
        """Give a tenant's session, only where nothing has been committed since it was kept.

        Raises:
            Unavailable: nobody can say whether it is current.
        """
        ...

    def keep(self, state: SessionState) -> None:
        """Keep a session as it was committed; one that is kept already and newer stays."""
        ...
