"""Claims: sentences of an answer, and the grounds that may support them (`grounding` has the rules)."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property, lru_cache
from math import fsum, log1p

from libs.contracts.knowledge import Source

from . import evidence, words
from .evidence import Passage
from .quantities import Quantity, agrees, quantities

# A source sentence with so much of a sentence's words says the same, or its opposite.
_SAME = 0.75
_LONG_FOREIGN = 8

_MARK = re.compile(r"\[(\d{1,3})\]")
# What a sentence may begin with, whatever it then states: "Of course, you can pay with Bitcoin" states something.
_OPENING = re.compile(
    r"^\W*(?:(?:and|but|so|hi|hello|hey|yes|no(?=\s*[,.!–])|sure|of course|certainly|absolutely|great|good (?:news|question|morning|evening|day)|no problem"
    r"|you're welcome|(?:i'm|i am) (?:very |so |really )?sorry|sorry|i apologi[sz]e|i understand|thanks|thank you|hallo|guten tag|gerne|natürlich|ja"
    r"|nein|hola|claro|sí|bonjour|bien sûr|oui)\b[\s,;:!.–-]*)+",
    re.IGNORECASE,
)
_STATES_NOTHING = re.compile(
    r"[?？][\"”’)\s]*$"
    r"|^(?:for (?:getting|your|reaching|contacting|asking|writing)|happy to|glad to|i'm happy|i'd be happy|i'm glad|please let|let me know|feel free"
    r"|is there anything|i hope|here (?:is|are)\b.*:$|enjoy|have a (?:nice|great)"
    r"|if you (?:have|need|want|like|would)\b.*\b(?:let me|tell me|ask|person|colleague|help you|i can))\b"
    r"|\bi(?: am|'m)? (?:don't|do not|can't|cannot|couldn't|could not|not sure|wasn't able|unable|didn't|did not)\b"
    r"|\bi (?:can|could|will|would|'ll) (?:help|connect|pass|ask|hand|look|check|get|also help|put)\b|\b(?:ask for|speak to|talk to) a person\b"
    r"|\b(?:help pages|documentation|information i have|provided information|sources?) (?:do(?:es)? not|don't|doesn't)\b"
    r"|\b(?:ich konnte|weiß ich nicht|no he encontrado|no sé|je n'ai (?:rien|pas))\b",
    re.IGNORECASE,
)
_TOLD_END = re.compile(r"[\n;]+|(?<!\d)\.|\.(?!\d)")
_NOT = frozenset(("not", "never", "no", "cannot", "nor", "neither"))
# Of times, "9 am": the quantity says it.
_NO_WORDS = frozenset(("am", "pm", "a.m", "p.m"))


class Rarity:
    """How rare words are among all sentences that were given."""

    def __init__(self) -> None:
        self._having: Counter[str] = Counter()
        self._total = 0

    def add(self, sentences: Sequence[frozenset[str]]) -> None:
        """Count further sentences, given as stems."""
        self._total += len(sentences)
        for stems in sentences:
            self._having.update(stems)

    def weight(self, stem: str) -> float:
        """Weigh a word as `excerpt.weights` does."""
        return log1p(self._total / (1 + self._having[stem])) or 1.0


class Ground:
    """Something that may support a sentence: a passage, or what a tool said (with no passage, rank 0)."""

    def __init__(self, source: Source | str) -> None:
        self.passage = None if isinstance(source, str) else Passage(source)
        self._quantities: frozenset[Quantity] | None = None
        if self.passage:
            self.rank, self.stems = self.passage.rank, self.passage.stems
            self.sentences, self.sentence_stems = self.passage.sentences, self.passage.sentence_stems
        else:
            self.rank = 0
            self.sentences = [line for line in _TOLD_END.split(str(source)) if line.strip()]
            self.sentence_stems = [words.stems(line) for line in self.sentences]
            self.stems = frozenset[str]().union(*self.sentence_stems)

    @property
    def quantities(self) -> frozenset[Quantity]:
        """Its quantities, found when they are first asked for: many answers have none."""
        if self._quantities is None:
            title = self.passage.title if self.passage else ""
            self._quantities = _quantities_of("\n".join([*self.sentences, title]))
        return self._quantities


# The same few passages answer most questions.
_quantities_of = lru_cache(maxsize=512)(quantities)


class Claim:
    """A sentence, and what of it is compared."""

    def __init__(self, sentence: str, rarity: Rarity) -> None:
        self.marks = [int(mark) for mark in _MARK.findall(sentence)]
        self._text = text = _OPENING.sub("", _MARK.sub("", sentence).strip().replace("’", "'"))
        compared = [stem for stem in words.content(text) if not stem.isdigit() and stem not in _NO_WORDS]
        self._weight = {stem: rarity.weight(stem) for stem in compared}
        self._total = fsum(self._weight.values())
        self.quantities = quantities(text, stated=True)
        count = len(self._weight)
        enough = count >= _LONG_FOREIGN or (count >= 2 and not self.foreign)
        said = enough or bool(self.quantities) or bool(self.marks)
        self.states = said and (bool(self._weight) or bool(self.quantities)) and not _STATES_NOTHING.search(text)

    @cached_property
    def foreign(self) -> bool:
        """Whether it is surely in another language than English; found when it is asked for, as most need not know."""
        return evidence.is_foreign(self._text)

    def agrees(self, grounds: Sequence[Ground], known: set[str]) -> bool:
        """Say whether all its quantities are in what is given, or were the customer's own."""
        return all(
            quantity.number in known or any(agrees(quantity, ground.quantities) for ground in grounds)
            for quantity in self.quantities
        )

    def share(self, grounds: Sequence[Ground], known: set[str]) -> float:
        """Say how much of it these say together, 0..1."""
        if not self.agrees(grounds, known):
            return 0.0
        if not self._total:
            return 1.0
        first, *others = (ground.stems for ground in grounds)
        return self._of(first.union(*others) if others else first)

    def _of(self, stems: frozenset[str]) -> float:
        shared = self._weight.keys() & stems
        return fsum(self._weight[stem] for stem in shared) / self._total if shared else 0.0

    def is_denied(self, grounds: Sequence[Ground]) -> bool:
        """Say whether the sentence that is nearest to it says the same with a "not" more or less."""
        if not self._total:
            return False
        pairs = (
            (self._of(stems), n, text)
            for g in grounds
            for n, (text, stems) in enumerate(zip(g.sentences, g.sentence_stems, strict=True))
        )
        share, _, nearest = max(pairs, default=(0.0, 0, ""))
        if share < _SAME:
            return False
        ours, theirs = _negated(self._text), _negated(nearest)
        return not (ours - theirs).isdisjoint(words.content(nearest)) or not (theirs - ours).isdisjoint(self._weight)


def _negated(text: str) -> set[str]:
    """Give the stems of the words that a text says "not" before."""
    found, negating = set[str](), False
    for word in words.words(text):
        if word in _NOT or word.endswith("n't"):
            negating = True
        elif negating and (stems := words.content(word)):
            found.update(stems)
            negating = False
    return found
