"""Excerpts: the few sentences of a passage that answer a question, quoted as they are."""

import re
from collections.abc import Mapping, Sequence
from math import log1p

from . import words

MAX_CHARACTERS = 350
MAX_SENTENCES = 3
# A single sentence longer than this is cut at a word. A list is never cut: half of its steps would mislead.
MAX_SENTENCE = 600

# The first sentence of a help passage mostly carries its main fact, so it wins where the words do not decide.
_FIRST = 0.25
# A sentence with a duration answers "how long", one with a price "how much", whatever its other words.
_KIND = 0.3

_STEPS = re.compile(r"\bhow (?:do|can|could|should|would|to|must)\b|\bsteps?\b", re.IGNORECASE)
_POINTS_BACK = re.compile(r"(?:it|they|this|these|that|those|then|such)\b", re.IGNORECASE)
_KINDS = (
    (
        re.compile(r"\b(?:how (?:long|soon|fast|quickly|late)|when|what time|hours|deadline)\b", re.IGNORECASE),
        re.compile(
            r"\d+\s*(?:(?:business|working|calendar)\s+)?(?:minute|hour|day|week|month|year)s?\b|\b\d{1,2}:\d\d\b",
            re.IGNORECASE,
        ),
    ),
    (
        re.compile(r"\b(?:how much|costs?|price|fees?|charge|expensive)\b", re.IGNORECASE),
        re.compile(r"[$€£]\s?\d|\d\s?[$€£%]|\bfree\b", re.IGNORECASE),
    ),
)
# Here the question must be plain, and any word of the kind will do: "you see its price at checkout".
_NEEDED = (
    (
        re.compile(r"\bhow (?:long|many (?:minutes|hours|days|weeks|months))\b", re.IGNORECASE),
        re.compile(
            r"\b(?:minute|hour|day|week|month|year|night|time|long|until|immediate|soon)|\d:\d\d", re.IGNORECASE
        ),
    ),
    (
        re.compile(r"\bhow (?:much|expensive)\b(?=.*\b(?:costs?|is|are|pay|charged?)\b)|\bprice of\b", re.IGNORECASE),
        re.compile(
            r"[$€£%]|\b(?:free|prices?|priced|pricing|costs?|charged?|charges|fees?|pay|paid|cents?|euros?|dollars?)\b",
            re.IGNORECASE,
        ),
    ),
)


def weights(sentences: Sequence[frozenset[str]], asked: Sequence[str]) -> dict[str, float]:
    """Weigh a question's words by how few of the candidate sentences (given as stems) have them.

    Inverse document frequency, log(1 + N / (1 + n)): Spärck Jones, "A statistical interpretation of term specificity"
    (1972), smoothed so that a word that all have still counts.
    """
    total = len(sentences)
    return {word: log1p(total / (1 + sum(word in stems for stems in sentences))) or 1.0 for word in asked}


def coverage(stems: frozenset[str], weight: Mapping[str, float]) -> float:
    """Say how much of a question's words a text has, by weight: 0 (none) to 1 (all)."""
    whole = sum(weight.values())
    return sum(value for word, value in weight.items() if word in stems) / whole if whole else 0.0


def pick(sentences: Sequence[str], question: str, weight: Mapping[str, float]) -> list[int]:
    """Choose the sentences that answer a question: the numbers of one to three of them, in order.

    The best sentence is the one with most of the question's words; it is quoted from the passage's beginning where
    that fits, because later sentences lean on earlier ones ("The page shows ..."). Later ones are added where they
    have words of the question that are still missing, and what follows directly where the question asks for steps.
    """
    if not sentences:
        return []
    stems = [words.stems(sentence) for sentence in sentences]
    best = max(range(len(sentences)), key=lambda n: (_score(sentences[n], stems[n], n, question, weight), -n))
    chosen = _lead(sentences, best)
    wanted = set(weight).difference(*(stems[n] for n in chosen))
    for later in range(best + 1, len(sentences)):
        if wanted & stems[later] and _fits(sentences, [*chosen, later]):
            chosen.append(later)
            wanted -= stems[later]
    for following in range(best + 1, len(sentences) if _STEPS.search(question) else 0):
        if following in chosen:
            continue
        if not _fits(sentences, [*chosen, following]):
            break
        chosen.append(following)
    return sorted(chosen)


def quote(sentences: Sequence[str], chosen: Sequence[int]) -> str:
    """Join chosen sentences as they stand; a list keeps its lines."""
    text = ""
    for number in chosen:
        sentence = _shortened(sentences[number])
        text += (("\n" if "\n" in text or "\n" in sentence else " ") if text else "") + sentence
    return text


def tells(sentences: Sequence[str], question: str) -> bool:
    """Say whether a question asks for a duration or a price and one of the sentences gives one."""
    return any(_tells(sentence, question) for sentence in sentences)


def lacks(sentences: Sequence[str], question: str) -> bool:
    """Say whether a question asks for a price or an amount of time and no sentence has anything of the kind."""
    return any(
        asks.search(question) and not any(gives.search(sentence) for sentence in sentences) for asks, gives in _NEEDED
    )


def _tells(sentence: str, question: str) -> bool:
    return any(asks.search(question) and gives.search(sentence) for asks, gives in _KINDS)


def _score(sentence: str, stems: frozenset[str], number: int, question: str, weight: Mapping[str, float]) -> float:
    return coverage(stems, weight) + _FIRST * (number == 0) + _KIND * _tells(sentence, question)


def _lead(sentences: Sequence[str], best: int) -> list[int]:
    """Give the sentences up to the best one that are quoted with it."""
    from_start = list(range(best + 1))
    if _fits(sentences, from_start):
        return from_start
    before = [best - 1, best]
    leans = best > 0 and _POINTS_BACK.match(sentences[best]) is not None
    return before if leans and _fits(sentences, before) else [best]


def _fits(sentences: Sequence[str], chosen: Sequence[int]) -> bool:
    return len(chosen) <= MAX_SENTENCES and sum(len(sentences[n]) + 1 for n in chosen) <= MAX_CHARACTERS


def _shortened(sentence: str) -> str:
    if len(sentence) <= MAX_SENTENCE or "\n" in sentence:
        return sentence
    return sentence[:MAX_SENTENCE].rpartition(" ")[0] + " …"
