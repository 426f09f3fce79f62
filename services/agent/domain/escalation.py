"""Escalation: whether a person should take over, decided from what the customer writes, before any model is asked.

| reason               | category    | priority | said by                                                          |
|----------------------|-------------|----------|------------------------------------------------------------------|
| `safety`             | `urgent`    | urgent   | somebody or something is in danger                               |
| `security`           | `security`  | urgent   | an account, a card or money is in wrong hands                    |
| `legal`              | `legal`     | high     | the law is threatened with                                       |
| `anger`              | `complaint` | high     | strong words, or several weaker ones                             |
| `unhappy_repeatedly` | `complaint` | normal   | the third unhappy message since the last hand-over               |
| `asked_for_person`   | `general`   | normal   | a person is asked for; `billing` about money, `urgent` in a hurry |

The first reason in this order gives the category, the highest priority counts. `charged_twice` only stands beside others: help
pages can answer it. A failure of ours is never a reason (R13).

**Two witnesses.** The tables of `phrases` are precise and know little; the classifier of `intents` knows more and is less sure. What a
table hears holds, unless the classifier is sure that the message is about nothing of the kind (a film's line, a neighbour's
lawyer). What no table hears holds where the classifier gives a person at least `_enough` of the whole message, or `_FROM_PIECE` of one
sentence. `grievances` adds what only the course of the conversation says.

**Score**: how much speaks for a person, 1 - (1 - s1)(1 - s2)... over the strengths of the reasons, as independent evidence adds up
("noisy or": Pearl, "Probabilistic Reasoning in Intelligent Systems", 1988). A reason's strength is that of its table (`_STRENGTHS`)
or the classifier's probability, whichever is more. It is no measure of the answer.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod

from msgspec import Struct

from libs.contracts.session import Escalation, Message, Priority

from . import asides, grievances, languages, signals
from .intents import Intents, Label, Reading
from .phrases import Language, Reason
from .set_phrases import asks_who_we_are

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
# From which probability on the classifier speaks alone: for the whole message, for one sentence of it, for a message of so few
# characters that it says little ("phone"), and for a message of one sentence, as most ordinary questions are. Danger and the
# law are heard in one sentence as in many.
_FROM, _FROM_PIECE, _FROM_SHORT, _FROM_ONE = 0.5, 0.95, 0.8, 0.83
_HEARD_IN_ONE: tuple[Label, ...] = ("safety", "legal")
_SHORT = 12
# Below both of these it takes back what a table heard.
_DOUBT, _DOUBT_PIECE = 0.08, 0.6
# What stands in quotation marks somebody else has said, where the message says more than that.
_QUOTED = re.compile(r'"[^"\n]{4,300}"|„[^“”"\n]{4,300}[“”"]|“[^”\n]{4,300}”|«[^»\n]{4,300}»')
_MORE_THAN_QUOTED = 20
# A further label is a further reason from here on; the second where a table heard another.
_BESIDE, _SURE = 0.25, 0.5
# Sentences from here on are told as evidence.
_TELLING = 0.5
_REASONS: dict[Label, str] = {
    "person": "asked_for_person", "legal": "legal", "safety": "safety", "security": "security", "anger": "anger",
}  # fmt: skip
_SENTENCE = re.compile(r"[^.!?;\n]+[.!?;]*")
_FROM_HIGHEST: list[Priority] = ["urgent", "high", "normal", "low"]

_MONEY, _TWICE, _URGENT = map(re.compile, (asides.MONEY, asides.TWICE, asides.URGENT))


class HandOver(Struct, frozen=True, kw_only=True):
    """A decision that a person takes over, and the language in which to say so."""

    escalation: Escalation
    language: Language = "en"


class _Case(Struct, frozen=True):
    """What speaks for a person: reason -> how much; and the language of the words that were recognised."""

    strengths: dict[str, float]
    heard: list[signals.Signal]
    language: Language | None


def decide(
    questions: Sequence[Message], history: Sequence[Message] = (), intents: Intents | None = None
) -> HandOver | None:
    """Decide from the open questions, and from how unhappy the customer was before; None where no person is needed.

    What was said in the history is not decided again: after a person has given the conversation back, only new words
    count.

    Args:
        questions: the open messages; only the customer's count, and not those that only ask whether we are a person.
        history: what was said before them.
        intents: the classifier; None leaves the decision to the tables.
    """
    questions = [message for message in questions if message.role == "user" and not asks_who_we_are(message.content)]
    case = _case([message.content for message in questions], intents)
    strengths = dict(case.strengths)
    if grievances.unhappy_again(questions, history, intents):
        strengths["unhappy_repeatedly"] = _STRENGTHS["unhappy_repeatedly"]
    texts = [signals.fold(message.content) for message in questions]
    if grievances.accepted(texts, history):
        strengths["asked_for_person"] = _STRENGTHS["asked_for_person"]
    if not strengths:
        return None
    evidence = _evidence(questions, case.heard, intents)
    return _handed_over(strengths, " ".join(texts), evidence, _language(questions, history, case.language))


def _case(texts: Sequence[str], intents: Intents | None) -> _Case:
    """Hear both witnesses about each message; anger adds up over messages."""
    strengths: dict[str, float] = {}
    heard: list[signals.Signal] = []
    language: Language | None = None
    for text in texts:
        reading = intents.reading(text) if intents else None
        found, named = _in_tables(text)
        enough = _enough(text, reading) if reading else 1.0
        if reading is None or not _doubted(reading):
            heard += found
            said: dict[Reason, Language] = {
                signal.reason: signal.language for signal in found if signal.reason != "anger"
            }
            if named:
                said.setdefault("asked_for_person", named)
            for reason, spoken in said.items():
                strengths[reason] = max(_STRENGTHS[reason], strengths.get(reason, 0.0))
                language = language or spoken
        for reason, strength in _classified(reading, enough, recognised=bool(found or named)) if reading else ():
            strengths[reason] = max(strength, strengths.get(reason, 0.0))
    angry = [signal for signal in heard if signal.reason == "anger"]
    if sum(signal.weight for signal in angry) >= _ANGRY_ENOUGH:
        strengths["anger"] = max(_STRENGTHS["anger"], strengths.get("anger", 0.0))
        language = language or angry[0].language
    return _Case(strengths, heard, language)


def _in_tables(text: str) -> tuple[list[signals.Signal], Language | None]:
    unquoted = _QUOTED.sub(" ", text)
    folded = signals.fold(unquoted if len(unquoted.strip()) >= _MORE_THAN_QUOTED else text)
    return list(signals.heard(folded)), signals.names_only_a_person(folded)


def _risk(scores: Mapping[Label, float]) -> float:
    """How likely it is that a person is needed at once."""
    return 1.0 - scores["none"] - scores["unhappy"]


def _enough(text: str, reading: Reading) -> float:
    """Give the probability from which on the classifier speaks alone about a message."""
    if len(text.strip()) <= _SHORT:
        return _FROM_SHORT
    if len(_SENTENCE.findall(text.strip())) > 1:
        return _FROM
    most = max(_REASONS, key=lambda label: reading.whole[label])
    return _FROM if most in _HEARD_IN_ONE else _FROM_ONE


def _doubted(reading: Reading) -> bool:
    return _risk(reading.whole) < _DOUBT and all(_risk(piece) < _DOUBT_PIECE for _, piece in reading.pieces)


def _classified(reading: Reading, enough: float, *, recognised: bool) -> Iterator[tuple[str, float]]:
    """Give what the classifier gives as reasons, with their probabilities; beside what a table heard only what is likely."""
    spoken: Mapping[Label, float] = reading.whole
    if _risk(spoken) < enough:
        spoken = max((piece for _, piece in reading.pieces), key=_risk, default=spoken)
        if _risk(spoken) < max(enough, _FROM_PIECE):
            return
    most = max(_REASONS, key=lambda label: spoken[label])
    for label, reason in _REASONS.items():
        if label == most and not recognised:
            yield reason, round(_risk(spoken), 3)
        elif spoken[label] >= (_SURE if recognised else _BESIDE):
            yield reason, round(spoken[label], 3)


def _language(questions: Sequence[Message], history: Sequence[Message], recognised: Language | None) -> Language:
    """Give the language that the customer writes; where that does not tell, that of the words that were recognised."""
    written = languages.detect(" ".join(message.content for message in questions))
    if written is None and recognised:
        return recognised
    return languages.spoken([*history, *questions]).ours


def _evidence(questions: Sequence[Message], found: Sequence[signals.Signal], intents: Intents | None) -> list[str]:
    """Give the sentences that say it, in the customer's own words; the last message where none does so alone."""
    sentences = [sentence.strip() for message in questions for sentence in _SENTENCE.findall(message.content)]
    telling = [sentence for sentence in sentences if _tells(sentence, found, intents)]
    words = telling or [message.content.strip() for message in questions[-1:]]
    return [text if len(text) <= _LONGEST_EVIDENCE else f"{text[: _LONGEST_EVIDENCE - 2]} …" for text in words][
        :_MOST_EVIDENCE
    ]


