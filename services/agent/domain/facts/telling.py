"""Telling: which facts the customer's messages tell, and what a tool or model may add."""

import re
from collections.abc import Iterable

from libs.contracts.session import Message
from services.agent.domain import words

from . import contacts, personal, speech, statements
from .contacts import as_email, as_phone
from .fact import LONGEST_VALUE, Fact, Span, fact
from .secrets import is_secret

# A message that holds more is a list, and not about the customer.
MOST_IN_ONE = 10
# No customer writes a longer message; the rest of one is not looked through.
_LONGEST_MESSAGE = 8_000
_LONGEST_LABEL = 40
_ORDER_WORD = r"(?:orders?|purchase|bestellung|auftrag|pedido|orden|commande)"
_ANNOUNCING = re.compile(
    rf"\b(?:e-?mail|mail|address|adresse|phone|telephone|mobile|cell|telefon\w*|number|nummer|n[uú]mero|num[eé]ro|no|id|reference|ref|{_ORDER_WORD}"
    r"|bestellnummer|call|reach|text|at|ist|meine|mein|mi|es|mon|est|de|and|the|is|my|please|und|y|et)\b|[#+()]",
    re.IGNORECASE,
)


def told(messages: Iterable[Message]) -> list[Fact]:
    """Give what the customer's messages tell, in their order, each fact once and as it was told last."""
    found: dict[tuple[str, str], Fact] = {}
    for message in messages:
        if message.role == "user":
            for _, label, value in _spans(message.content):
                found.pop((label, value), None)
                found[label, value] = fact(label, value, seq=message.seq, told_at=message.timestamp)
    return list(found.values())


def tells_only_facts(text: str) -> list[str]:
    """Give the labels of the facts in a text that says nothing else: "my email is ..."; none for any other text."""
    spans = _spans(text)
    rest = text
    for (start, end), _, _ in reversed(spans):
        rest = rest[:start] + " " + rest[end:]
    if "?" in rest or words.content(_ANNOUNCING.sub(" ", rest)):
        return []
    return list(dict.fromkeys(label for _, label, _ in spans))


def noted(label: str, value: str) -> Fact | None:
    """Give the fact that a model wants remembered; None where it must not be, or cannot be one.

    Refused are secrets, values that are empty or longer than 200 characters, and addresses and numbers without their
    form. A label that is not listed is reduced to letters, digits and `_`.
    """
    label = re.sub(r"[^a-z0-9]+", "_", label.casefold()).strip("_")[:_LONGEST_LABEL].strip("_") or "note"
    value = " ".join("".join(character if character.isprintable() else " " for character in value).split())
    if not 0 < len(value) <= LONGEST_VALUE or is_secret(label, value):
        return None
    written = {"email": as_email, "phone": as_phone, "order": str.upper}.get(label)
    formed = written(value) if written else value
    return fact(label, formed) if formed else None


def _spans(text: str) -> list[Span]:
    """Give where in a text which facts stand, in their order."""
    text = speech.own_words(text[:_LONGEST_MESSAGE])
    found: list[Span] = []
    for place, label, value in (*contacts.found(text), *statements.found(text), *personal.found(text)):
        free = all(place[1] <= start or end <= place[0] for (start, end), _, _ in found)
        if free and len(value) <= LONGEST_VALUE and not is_secret(label, value):
            found.append((place, label, value))
    return sorted(found)[:MOST_IN_ONE]
