"""Extracts: a short cited answer put together from passages, with no language model.

**Support**, how well a passage supports an answer to a question, is

    0.6 R + 0.4 C    for a turn with one question
    0.3 R + 0.7 C    with several: the search was for all of them together, so its relevance says less about each

where R is the passage's relevance score stretched so that 0.25 (the cosine of unrelated texts) is 0 and 0.65 (of a
question and its answer, with MiniLM) is 1, and C the part of the question's content words, weighed by their rarity in
the passages, that the passage or its title has. A turn's **confidence** is the mean over its questions of the best
support; a question without an answer counts 0, one about what the customer has told counts 1 where it is known. So a close passage alone gives 0.6, and shared words alone at most 0.4.
"""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from libs.contracts.knowledge import Source

from . import excerpt, question, recall, replies, words
from .prompt import MAX_SOURCES, Outcome, Prompt
from .sentences import sentences

UNRELATED, RELATED = 0.25, 0.65
# Below this much support no answer is better than a wrong one.
LEAST = 0.3
LEAST_OF_SEVERAL = 0.4
# Below this much the answer says of itself that it is only the closest thing found.
SURE = 0.5
# A passage with a duration is preferred where the question is "how long", and so on (`excerpt.tells`).
_PREFERENCE = 0.2
# No passage is that long; a document that was loaded whole must not hold the event loop.
_MAX_PASSAGE = 6_000

_PIECE = re.compile(r"\s*\S+\s*|\s+")


class Extract(Struct, frozen=True):
    """An answer's text and what is to be said about it."""

    text: str
    outcome: Outcome


class _Passage:
    """A candidate with what is counted about it."""

    def __init__(self, source: Source) -> None:
        self.rank = source.rank
        self.relevance = min(1.0, max(0.0, (source.relevance_score - UNRELATED) / (RELATED - UNRELATED)))
        self.sentences = sentences(source.content[:_MAX_PASSAGE])
        self.sentence_stems = [words.stems(sentence) for sentence in self.sentences]
        self.title_stems = words.stems(str(source.metadata.get("title", "")))
        self.stems = self.title_stems.union(*self.sentence_stems)


class _Found(Struct):
    """The answer to one question: sentences of a passage, and how well they support it."""

    question: str
    support: float = 0.0
    passage: _Passage | None = None
    chosen: list[int] = []
    beside: "_Found | None" = None


def compose(prompt: Prompt) -> Extract:
    """Answer a prompt from what the customer has told, and from its passages; say which files could not be read."""
    answer = _compose(prompt)
    if not prompt.unread:
        return answer
    return Extract(f"{answer.text}\n\n{replies.not_read(prompt.unread)}", answer.outcome)


def _compose(prompt: Prompt) -> Extract:
    texts = [message.content for message in prompt.questions]
    if noted := recall.noted(texts):
        return Extract(noted, Outcome())
    asked = question.asked(prompt.questions, prompt.history)
    if not asked:
        return Extract(replies.small_talk(texts), Outcome())
    recalled = {part: reply for part in asked if (reply := recall.reply(part, prompt.facts))}
    rest = [part for part in asked if part not in recalled]
    return _with_recalled(list(recalled.values()), _looked_up(rest, prompt) if rest else None)


def _looked_up(asked: list[str], prompt: Prompt) -> Extract:
    """Answer questions from the passages."""
    passages = [_Passage(source) for source in prompt.passages]
    found = [_find(part, passages, alone=len(asked) == 1) for part in asked]
    if all(one.passage is None for one in found):
        return Extract(replies.NOTHING_FOUND, Outcome(confidence=0.0))
    written = _written(found)
    reminder = recall.reminder([message.content for message in prompt.questions], prompt.facts)
    return Extract(f"{written.text}\n\n{reminder}", written.outcome) if reminder else written


def _with_recalled(recalled: list[tuple[str, bool]], looked_up: Extract | None) -> Extract:
    """Put what is known from the customer before what the passages say; each question weighs alike."""
    if looked_up and not recalled:
        return looked_up
    parts = [text for text, _ in recalled]
    certain = [1.0 if known else 0.0 for _, known in recalled]
    if looked_up is None:
        return Extract("\n\n".join(parts), Outcome(confidence=round(sum(certain) / len(certain), 3)))
    whole = [*certain, looked_up.outcome.confidence or 0.0]
    outcome = replace(looked_up.outcome, confidence=round(sum(whole) / len(whole), 3))
    return Extract("\n\n".join([*parts, looked_up.text]), outcome)


def pieces(text: str) -> Iterator[str]:
    """Give a text word by word; joined they are the text."""
    return (match[0] for match in _PIECE.finditer(text))


def _find(part: str, passages: Sequence[_Passage], *, alone: bool) -> _Found:
    """Find the passage that supports an answer best, and its sentences."""
    candidates = [stems for passage in passages for stems in (passage.title_stems, *passage.sentence_stems)]
    weight = excerpt.weights(candidates, words.content(part))

    def support(passage: _Passage) -> float:
        share = 0.6 if alone else 0.3
        return share * passage.relevance + (1 - share) * excerpt.coverage(passage.stems, weight)

    def preference(passage: _Passage) -> float:
        return support(passage) + _PREFERENCE * excerpt.tells(passage.sentences, part)

    best = max((passage for passage in passages if passage.sentences), key=preference, default=None)
    if best is None or support(best) < (LEAST if alone else LEAST_OF_SEVERAL):
        return _Found(part)
    chosen = excerpt.pick(best.sentences, part, weight)
    others = [passage for passage in passages if passage is not best]
    beside = _beside(part, best, chosen, others, weight) if alone else None
    return _Found(part, round(support(best), 3), best, chosen, beside)


def _beside(
    part: str, best: _Passage, chosen: list[int], others: Sequence[_Passage], weight: dict[str, float]
) -> _Found | None:
    """Find one sentence of another close passage that says more about what was asked than is said already."""
    said = frozenset[str]().union(*(best.sentence_stems[n] for n in chosen))
    missing = {word for word in weight if word not in said}
    for other in others:
        for number, stems in enumerate(other.sentence_stems):
            shared = weight.keys() & stems
            if missing & shared and len(shared) > 1 and other.relevance >= best.relevance / 2:
                return _Found(part, 0.0, other, [number])
    return None


def _written(found: list[_Found]) -> Extract:
    """Write the answer: a paragraph for each passage, its number behind it; then what was not found."""
    quoted: dict[int, tuple[_Passage, set[int]]] = {}
    for one in [one for answer in found for one in (answer, answer.beside) if one]:
        if one.passage and (one.passage.rank in quoted or len(quoted) < MAX_SOURCES):
            quoted.setdefault(one.passage.rank, (one.passage, set()))[1].update(one.chosen)
    paragraphs = [
        f"{excerpt.quote(passage.sentences, sorted(chosen))} [{number}]"
        for number, (passage, chosen) in enumerate(quoted.values(), start=1)
    ]
    confidence = round(sum(one.support for one in found) / len(found), 3)
    if len(found) == 1 and confidence < SURE:
        paragraphs[0] = replies.CLOSEST + paragraphs[0]
    paragraphs += [replies.nothing_about(one.question) for one in found if one.passage is None]
    return Extract("\n\n".join(paragraphs), Outcome(used=list(quoted), confidence=confidence))
