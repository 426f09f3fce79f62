"""Every message that crosses a process boundary, on one screen."""

from . import agent, attachments, documents, gateway, health, knowledge, operators, session
from .channels import Event, Live, Rpc

# --- session: asked by the gateway (key: the session)
OPEN_SESSION = Rpc("session", "open_session", session.OpenSession, session.Session)
GET_SESSION = Rpc("session", "get_session", session.GetSession, session.Session)
LIST_SESSIONS = Rpc("session", "list_sessions", session.ListSessions, session.SessionPage)
SET_STATUS = Rpc("session", "set_status", session.SetStatus, session.Session)
DELETE_SESSION = Rpc("session", "delete_session", session.DeleteSession, session.SessionGone)
CLEAN_UP = Rpc("session", "clean_up", session.CleanUp, session.CleanedUp, timeout=60.0)  # no key: a tenant's
GIVE_FEEDBACK = Rpc("session", "give_feedback", session.GiveFeedback, session.Message)
POST_MESSAGE = Rpc("session", "post_message", session.PostMessage, session.MessagePosted)
HISTORY = Rpc("session", "history", session.GetHistory, session.History)
CANCEL_TURN = Rpc("session", "cancel_turn", session.CancelTurn, session.Cancellation)
EVENTS_AFTER = Rpc("session", "events_after", session.EventsAfter, session.EventsPage, quiet=True)

# --- session: asked by the gateway for operators (key: the session; of `get_ticket` the ticket; `list_tickets` has none)
TAKE_OVER = Rpc("session", "take_over", operators.TakeOver, session.Session)
REPLY = Rpc("session", "reply", operators.Reply, session.MessagePosted)
RELEASE = Rpc("session", "release", operators.Release, session.Session)
RESOLVE_SESSION = Rpc("session", "resolve_session", operators.ResolveSession, session.Session)
ADD_NOTE = Rpc("session", "add_note", operators.AddNote, operators.Note)
LIST_NOTES = Rpc("session", "list_notes", operators.ListNotes, operators.Notes)
LIST_TICKETS = Rpc("session", "list_tickets", operators.ListTickets, operators.TicketPage)
GET_TICKET = Rpc("session", "get_ticket", operators.GetTicket, operators.TicketPacket)

# --- session: asked by agents (claim: no key; the others: the session)
CLAIM_TURN = Rpc("session", "claim_turn", session.ClaimTurn, session.ClaimReply, quiet=True)
RENEW_LEASE = Rpc("session", "renew_lease", session.RenewLease, session.LeaseRenewed, timeout=3.0, quiet=True)
COMPLETE_TURN = Rpc("session", "complete_turn", session.CompleteTurn, session.TurnSettled, timeout=10.0)
FAIL_TURN = Rpc("session", "fail_turn", session.FailTurn, session.TurnSettled)

# --- session: events (key: the session), from its event log
SESSION_OPENED = Event("session", "session_opened", session.SessionOpened)
SESSION_STATUS_CHANGED = Event("session", "session_status_changed", session.SessionStatusChanged)
CONTROL_CHANGED = Event("session", "control_changed", operators.ControlChanged)
NOTE_ADDED = Event("session", "note_added", operators.NoteAdded)
SESSION_ESCALATED = Event("session", "session_escalated", session.SessionEscalated)
SESSION_DELETED = Event("session", "session_deleted", session.SessionDeleted)
FEEDBACK_GIVEN = Event("session", "feedback_given", session.FeedbackGiven)
MESSAGE_ADDED = Event("session", "message_added", session.MessageAdded)
TURN_STARTED = Event("session", "turn_started", session.TurnStarted)
TURN_COMPLETED = Event("session", "turn_completed", session.TurnCompleted)
TURN_FAILED = Event("session", "turn_failed", session.TurnFailed)
TURN_CANCELLED = Event("session", "turn_cancelled", session.TurnCancelled)

# --- session: live
SESSION_EVENT = Live("session", "event", session.EventRecord)  # each committed event, for the sockets of its session
TURN_REVOKED = Live("session", "turn_revoked", session.TurnRevoked)  # key: the agent that holds the turn
TURN_READY = Live("session", "turn_ready", session.TurnReady)  # doorbell, one idle agent hears it
OUTBOX_READY = Live("session", "outbox_ready", session.OutboxReady)  # doorbell, every replica's relay hears it

# --- agent (key: the agent's instance; live: the session)
SNAPSHOT = Rpc("agent", "snapshot", agent.AskSnapshot, agent.Snapshot, timeout=1.0, quiet=True)
TURN_FRAME = Live("agent", "frame", agent.TurnFrame)
RECALL = Rpc("agent", "recall", agent.AskFacts, agent.KnownFacts, timeout=1.0)  # key: the session; any agent answers
LIST_MEMORIES = Rpc("agent", "list_memories", agent.ListMemories, agent.MemoryList)  # this and the next three: no key
ERASE_MEMORIES = Rpc("agent", "erase_memories", agent.EraseMemories, agent.MemoriesErased)
LIST_APPROVALS = Rpc("agent", "list_approvals", agent.ListApprovals, agent.ApprovalPage)
USAGE = Rpc("agent", "usage", agent.AskUsage, agent.UsageReport)
DECIDE_APPROVAL = Rpc("agent", "decide_approval", agent.DecideApproval, agent.Approval)  # key: the approval

