"""The operations that operators have, told to them."""

from libs.contracts.operators import Note
from libs.contracts.session import Session, Ticket

from ...domain.operators import (
    EscalationQuery,
    NewNote,
    NewReply,
    Packet,
    ReleaseOrder,
    Replied,
    ResolveOrder,
    TakeOverOrder,
)
from .operation import Answer, Operation

_TAG = "Operators"
_OF_TICKET = {
    "take_over": {"id": "$response.body#/ticket/session_id"},
    "reply": {"id": "$response.body#/ticket/session_id"},
    "release": {"id": "$response.body#/ticket/session_id"},
    "resolve": {"id": "$response.body#/ticket/session_id"},
    "add_note": {"id": "$response.body#/ticket/session_id"},
}
_SESSION = {200: Answer(description="The session as it is now", kind=Session)}

OPERATORS = {
    "list_escalations": Operation(
        tag=_TAG, summary="List what was handed to people: the most urgent first, the oldest of these first",
        description="`claimed=false&status=open` is what waits for an operator.", query=EscalationQuery,
        answers={200: Answer(description="A page of tickets", kind=list[Ticket], headers=("X-Total-Count", "Link"))},
        faults={422: ("invalid_cursor",)},
    ),
    "get_escalation": Operation(
        tag=_TAG, summary="Look at a hand-over: what it is about, what was said and what is known of the customer",
        description="`missing` names what could not be found out now.",
        answers={200: Answer(description="All of it", kind=Packet, links=_OF_TICKET)},
        faults={404: ("ticket_not_found",)},
    ),
    "take_over": Operation(
        tag=_TAG, summary="Take a conversation over: from the agent, from the queue or, with force, from another operator",
        description="Of several operators one gets it. Taking over what one has changes nothing. From then on the agent "
        "is silent, and an answer that it was giving is void.",
        body=TakeOverOrder, answers=_SESSION, faults={400: ("session_ended",), 409: ("claimed_by_another",)},
    ),
    "reply": Operation(
        tag=_TAG, summary="Answer a customer as the operator who is in charge",
        description="The same `client_message_id` always gives the same message.",
        body=NewReply, body_required=True, answers={200: Answer(description="The message is stored", kind=Replied)},
        faults={400: ("session_ended",), 409: ("not_in_control", "client_message_id_taken"), 422: ("invalid_message",)},
    ),
    "release": Operation(
        tag=_TAG, summary="Give a conversation back to the agent",
        description="The agent takes up what nobody has answered, unless `answer` is false.",
        body=ReleaseOrder, answers=_SESSION, faults={409: ("not_escalated", "claimed_by_another")},
    ),
    "resolve": Operation(
        tag=_TAG, summary="Close a conversation's ticket and end the conversation",
        body=ResolveOrder, answers=_SESSION, faults={409: ("not_escalated", "claimed_by_another")},
    ),
    "add_note": Operation(
        tag=_TAG, summary="Write a note for the other operators; the customer never sees it",
        description="The same `Idempotency-Key` in the same conversation is the same note.",
        parameters=({"name": "Idempotency-Key", "in": "header", "description": "Any text of the client's",
                     "schema": {"type": "string", "maxLength": 128}},),
        body=NewNote, body_required=True, answers={200: Answer(description="The note", kind=Note)},
        faults={422: ("invalid_note",)},
    ),
    "list_notes": Operation(
        tag=_TAG, summary="Read the notes of a conversation, oldest first",
        answers={200: Answer(description="All of them", kind=list[Note], headers=("X-Total-Count",))},
    ),
}  # fmt: skip
