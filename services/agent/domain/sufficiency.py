"""Sufficiency: before anything is written, whether what was found is enough to answer from.

| decision  | when                                                                                                   |
|-----------|--------------------------------------------------------------------------------------------------------|
| `answer`  | some passage is evidence enough (`evidence`); also for what needs no passage: greetings, what the customer has told |
| `clarify` | the question names no subject ("it doesn't work"), or one word that several documents are about as near to, or says that something is the matter with what no document is near to |
| `abstain` | nothing found is near enough                                                                           |

A customer who was asked to say more and did is not asked again: then it is `answer` or `abstain`.
"""

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from libs.contracts.knowledge import Source
from libs.contracts.session import Message

from . import evidence, question, recall, words
from .evidence import Passage, Question

# An answer's metadata says with this key that it asked back.
CLARIFIED = "clarified"
# How much of a question is repeated, to the customer and in a knowledge gap.
MAX_LOOKED_FOR = 120
_MAX_TITLES = 3
# Two documents are about as near where their scores differ by less.
_ABOUT_AS_NEAR = 0.12

# Words that say that something is the matter, and not what; and words around them.
_MATTER = frozenset(
    map(
        words.stem,
        """
        problem problems issue issues trouble wrong broken work works working worked fail fails failed failing help question questions
        assistance support matter bug weird strange stuck happen happened happens fix solve concern regarding wondering information info
        funktioniert funktionieren geht nicht hilfe problem frage fragen brauche habe eine ein es ich bitte mein
        funciona problema problemas ayuda necesito tengo pregunta un una con mi por favor
        marche fonctionne probleme problème aide besoin j'ai d'aide question une ne pas ça ca
        """.split(),  # noqa: SIM905 - a table of words reads best as text
    )
)
_POINTS_BACK = re.compile(r"\b(?:it|this|that|these|those|them|one|so)\b", re.IGNORECASE)
# What begins like this asks for something, however short it is.
_ASKS = re.compile(r"\b(?:how|when|where|who|why|which|how much|what (?!about))\b", re.IGNORECASE)
_PRIVATE = re.compile(r"\S+@\S+|#?\+?\d[\d\s()./-]{5,}\d|\b(?=\w*\d\w*\d\w*\d\w*\d)[\w-]{5,}")

Decision = Literal["answer", "clarify", "abstain"]


class Verdict(Struct, frozen=True, kw_only=True):
    """What is to be done with a turn's questions.

    Attributes:
        score: the relevance score of the nearest passage, 0 where there is none.
        margin: how much nearer it is than the nearest passage of another document.
        coverage: the part of the questions' content words that one passage has, 0..1; of several questions, the least.
        evidence: for the question that has least; see `evidence`. 0 where nothing was found.
        looked_for: the questions in the customer's words, shortened, without addresses and long numbers.
        missing: content words of the questions that no passage has, as they are written.
        titles: of the nearest documents, at most three, to name when asking back.
        foreign: a question is in another language than English: its scores are low whatever it asks, so who can put it into
            English and search again should.
    """

    decision: Decision
    score: float = 0.0
    margin: float = 0.0
    coverage: float = 0.0
    evidence: float = 0.0
    looked_for: str = ""
    missing: list[str] = []
    titles: list[str] = []
    foreign: bool = False


def judge(questions: Sequence[Message], history: Sequence[Message], passages: Sequence[Source]) -> Verdict:
    """Decide whether the passages are enough for the questions."""
    theirs = [message for message in questions if message.role == "user"]
    texts = [message.content for message in theirs]
    asked = asked_of(theirs, history)
    if recall.noted(texts) or not asked:
        needs_more = any(words.words(text) and not words.is_small_talk(text) for text in texts) and not asked
        return Verdict(decision="clarify" if needs_more else "answer", looked_for=shortened(texts))
    wanted = [part for part in asked if recall.reply(part, ()) is None]
    if not wanted:
        return Verdict(decision="answer", looked_for=shortened(asked))
    return judged(wanted, [Passage(source) for source in passages], clear=is_clear(theirs, history))


