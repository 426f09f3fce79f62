"""Extracts: a short cited answer put together from passages, with no language model.

Whether there is an answer at all is `sufficiency`'s to say. A question alone is answered from the passage with most
evidence (`evidence`), and its **confidence** is the chance that this is the right place (`calibration`). Of several questions
the search was for all together, so that its relevance says less about each: each is answered where

    0.3 R + 0.7 C >= 0.4

R being the relevance score stretched so that 0.25 (unrelated) is 0 and 0.65 (question and answer, with MiniLM) is 1, C the
part of the question's words that the passage has. A turn's confidence is the mean over its questions; one without an
answer counts 0, one about what the customer has told counts 1 where it is known.
"""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from . import calibration, evidence, excerpt, languages, recall, replies, sufficiency
from .evidence import Passage, Question
from .prompt import MAX_SOURCES, Outcome, Prompt

UNRELATED, RELATED = 0.25, 0.65
LEAST_OF_SEVERAL = 0.4
# Below this much confidence the answer says of itself that it is only the closest thing found.
SURE = 0.6
# Of several passages that are enough, shared words choose a little more than they decide about enough, and a passage with
# a duration is preferred where the question is "how long", and so on (`excerpt.tells`).
_SHARED_WORDS, _TELLS = 0.04, 0.1
_MOST_TOLD = 3  # sentences of the answer behind a question

_PIECE = re.compile(r"\s*\S+\s*|\s+")
_KNOWN: dict[languages.Tongue, str] = {
    "en": "I can tell you about these, for example: {}.",
    "de": "Ich kann zum Beispiel hierzu etwas sagen: {}.",
    "es": "Puedo informarle, por ejemplo, sobre: {}.",
    "fr": "Je peux vous renseigner, par exemple, sur : {}.",
}


class Extract(Struct, frozen=True):
    """An answer's text and what is to be said about it."""

    text: str
    outcome: Outcome


class _Found(Struct):
    """The answer to one question: sentences of a passage, and how well they support it."""

    question: str
    confidence: float = 0.0
    passage: Passage | None = None
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
    asked = sufficiency.asked_of(prompt.questions, prompt.history)
    if not asked:
        return Extract(replies.small_talk(texts), Outcome())
    recalled = {part: reply for part in asked if (reply := recall.reply(part, prompt.facts))}
    rest = [part for part in asked if part not in recalled]
    return _with_recalled(list(recalled.values()), _looked_up(rest, prompt) if rest else None)


def _looked_up(asked: list[str], prompt: Prompt) -> Extract:
    """Answer questions from the passages, ask back, or say that there is no answer."""
    passages = [Passage(source) for source in prompt.passages]
    clear = sufficiency.is_clear(prompt.questions, prompt.history)
    verdict = sufficiency.judged(asked, passages, clear=clear)
    language = languages.spoken([*prompt.history, *prompt.questions]).ours
    if verdict.decision == "clarify":
        return _asked_back(verdict.titles, language)
    found = [_find(evidence.question(part, passages), passages, alone=len(asked) == 1) for part in asked]
    if all(one.passage is None for one in found):
        told = {"abstained": True, "looked_for": verdict.looked_for, "retrieval_score": verdict.score}
        return Extract(replies.abstention(verdict.looked_for, language), Outcome(confidence=0.0, metadata=told))
    written = _written(found, verdict.score)
    reminder = recall.reminder([message.content for message in prompt.questions], prompt.facts)
    return Extract(f"{written.text}\n\n{reminder}", written.outcome) if reminder else written


def _asked_back(titles: Sequence[str], language: languages.Tongue) -> Extract:
    """Ask what is meant, and name what there is; that is no answer, so it has no confidence."""
    text = replies.clarifying(language)
    if titles:
        text = f"{text} {_KNOWN[language].format(', '.join(f'“{title}”' for title in titles))}"
    return Extract(text, Outcome(metadata={sufficiency.CLARIFIED: True}))


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


def _find(asked: Question, passages: Sequence[Passage], *, alone: bool) -> _Found:
    """Find the passage that supports an answer best, and its sentences."""

    def preference(passage: Passage) -> float:
        near = evidence.of(asked, passage) + _SHARED_WORDS * evidence.coverage(asked, passage)
        return (near if alone else _of_several(asked, passage)) + _TELLS * excerpt.tells(passage.sentences, asked.text)

    def enough(passage: Passage) -> bool:
        if alone:
            return evidence.suffices(asked, passage)
        return _of_several(asked, passage) >= LEAST_OF_SEVERAL

    best = max((p for p in passages if p.sentences and enough(p)), key=preference, default=None)
    if best is None:
        return _Found(asked.text)
    chosen = _told(best, excerpt.pick(best.sentences, asked.text, asked.weight))
    others = [passage for passage in passages if passage is not best]
    beside = _beside(asked, best, chosen, others) if alone else None
    confidence = calibration.chance(evidence.of(asked, best)) if alone else _of_several(asked, best)
    return _Found(asked.text, round(confidence, 3), best, chosen, beside)


def _told(passage: Passage, chosen: list[int]) -> list[int]:
    """Give the answer in place of a question: of a list of questions and answers, what stands behind the question."""
    asking = {number for number, sentence in enumerate(passage.sentences) if sentence.rstrip().endswith("?")}
    if not asking.intersection(chosen):
        return chosen
    begin = min(asking.intersection(chosen)) + 1
    end = next((number for number in range(begin, len(passage.sentences)) if number in asking), len(passage.sentences))
    return list(range(begin, min(end, begin + _MOST_TOLD))) or chosen


def _of_several(asked: Question, passage: Passage) -> float:
    relevance = min(1.0, max(0.0, (passage.score - UNRELATED) / (RELATED - UNRELATED)))
    return 0.3 * relevance + 0.7 * evidence.coverage(asked, passage)


def _beside(asked: Question, best: Passage, chosen: list[int], others: Sequence[Passage]) -> _Found | None:
    """Find one sentence of another close passage that says more about what was asked than is said already."""
    said = frozenset[str]().union(*(best.sentence_stems[n] for n in chosen))
    missing = {word for word in asked.weight if word not in said}
    for other in others:
        for number, stems in enumerate(other.sentence_stems):
            shared = asked.weight.keys() & stems
            if other.sentences[number].rstrip().endswith("?"):
                continue  # a question tells nothing
            if missing & shared and len(shared) > 1 and other.score >= (best.score + UNRELATED) / 2:
                return _Found(asked.text, 0.0, other, [number])
    return None


def _written(found: list[_Found], score: float) -> Extract:
    """Write the answer: a paragraph for each passage, its number behind it; then what was not found."""
    quoted: dict[int, tuple[Passage, set[int]]] = {}
    for one in [one for answer in found for one in (answer, answer.beside) if one]:
        if one.passage and (one.passage.rank in quoted or len(quoted) < MAX_SOURCES):
            quoted.setdefault(one.passage.rank, (one.passage, set()))[1].update(one.chosen)
    paragraphs = [
        f"{excerpt.quote(passage.sentences, sorted(chosen))} [{number}]"
        for number, (passage, chosen) in enumerate(quoted.values(), start=1)
    ]
    confidence = round(sum(one.confidence for one in found) / len(found), 3)
    if len(found) == 1 and confidence < SURE:
        paragraphs[0] = replies.CLOSEST + paragraphs[0]
    paragraphs += [replies.nothing_about(one.question) for one in found if one.passage is None]
    outcome = Outcome(used=list(quoted), confidence=confidence, metadata={"retrieval_score": score})
    return Extract("\n\n".join(paragraphs), outcome)