# --- agent: events (key: the session, or none), from its event log; `ev_seq` grows, with gaps
MEMORY_CHANGED = Event("agent", "memory_changed", agent.MemoryChanged)
APPROVAL_REQUESTED = Event("agent", "approval_requested", agent.ApprovalRequested)
APPROVAL_DECIDED = Event("agent", "approval_decided", agent.ApprovalDecided)
USAGE_RECORDED = Event("agent", "usage_recorded", agent.UsageRecorded)

# --- gateway: live, told to the other gateways (key: the session)
TYPING = Live("gateway", "typing", gateway.Typing)
PRESENCE = Live("gateway", "presence", gateway.Presence)

# --- knowledge (no key)
SEARCH = Rpc("knowledge", "search", knowledge.Search, knowledge.SearchResult)
PUT_DOCUMENT = Rpc(
    "knowledge", "put_document", documents.PutDocument, documents.DocumentPut, timeout=10.0, retry_safe=False
)
IMPORT_SITE = Rpc(
    "knowledge", "import_site", documents.ImportSite, documents.SiteImported, timeout=60.0, retry_safe=False
)
GET_DOCUMENT = Rpc("knowledge", "get_document", documents.GetDocument, documents.DocumentDetail)
LIST_DOCUMENTS = Rpc("knowledge", "list_documents", documents.ListDocuments, documents.DocumentPage)
DELETE_DOCUMENT = Rpc(
    "knowledge", "delete_document", documents.DeleteDocument, documents.DocumentGone, timeout=10.0, retry_safe=False
)
DOCUMENT_USAGE = Rpc("knowledge", "document_usage", documents.AskDocumentUsage, documents.DocumentUsage)
REINDEX = Rpc("knowledge", "reindex", documents.Reindex, documents.IndexState, timeout=30.0, retry_safe=False)
INDEX_STATE = Rpc("knowledge", "index_state", documents.AskIndex, documents.IndexState)
LIST_GAPS = Rpc("knowledge", "list_gaps", knowledge.ListGaps, knowledge.GapPage)
DISMISS_GAP = Rpc("knowledge", "dismiss_gap", knowledge.DismissGap, knowledge.Gap)
REOPEN_GAP = Rpc("knowledge", "reopen_gap", knowledge.ReopenGap, knowledge.Gap)
ANSWER_GAP = Rpc("knowledge", "answer_gap", knowledge.AnswerGap, knowledge.Gap)

# --- knowledge: events (no key), from its event log
DOCUMENT_INDEXED = Event("knowledge", "document_indexed", documents.DocumentIndexed)
DOCUMENT_REJECTED = Event("knowledge", "document_rejected", documents.DocumentRejected)
DOCUMENT_DELETED = Event("knowledge", "document_deleted", documents.DocumentDeleted)
GAP_RECORDED = Event("knowledge", "gap_recorded", knowledge.GapRecorded)

# --- attachments: asked by the gateway, `texts` by agents (key: the session)
REGISTER_ATTACHMENT = Rpc("attachments", "register", attachments.Register, attachments.Attachment)
DESCRIBE_ATTACHMENTS = Rpc("attachments", "describe", attachments.Describe, attachments.Described)
RESOLVE_ATTACHMENTS = Rpc("attachments", "resolve", attachments.Resolve, attachments.Resolved)
DISCARD_ATTACHMENTS = Rpc("attachments", "discard", attachments.Discard, attachments.Discarded)
ATTACHMENT_TEXTS = Rpc("attachments", "texts", attachments.AskTexts, attachments.Texts)

# --- how are you
SESSION_HEALTH = Rpc("session", "health", health.AskHealth, health.HealthReport, timeout=2.0, quiet=True)
AGENT_HEALTH = Rpc("agent", "health", health.AskHealth, health.HealthReport, timeout=2.0, quiet=True)
KNOWLEDGE_HEALTH = Rpc("knowledge", "health", health.AskHealth, health.HealthReport, timeout=2.0, quiet=True)
ATTACHMENTS_HEALTH = Rpc("attachments", "health", health.AskHealth, health.HealthReport, timeout=2.0, quiet=True)
SESSION_METRICS = Rpc("session", "metrics", health.AskMetrics, health.MetricsText, timeout=2.0, quiet=True)
AGENT_METRICS = Rpc("agent", "metrics", health.AskMetrics, health.MetricsText, timeout=2.0, quiet=True)
KNOWLEDGE_METRICS = Rpc("knowledge", "metrics", health.AskMetrics, health.MetricsText, timeout=2.0, quiet=True)
ATTACHMENTS_METRICS = Rpc("attachments", "metrics", health.AskMetrics, health.MetricsText, timeout=2.0, quiet=True)
