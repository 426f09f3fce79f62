"""Escalation: whether a person should take over, decided from what the customer writes, before any model is asked.

| reason               | category    | priority | said by                                                          |
|----------------------|-------------|----------|------------------------------------------------------------------|
| `safety`             | `urgent`    | urgent   | somebody or something is in danger                               |
| `security`           | `security`  | urgent   | an account, a card or money is in wrong hands                    |
| `legal`              | `legal`     | high     | the law is threatened with                                       |
| `anger`              | `complaint` | high     | strong words, or several weaker ones                             |
| `unhappy_repeatedly` | `complaint` | normal   | the third unhappy message since the last hand-over               |
| `asked_for_person`   | `general`   | normal   | a person is asked for; `billing` about money, `urgent` in a hurry |

The first reason in this order gives the category, the highest priority counts. `charged_twice` only stands beside
others: help pages can answer it. The words are in `phrases`; a failure of ours is never a reason (R13).
"""

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from libs.contracts.session import Escalation, Message, Priority

from . import phrases, signals
from .phrases import Language

# How many unhappy messages are enough.
_UNHAPPY_ENOUGH = 3
# How much anger is enough: one strong word, or two weaker ones (see `phrases.ANGER`).
_ANGRY_ENOUGH = 2

_CATEGORIES = {
    "safety": "urgent",
    "security": "security",
    "legal": "legal",
    "anger": "complaint",
    "unhappy_repeatedly": "complaint",
    "asked_for_person": "general",
}
_PRIORITIES: dict[str, Priority] = {"safety": "urgent", "security": "urgent", "legal": "high", "anger": "high"}
_FROM_HIGHEST: list[Priority] = ["urgent", "high", "normal", "low"]

_UNHAPPY = [re.compile(pattern) for pattern in phrases.UNHAPPY]
_MONEY, _TWICE, _URGENT = map(re.compile, (phrases.MONEY, phrases.TWICE, phrases.URGENT))


class HandOver(Struct, frozen=True, kw_only=True):
    """A decision that a person takes over, and the language in which to say so."""

    escalation: Escalation
    language: Language = "en"


def decide(questions: Sequence[Message], history: Sequence[Message] = ()) -> HandOver | None:
    """Decide from the open questions, and from how unhappy the customer was before; None where no person is needed.

    What was said in the history is not decided again: after a person has given the conversation back, only new words
    count.
    """
    texts = [signals.fold(message.content) for message in questions]
    found = [signal for text in texts for signal in signals.heard(text)]
    said: dict[str, Language] = {}
    for signal in found:
        if signal.reason != "anger":
            said.setdefault(signal.reason, signal.language)
    for text in texts:
        if language := signals.names_only_a_person(text):
            said.setdefault("asked_for_person", language)
    angry = [signal for signal in found if signal.reason == "anger"]
    if sum(signal.weight for signal in angry) >= _ANGRY_ENOUGH:
        said["anger"] = angry[0].language
    if _unhappy_again(texts, history):
        said.setdefault("unhappy_repeatedly", "en")
    return _handed_over(said, " ".join(texts)) if said else None


def _handed_over(said: dict[str, Language], text: str) -> HandOver:
    reasons = [reason for reason in _CATEGORIES if reason in said]
    category = _CATEGORIES[reasons[0]]
    priority = _highest(_PRIORITIES.get(reason, "normal") for reason in reasons)
    if _URGENT.search(text):
        priority = _highest([priority, "high"])
        category = "urgent" if category == "general" else category
    if _MONEY.search(text) and reasons == ["asked_for_person"]:
        category = "billing"
    if _TWICE.search(text):
        reasons.append("charged_twice")
    escalation = Escalation(reasons=reasons, category=category, priority=priority)
    return HandOver(escalation=escalation, language=said[reasons[0]])


def _highest(priorities: Iterable[Priority]) -> Priority:
    wanted = set(priorities)
    return next(priority for priority in _FROM_HIGHEST if priority in wanted)


def _unhappy_again(texts: list[str], history: Sequence[Message]) -> bool:
    """Say whether the customer is unhappy now, and was before, three times in all since the last hand-over."""
    now = sum(map(_unhappy, texts))
    if not now:
        return False
    before: list[str] = []
    for message in history:
        if "ticket_id" in message.metadata or message.role == "operator":
            before.clear()
        elif message.role == "user":
            before.append(message.content)
    return now + sum(_unhappy(signals.fold(text)) for text in before) >= _UNHAPPY_ENOUGH


def _unhappy(text: str) -> bool:
    return any(pattern.search(text) for pattern in _UNHAPPY)