def _tells(sentence: str, found: Sequence[signals.Signal], intents: Intents | None) -> bool:
    folded = signals.fold(sentence)
    if any(signal.stands_in(folded) for signal in found) or signals.names_only_a_person(folded):
        return True
    return intents is not None and _risk(intents.scores(sentence)) >= _TELLING


def _handed_over(strengths: Mapping[str, float], text: str, evidence: list[str], language: Language) -> HandOver:
    strengths = dict(strengths)
    reasons = [reason for reason in _CATEGORIES if reason in strengths]
    category = _CATEGORIES[reasons[0]]
    priority = _highest(_PRIORITIES.get(reason, "normal") for reason in reasons)
    if _URGENT.search(text):
        priority = _highest([priority, "high"])
        category = "urgent" if category == "general" else category
    if _MONEY.search(text) and reasons == ["asked_for_person"]:
        category = "billing"
    if _TWICE.search(text):
        reasons.append("charged_twice")
        strengths["charged_twice"] = _STRENGTHS["charged_twice"]
    score = round(1 - prod(1 - strengths[reason] for reason in reasons), 3)
    escalation = Escalation(reasons=reasons, category=category, priority=priority, score=score, evidence=evidence)
    return HandOver(escalation=escalation, language=language)


def _highest(priorities: Iterable[Priority]) -> Priority:
    wanted = set(priorities)
    return next(priority for priority in _FROM_HIGHEST if priority in wanted)
