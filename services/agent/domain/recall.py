"""Recall: what an answer says from memory, each by a small function over the facts of the session."""

import re
from collections.abc import Sequence

from . import facts, words
from .facts import Fact, Kind

_NAMES: dict[Kind, str] = {"email": "email address", "phone": "phone number", "order": "order number"}
_ASKED_KINDS: dict[Kind, str] = {
    "email": r"e-?mail(?: address)?|mail address",
    "phone": r"(?:tele)?phone(?: number)?|(?:mobile|cell)(?: phone)?(?: number)?",
    "order": r"order (?:number|no|id|ref(?:erence)?)|order",
}
_NAME = "|".join(_ASKED_KINDS.values())
_NAMED = rf"(?:{_NAME})(?:(?:,| and|, and| or) (?:my |the )?(?:{_NAME})){{0,2}}"
# "what is my email?", "which order number did I give you?", "do you remember my phone number?"
_ASKS = re.compile(
    rf"(?:\b(?:what|which|what's|whats)(?: (?:is|was|are))? (?:my|the) (?:{_NAMED})(?: again)?(?: (?:that )?i (?:gave|told|sent)"
    rf"(?: to)? you.*)?\s*\??$"
    rf"|\b(?:what|which) (?:{_NAMED}) (?:did i|have i|do you have|do you know|was it)\b"
    rf"|\b(?:do|can|did|could) you (?:still )?(?:know|remember|have|recall|tell me|remind me of)"
    rf"(?: what)? my (?:{_NAMED})(?: (?:is|was|are))?(?: again)?\s*\??$"
    rf"|^(?:tell|remind) me (?:of )?(?:what )?my (?:{_NAMED})(?: (?:is|was|are))?\s*[.?!]?$)",
    re.IGNORECASE,
)
_TRACKING = re.compile(
    r"\b(?:track|tracking|where(?: is|'s|s)? (?:my|the) (?:order|package|parcel|delivery|stuff)|status of (?:my|the) (?:order|delivery)"
    r"|(?:order|delivery|shipping) status|(?:my|the) (?:order|package|parcel|delivery) (?:is|be|has|hasn't|arrive|will|still|late|not)"
    r"|when (?:will|does|is) (?:my|the|it)\b.*\b(?:arrive|come|deliver\w*|ship\w*))",
    re.IGNORECASE,
)


def reply(question: str, known: Sequence[Fact]) -> tuple[str, bool] | None:
    """Answer a question about what the customer has told, and say whether it is known; None for any other question."""
    match = _ASKS.search(question.replace("’", "'").strip())
    if match is None:
        return None
    kinds: list[Kind] = [kind for kind, name in _ASKED_KINDS.items() if re.search(name, match[0], re.IGNORECASE)]
    told: dict[Kind, str | None] = {kind: latest(kind, known) for kind in kinds}
    return " ".join(_about(kind, value) for kind, value in told.items()), all(told.values())


def _about(kind: Kind, value: str | None) -> str:
    if value is None:
        return f"You haven't told me your {_NAMES[kind]} in this conversation."
    return f"The {_NAMES[kind]} that you gave me is {value}."


def noted(texts: Sequence[str]) -> str | None:
    """Acknowledge messages that tell facts and nothing else; None where there is more in them."""
    kinds: list[list[Kind]] = [facts.tells_only_facts(text) for text in texts if not words.is_small_talk(text)]
    if not kinds or not all(kinds):
        return None
    names = [name for kind, name in _NAMES.items() if any(kind in found for found in kinds)]
    return f"Thank you, I've noted your {' and your '.join(names)} for this conversation. What can I help you with?"


def reminder(asked: Sequence[str], known: Sequence[Fact]) -> str | None:
    """Bring up the order reference where a question is about an order's way and does not name it itself."""
    reference = latest("order", known)
    if reference is None or not any(map(_TRACKING.search, asked)):
        return None
    if any(reference.lower() in question.lower() for question in asked):
        return None
    return f"The order number that you gave me is {reference}: keep it at hand for this."


def latest(kind: Kind, known: Sequence[Fact]) -> str | None:
    """Give the fact of a kind that was told last."""
    return next((fact.value for fact in reversed(known) if fact.kind == kind), None)
