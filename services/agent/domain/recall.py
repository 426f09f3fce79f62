"""Recall: what an answer says from memory, each by a small function over the facts that are known of the customer."""

import re
from collections.abc import Sequence

from . import facts, words
from .facts import LABELS, Fact

_ASKED: dict[str, str] = {
    "email": r"e-?mail(?: address)?|mail address",
    "phone": r"(?:tele)?phone(?: number)?|(?:mobile|cell)(?: phone)?(?: number)?",
    "order": r"order (?:number|no|id|ref(?:erence)?)|order",
    "name": r"(?:full )?name",
}
# Of these nothing is said where they are not known: the help pages may have an answer.
_ASKED_WHERE_KNOWN: dict[str, str] = {
    "plan": r"plan|subscription",
    "device": r"device",
    "language": r"(?:preferred )?language",
    "preferred_contact": r"preferred (?:way of contact|contact(?: method)?)",
    "birthday": r"birthday|date of birth",
    "shoe_size": r"shoe size",
    "size": r"(?:clothing |dress |clothes )?size",
    "diet": r"diet",
    "employer": r"employer",
}
_NAME = "|".join((*_ASKED.values(), *_ASKED_WHERE_KNOWN.values()))
_NAMED = rf"(?:{_NAME})(?:(?:,| and|, and| or) (?:my |the )?(?:{_NAME})){{0,2}}"
# "what is my email?", "which order number did I give you?", "do you remember my phone number?"
_ASKS = re.compile(
    rf"(?:\b(?:what|which|what's|whats)(?: (?:is|was|are))? (?:my|the) (?P<a>{_NAMED})(?: again)?(?: (?:that )?i (?:gave|told|sent)"
    rf"(?: to)? you.*)?\s*\??$"
    rf"|\b(?:what|which) (?P<b>{_NAMED}) (?:did i|have i|do you have|do you know|was it)\b"
    rf"|\b(?:do|can|did|could) you (?:still )?(?:know|remember|have|recall|tell me|remind me of)"
    rf"(?: what)? my (?P<c>{_NAMED})(?: (?:is|was|are))?(?: again)?\s*\??$"
    rf"|^(?:tell|remind) me (?:of )?(?:what )?my (?P<d>{_NAMED})(?: (?:is|was|are))?\s*[.?!]?$)",
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
    asked = next(named for named in match.groups() if named)
    told = {label: latest(label, known) for label in _labels(asked)}
    if any(value is None and label in _ASKED_WHERE_KNOWN for label, value in told.items()):
        return None
    return " ".join(_about(label, value) for label, value in told.items()), all(told.values())


def _labels(asked: str) -> list[str]:
    """Give the labels of what a question names, in the order of the tables."""
    parts = re.split(r",? (?:and|or) |, ", asked)
    names = {**_ASKED, **_ASKED_WHERE_KNOWN}
    return [
        label
        for label, name in names.items()
        if any(re.fullmatch(rf"(?:my |the )?(?:{name})", part, re.IGNORECASE) for part in parts)
    ]


def _about(label: str, value: str | None) -> str:
    name = LABELS[label].name
    if value is None:
        return f"You haven't told me your {name} in this conversation."
    return f"The {name} that you gave me is {value}."


def noted(texts: Sequence[str]) -> str | None:
    """Acknowledge messages that tell facts and nothing else; None where there is more in them."""
    told = [facts.tells_only_facts(text) for text in texts if not words.is_small_talk(text)]
    if not told or not all(told):
        return None
    names = [trait.name for label, trait in LABELS.items() if any(label in labels for labels in told)]
    return f"Thank you, I've noted your {' and your '.join(names)}. What can I help you with?"


def reminder(asked: Sequence[str], known: Sequence[Fact]) -> str | None:
    """Bring up the order reference where a question is about an order's way and does not name it itself."""
    reference = latest("order", known)
    if reference is None or not any(map(_TRACKING.search, asked)):
        return None
    if any(reference.lower() in question.lower() for question in asked):
        return None
    return f"The order number that you gave me is {reference}: keep it at hand for this."


def latest(label: str, known: Sequence[Fact]) -> str | None:
    """Give the fact of a label that was told last."""
    return next((fact.value for fact in reversed(known) if fact.label == label), None)
