"""What the session service needs of the world: a store of conversations, somebody to tell, and a clock that calls."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from libs.contracts.operators import ListTickets, Note
from libs.contracts.session import ClaimTurn, EventRecord, Feedback, GetHistory, ListSessions, Message, Session, Ticket

from .domain.conversation import Conversation
from .domain.hand_over import HandOver
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

    async def sessions(self, tenant: str, query: ListSessions) -> tuple[list[SessionState], int, bool]:
        """Read a tenant's sessions, newest first, their number, and whether more come after these."""
        ...

    async def lock(self, tenant: str, session_id: str, now: datetime) -> Conversation | None:
        """Load a conversation for a change."""
        ...

    async def lock_by_turn(self, tenant: str, turn_id: str, now: datetime) -> tuple[Conversation, Turn] | None:
        """Load a turn's conversation for a change, and the turn, open or not."""
        ...

    async def lock_claimable(self, now: datetime) -> Conversation | None:
        """Load the conversation whose turn has waited longest for an agent; `lease` gives the turn."""
        ...

    async def lock_sealable(self, now: datetime) -> Conversation | None:
        """Load a conversation whose turn nobody is going to answer: it may have changed before it was locked."""
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

    async def question_of(self, session_id: str, turn_id: str) -> str:
        """Give what a turn has answered, at most 2,000 characters."""
        ...

    async def save(self, conversation: Conversation) -> None:
        """Write all that the conversation has decided, and its events."""
        ...

    async def lease(self, session_id: str, claim: ClaimTurn) -> Turn | None:
        """Take the open turn, if its lease has run out."""
        ...

    async def claimed(self, claim: ClaimTurn) -> tuple[SessionState, Turn] | None:
        """Give session and turn of a claim that was answered before."""
        ...

    async def renew(self, turn_id: str, attempt: int, agent_id: str) -> bool:
        """Keep a lease; False where it is somebody else's, or the turn is past its deadline."""
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

    async def waiting_seqs(self, session_id: str, *, allowed_only: bool = False) -> list[int]:
        """Give the `seq` of the messages that no turn has taken up, or only of actions that a colleague has allowed."""
        ...

    async def for_turn(self, session_id: str, turn_id: str, limit: int) -> tuple[list[Message], list[Message]]:
        """Read the messages that a turn answers, and the last others that are not waiting; oldest first."""
        ...

    async def for_hand_over(self, session_id: str) -> list[Message]:
        """Read the first question and the last messages, oldest first."""
        ...

    async def history(self, session_id: str, query: GetHistory) -> tuple[list[Message], int]:
        """Read a page of messages, and how many there are between `after_seq` and `before_seq`."""
        ...

    async def events_after(self, session_id: str, ev_seq: int, limit: int) -> list[EventRecord]:
        """Read events in order."""
        ...

    async def open_turn(self, session_id: str) -> Turn | None:
        """Read the open turn."""
        ...

    async def has_turn(self, session_id: str, turn_id: str) -> bool:
        """Say whether a turn is the session's, open or not."""
        ...

    async def ticket(self, tenant: str, ticket_id: str) -> HandOver | None:
        """Read a hand-over."""
        ...

    async def tickets(self, tenant: str, query: ListTickets) -> tuple[list[Ticket], int, bool]:
        """Read tickets in the queue's order, how many there are in all, and whether more come after these."""
        ...

    async def note(self, session_id: str, note_id: str) -> Note | None:
        """Read a note."""
        ...

    async def notes(self, session_id: str, after: str | None, limit: int) -> list[Note]:
        """Read a session's notes after the one with an id, oldest first."""
        ...

    async def last_notes(self, session_id: str, limit: int) -> list[Note]:
        """Read a session's last notes, oldest first."""
        ...

    async def insert_note(self, session_id: str, note: Note) -> None:
        """Store a note."""
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
        """Stop an agent that may not go on, tell of the new events, ring for the new turn, wake the relay."""
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


class Timers(Protocol):
    """What this process does later, if it still lives then; whatever must happen has a sweeper as well."""

    def after(self, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        """Do something in so many seconds."""
        ...
