"""Escalation: whether a person should take over, decided from what the customer writes, before any model is asked.

| reason               | category    | priority | said by                                                          |
|----------------------|-------------|----------|------------------------------------------------------------------|
| `safety`             | `urgent`    | urgent   | somebody or something is in danger                               |
| `security`           | `security`  | urgent   | an account, a card or money is in wrong hands                    |
| `legal`              | `legal`     | high     | the law is threatened with                                       |
| `anger`              | `complaint` | high     | strong words, or several weaker ones                             |
| `unhappy_repeatedly` | `complaint` | normal   | the third unhappy message since the last hand-over               |
| `asked_for_person`   | `general`   | normal   | a person is asked for; `billing` about money, `urgent` in a hurry |

The first reason in this order gives the category, the highest priority counts. The **score** is how much speaks for a
person: 1 - (1 - s1)(1 - s2)... over the strengths of the reasons (`_STRENGTHS`), as independent evidence adds up
("noisy or": Pearl, "Probabilistic Reasoning in Intelligent Systems", 1988); it is no measure of the answer. `charged_twice` only stands beside
others: help pages can answer it. The words are in `phrases`; a failure of ours is never a reason (R13).
"""

import re
from collections.abc import Iterable, Sequence
from math import prod

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
_STRENGTHS = {
    "safety": 0.99,
    "security": 0.95,
    "legal": 0.9,
    "anger": 0.7,
    "unhappy_repeatedly": 0.6,
    "asked_for_person": 0.9,
    "charged_twice": 0.3,
}
# How much of the customer's words goes with a ticket: sentences, and characters of each.
_MOST_EVIDENCE, _LONGEST_EVIDENCE = 5, 200
_SENTENCE = re.compile(r"[^.!?;\n]+[.!?;]*")
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
    questions = [message for message in questions if message.role == "user"]
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
    if not said:
        return None
    return _handed_over(said, " ".join(texts), _evidence(questions, found))


def _evidence(questions: Sequence[Message], found: Sequence[signals.Signal]) -> list[str]:
    """Give the sentences that say it, in the customer's own words; the last message where none does so alone."""
    sentences = [sentence.strip() for message in questions for sentence in _SENTENCE.findall(message.content)]
    folded = [signals.fold(sentence) for sentence in sentences]
    telling = [
        sentence
        for sentence, text in zip(sentences, folded, strict=True)
        if any(signal.stands_in(text) for signal in found) or signals.names_only_a_person(text)
    ]
    words = telling or [message.content.strip() for message in questions[-1:]]
    return [text if len(text) <= _LONGEST_EVIDENCE else f"{text[: _LONGEST_EVIDENCE - 2]} …" for text in words][
        :_MOST_EVIDENCE
    ]


def _score(reasons: Iterable[str]) -> float:
    return round(1 - prod(1 - _STRENGTHS[reason] for reason in reasons), 3)


def _handed_over(said: dict[str, Language], text: str, evidence: list[str]) -> HandOver:
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
    escalation = Escalation(
        reasons=reasons, category=category, priority=priority, score=_score(reasons), evidence=evidence
    )
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
