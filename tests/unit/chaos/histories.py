"""Hand-made evidence: a sound conversation of two turns, to be spoilt by each test in one way."""

import copy
from typing import Any

from tests.support.evidence import Event, Evidence, Receipt, Sent, Shown, View


def question(seq: int, turn_id: str) -> dict[str, Any]:
    return {"id": f"msg_{seq}", "seq": seq, "role": "user", "content": f"question {seq} [tokens=2]", "metadata": {},
            "client_message_id": f"own-{seq}", "turn_id": turn_id}  # fmt: skip


def answer(seq: int, turn_id: str) -> dict[str, Any]:
    content = "".join(f"{turn_id[-6:]}:{number} " for number in range(2))
    return {"id": f"msg_{seq}", "seq": seq, "role": "assistant", "content": content, "turn_id": turn_id,
            "metadata": {}, "client_message_id": None}  # fmt: skip


def sound() -> Evidence:
    """One question answered by the second attempt; then two that are answered together."""
    first, second = "turn_first_a", "turn_second"
    messages = [question(1, first), answer(2, first), question(3, second), question(4, second), answer(5, second)]
    asked, told, third, fourth, answered = messages
    events = [
        ("session_opened", {}),
        ("message_added", {"message": asked}),
        ("turn_started", {"turn_id": first, "attempt": 1, "agent_id": "agent_a"}),
        ("turn_started", {"turn_id": first, "attempt": 2, "agent_id": "agent_b"}),
        ("message_added", {"message": told}),
        ("turn_completed", {"turn_id": first, "attempt": 2, "answers_seq": [1], "message": told}),
        ("message_added", {"message": third}),
        ("message_added", {"message": fourth}),
        ("turn_started", {"turn_id": second, "attempt": 1, "agent_id": "agent_b"}),
        ("message_added", {"message": answered}),
        ("turn_completed", {"turn_id": second, "attempt": 1, "answers_seq": [3, 4], "message": answered}),
    ]
    log = [Event(number, name, payload) for number, (name, payload) in enumerate(events, 1)]
    shown = [
        Shown(first, 2, told["content"], copy.deepcopy(told)),
        Shown(second, 1, answered["content"], copy.deepcopy(answered)),
    ]
    return copy.deepcopy(
        Evidence(
            session_id="sess_1",
            sent=[
                Sent("own-1", asked["content"], 0.0, [Receipt("msg_1", 1, 0.1), Receipt("msg_1", 1, 0.2, "202")]),
                Sent("own-3", third["content"], 1.0, [Receipt("msg_3", 3, 1.5), Receipt(None, None, 1.6, "200")]),
                Sent("own-4", fourth["content"], 1.0, [Receipt("msg_4", 4, 3.0)]),
            ],
            messages=messages,
            log=log,
            published=list(log),
            views=[
                View("writer", shown=list(shown), added=[4], receipts={1, 3}),
                View("reader", shown=list(shown), added=[1, 3, 4]),
            ],
        )
    )