def asked_of(questions: Sequence[Message], history: Sequence[Message]) -> list[str]:
    """Give a turn's questions one by one (`question.asked`); one that only points back is read with what it points to.

    "I'd like to see where my parcel is. Is this possible?" asks for a parcel.
    """
    parts = question.asked(list(questions), list(history))
    whole = " ".join(message.content.strip() for message in questions)
    if all(map(_stands_alone, parts)) or len(whole) > question.MAX_QUERY:
        return parts
    return [whole] if len(subject(whole)) > max(len(subject(part)) for part in parts) else parts


def judged(parts: Sequence[str], passages: Sequence[Passage], *, clear: bool = False) -> Verdict:
    """Decide about questions that were taken apart already.

    Args:
        parts: at least one.
        passages: what was found, in any order.
        clear: they are not to be asked back about.
    """
    asked = [evidence.question(part, passages) for part in parts]
    ranked = sorted(passages, key=lambda passage: -passage.score)
    best = [max((evidence.of(one, passage) for passage in ranked), default=0.0) for one in asked]
    enough = any(evidence.suffices(one, passage) for one in asked for passage in ranked)
    vague = not clear and all(is_vague(part, ranked) for part in parts)
    vague = vague or (not (clear or enough) and all(map(_complains, parts)))
    known = frozenset[str]().union(*(passage.stems for passage in passages))
    return Verdict(
        decision="clarify" if vague else "answer" if enough else "abstain",
        score=ranked[0].score if ranked else 0.0,
        margin=round(margin(ranked), 4),
        coverage=round(min(max((evidence.coverage(one, p) for p in ranked), default=0.0) for one in asked), 3),
        evidence=round(min(best), 4),
        looked_for=shortened(parts),
        missing=[word for one in asked for word in _missing(one, known)],
        titles=list(dict.fromkeys(passage.title for passage in ranked if passage.title))[:_MAX_TITLES],
        foreign=any(one.foreign for one in asked),
    )


def margin(ranked: Sequence[Passage]) -> float:
    """Say how much nearer the nearest document is than the next; passages nearest first."""
    if not ranked:
        return 0.0
    others = (passage.score for passage in ranked if passage.document != ranked[0].document)
    return ranked[0].score - next(others, 0.0)


def is_vague(part: str, ranked: Sequence[Passage]) -> bool:
    """Say whether nobody could know what is meant: no subject, or one word that several documents are about."""
    named = subject(part)
    if not named:
        return True
    if len(named) > 1 or _ASKS.search(part):
        return False
    if not ranked or ranked[0].score < evidence.UNRELATED:
        return _complains(part)
    if _complains(part):
        return margin(ranked) < 2 * _ABOUT_AS_NEAR
    having = {passage.document for passage in ranked if named[0] in passage.stems}
    return len(having) != 1 and margin(ranked) < _ABOUT_AS_NEAR


def _complains(part: str) -> bool:
    """Say whether a text says that something is the matter, with no more than one word of what."""
    return len(subject(part)) < 2 and len(words.content(part)) > len(subject(part)) and not _ASKS.search(part)


def subject(part: str) -> list[str]:
    """Give the stems of the words that say what a question is about."""
    return [word for word in words.content(part) if word not in _MATTER]


def _stands_alone(part: str) -> bool:
    named = subject(part)
    return len(named) > 1 or (len(named) == 1 and not _POINTS_BACK.search(part))


def is_clear(questions: Sequence[Message], history: Sequence[Message]) -> bool:
    """Say whether asking back is out of place: a file came with the question, or we have just asked back."""
    if any(message.attachments for message in questions):
        return True
    ours = next((message for message in reversed(history) if message.role in ("assistant", "operator")), None)
    return ours is not None and bool(ours.metadata.get(CLARIFIED))


def shortened(parts: Sequence[str]) -> str:
    """Give what was asked in the customer's words, on one line; no address and no long number is repeated."""
    text = " ".join(_PRIVATE.sub("…", " ".join(parts)).split())
    if len(text) <= MAX_LOOKED_FOR:
        return text
    return (text[:MAX_LOOKED_FOR].rpartition(" ")[0] or text[:MAX_LOOKED_FOR]) + " …"


def _missing(asked: Question, known: frozenset[str]) -> list[str]:
    written = {words.stem(word): word for word in reversed(words.words(asked.text))}
    return [written.get(stem, stem) for stem in asked.weight if stem not in known]
