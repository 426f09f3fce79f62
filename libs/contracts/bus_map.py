"""Every message that crosses a process boundary, on one screen."""

from .agent import AskSnapshot, Snapshot, TurnFrame
from .channels import Event, Live, Rpc
from .health import AskHealth, HealthReport
from .knowledge import Search, SearchResult
from .session import (
    ClaimReply,
    ClaimTurn,
    CompleteTurn,
    EventRecord,
    EventsAfter,
    EventsPage,
    FailTurn,
    GetHistory,
    GetSession,
    History,
    LeaseRenewed,
    ListSessions,
    MessageAdded,
    MessagePosted,
    OpenSession,
    OutboxReady,
    PostMessage,
    RenewLease,
    Session,
    SessionOpened,
    SessionPage,
    SessionStatusChanged,
    SetStatus,
    TurnCancelled,
    TurnCompleted,
    TurnFailed,
    TurnReady,
    TurnSettled,
    TurnStarted,
)  # fmt: skip

# --- session: asked by the gateway (key: the session)
OPEN_SESSION = Rpc("session", "open_session", OpenSession, Session)
GET_SESSION = Rpc("session", "get_session", GetSession, Session)
LIST_SESSIONS = Rpc("session", "list_sessions", ListSessions, SessionPage)
SET_STATUS = Rpc("session", "set_status", SetStatus, Session)
POST_MESSAGE = Rpc("session", "post_message", PostMessage, MessagePosted)
HISTORY = Rpc("session", "history", GetHistory, History)
EVENTS_AFTER = Rpc("session", "events_after", EventsAfter, EventsPage, quiet=True)

# --- session: asked by agents (claim: no key; the others: the session)
CLAIM_TURN = Rpc("session", "claim_turn", ClaimTurn, ClaimReply, quiet=True)
RENEW_LEASE = Rpc("session", "renew_lease", RenewLease, LeaseRenewed, timeout=3.0, quiet=True)
COMPLETE_TURN = Rpc("session", "complete_turn", CompleteTurn, TurnSettled, timeout=10.0)
FAIL_TURN = Rpc("session", "fail_turn", FailTurn, TurnSettled)

# --- session: events (key: the session), from its event log
SESSION_OPENED = Event("session", "session_opened", SessionOpened)
SESSION_STATUS_CHANGED = Event("session", "session_status_changed", SessionStatusChanged)
MESSAGE_ADDED = Event("session", "message_added", MessageAdded)
TURN_STARTED = Event("session", "turn_started", TurnStarted)
TURN_COMPLETED = Event("session", "turn_completed", TurnCompleted)
TURN_FAILED = Event("session", "turn_failed", TurnFailed)
TURN_CANCELLED = Event("session", "turn_cancelled", TurnCancelled)

# --- session: live
SESSION_EVENT = Live("session", "event", EventRecord)  # each committed event, for the sockets of its session
TURN_READY = Live("session", "turn_ready", TurnReady)  # doorbell, one idle agent hears it
OUTBOX_READY = Live("session", "outbox_ready", OutboxReady)  # doorbell, every replica's relay hears it

# --- agent (key: the agent's instance; live: the session)
SNAPSHOT = Rpc("agent", "snapshot", AskSnapshot, Snapshot, timeout=1.0, quiet=True)
TURN_FRAME = Live("agent", "frame", TurnFrame)

# --- knowledge
SEARCH = Rpc("knowledge", "search", Search, SearchResult)

# --- how are you
SESSION_HEALTH = Rpc("session", "health", AskHealth, HealthReport, timeout=2.0, quiet=True)
AGENT_HEALTH = Rpc("agent", "health", AskHealth, HealthReport, timeout=2.0, quiet=True)
KNOWLEDGE_HEALTH = Rpc("knowledge", "health", AskHealth, HealthReport, timeout=2.0, quiet=True)
ATTACHMENTS_HEALTH = Rpc("attachments", "health", AskHealth, HealthReport, timeout=2.0, quiet=True)
