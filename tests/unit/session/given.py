"""What the tests of the aggregate begin with."""

from datetime import UTC, datetime

from libs.contracts import session as told
from libs.contracts.agent import Approval
from services.session.domain.change import FreshIds
from services.session.domain.control import NewReply
from services.session.domain.conversation import Conversation, NewMessage
from services.session.domain.session import SessionState
from services.session.domain.turn import Turn

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
IDS = FreshIds(message_id="msg_a", turn_id="turn_n", ticket_id="tick_1")


def state(**fields: object) -> SessionState:
    values = {
        "session_id": "sess_1", "tenant": "default", "thread_id": "thread_1", "user_id": None, "status": "active",
        "epoch": 0, "metadata": {}, "last_seq": 0, "last_ev_seq": 0, "created_at": NOON, "updated_at": NOON,
        "last_activity": NOON, **fields,
    }  # fmt: skip
    return SessionState(**values)


def ticket(**fields: object) -> told.Ticket:
    values = {
        "ticket_id": "tick_0", "session_id": "sess_1", "reasons": ["asked_for_person"], "category": "general",
        "priority": "normal", "created_at": NOON, **fields,
    }  # fmt: skip
    return told.Ticket(**values)


def escalated(operator: str | None = None, **fields: object) -> SessionState:
    return state(status="escalated", ticket=ticket(operator=operator), **fields)


def message(number: int = 1) -> NewMessage:
    return NewMessage(
        message_id=f"msg_{number}", client_message_id=f"client_{number}", content="hello", attachments=[],
        turn_id=f"turn_{number}", traceparent="",
    )  # fmt: skip


def approval(number: int = 1, **fields: object) -> Approval:
    values = {
        "approval_id": f"appr_01M7WFKX817W324VZC06MW7W{number:02d}", "session_id": "sess_1", "turn_id": "turn_1",
        "tool": "refund_order", "description": "Refund an order.", "arguments": {"order": "A-1042"}, "status": "approved",
        "requested_at": NOON, "expires_at": NOON, "operator": "Ann", "decided_at": NOON, **fields,
    }  # fmt: skip
    return Approval(**values)


def reply(operator: str = "Ann") -> NewReply:
    return NewReply(message_id="msg_r", client_message_id="client_r", content="I can help", operator=operator)


def queued(answers: tuple[int, ...] = (1,), **fields: object) -> Turn:
    values = {
        "turn_id": "turn_1", "status": "queued", "answers_seq": list(answers), "created_at": NOON, **fields,
    }  # fmt: skip
    return Turn(**values)


def running(answers: tuple[int, ...] = (1,), **fields: object) -> Turn:
    return queued(answers, **{"status": "running", "attempt": 1, "agent_id": "agent_1", "held": True, **fields})


def names(conversation: Conversation) -> list[str]:
    return [logged.event.name for logged in conversation.events]


def payload(conversation: Conversation, name: str) -> object:
    """The payload of the one event of this name."""
    [found] = [logged.payload for logged in conversation.events if logged.event.name == name]
    return found
