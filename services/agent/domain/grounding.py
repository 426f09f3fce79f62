"""Grounding: how well an answer is supported by its sources, judged sentence by sentence as its text leaves.

Nothing is rewritten: what is found changes an answer's sources, its confidence and its metadata only.

- A sentence **states** something, or it does not count: questions, greetings, offers and "I don't know" do not.
- Its **share** for a passage is the part of its content words that the passage or its title has, weighed by their rarity
  (`excerpt.weights`). Where it has quantities (`quantities`) that the passage has not, the share is 0. So it is where the
  sentence that is nearest to it of all that was given says "not" before a word that it says without, or the other way round.
- It is **supported** where what it cites (all passages together) has a share of at least 0.5, or any other passage, or what a
  tool has told, one of 0.6. It is **contradicted** where it has a quantity that nothing that was given to the model has.
- Stems are English, so a sentence in another language is supported where it cites and its quantities are those of what it
  cites.
- **Confidence** = chance x groundedness: the calibrated chance that the passages used are the right ones for the questions
  (`evidence`, `calibration`; the mean over the questions), times the mean over the stating sentences of 0.5 + 0.5 share where
  supported and 0 where not. Answers that rest on tools alone have no such chance: 0.9 takes its place.
"""

import re
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from libs.contracts.knowledge import Source
from libs.contracts.session import Message

from . import calibration, evidence, sufficiency
from .claims import Claim, Ground, Rarity
from .prompt import MAX_SOURCES
from .quantities import Quantity, agrees

LEAST_CITED = 0.5
LEAST_MATCHED = 0.6
_OF_TOOLS = 0.9
# What is longer without an end is no sentence; it is judged in parts.
_LONGEST = 2_000

_MAY_END = re.compile(r"[.!?…\n]")
_END = re.compile(r"\n+|[.!?…]+[\"'”’)\]»*]*(?:\s?\[\d{1,3}\])*(?=\s+[^\s\[])")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|approx|no|mr|mrs|ms|dr|z\.b|p\.m|a\.m)|\b[A-Z])\.$", re.IGNORECASE)


class Support(Struct, frozen=True, kw_only=True):
    """How well an answer is supported.

    Attributes:
        used: ranks of the passages that support it and that it does not cite, best first.
        confidence: 0..1, see above; None where the text states nothing.
        sentences: how many state something.
        supported: how many of these are supported.
        contradicted: how many have a quantity that nothing has.
    """

    used: list[int] = []
    confidence: float | None = None
    sentences: int = 0
    supported: int = 0
    contradicted: int = 0


class Grounding:
    """Hears one answer's text as it leaves.

    Args:
        passages: what the model was given.
        questions: what is answered.
        cited: the ranks that `[1]`, `[2]` ... stand for, a list that grows (`Citations.used`); without it the marks say that a
            sentence cites, and not what.
    """

    def __init__(
        self, passages: Sequence[Source], questions: Sequence[Message], cited: Sequence[int] | None = None
    ) -> None:
        self._questions = [message for message in questions if message.role == "user"]
        self._cited = cited
        # Taken apart only when the first sentence is judged: nobody waits for that.
        self._waiting: list[Source | str] = []
        self._grounds: list[Ground] = []
        self._rarity = Rarity()
        self._own_numbers = {n for q in self._questions for n in re.findall(r"\d{4,}", q.content)}
        self._buffer = ""
        self._may_end = False
        self._strengths: list[float] = []
        self._supported = self._contradicted = 0
        self._weights: Counter[int] = Counter()
        self._named: set[int] = set()
        self.add(passages)

    def add(self, passages: Sequence[Source]) -> None:
        """Let further passages support what follows: those that a tool has found."""
        self._waiting += passages

    def told(self, text: str) -> None:
        """Let what a tool said support what follows; it cannot be cited."""
        self._waiting.append(text[:_LONGEST])

    def hear(self, text: str) -> None:
        """Take a further piece of what has left; judge the sentences that it ends."""
        self._buffer += text
        self._may_end = self._may_end or _MAY_END.search(text) is not None
        while self._may_end and (end := self._next_end()):
            self._judge(self._buffer[:end])
            self._buffer = self._buffer[end:]
            self._may_end = _MAY_END.search(self._buffer) is not None
        if len(self._buffer) > _LONGEST:
            self._judge(self._buffer)
            self._buffer = ""

    def finish(self) -> Support:
        """Say how well the text is supported: no piece follows."""
        self._judge(self._buffer)
        self._buffer = ""
        if not self._strengths:
            return Support()
        taken = {0, *self._named, *(self._cited or ())}
        matched = [rank for rank, _ in self._weights.most_common() if rank not in taken]
        return Support(
            used=matched[: max(0, MAX_SOURCES - len(self._cited or ()))],
            confidence=self._confidence(),
            sentences=len(self._strengths),
            supported=self._supported,
            contradicted=self._contradicted,
        )

    def _take_apart(self) -> None:
        for source in self._waiting:
            ground = Ground(source)
            self._grounds.append(ground)
            self._rarity.add(ground.sentence_stems)
        self._waiting.clear()

    def _next_end(self) -> int:
        """Find the end of the first sentence in the buffer; 0 where it has not ended surely."""
        for end in _END.finditer(self._buffer):
            if not _ABBREVIATION.search(self._buffer, max(0, end.start() - 8), end.start() + 1):
                return end.end()
        return 0

    def _judge(self, sentence: str) -> None:
        """Match one sentence against what was given."""
        if not sentence.strip():
            return
        self._take_apart()
        claim = Claim(sentence, self._rarity)
        if not claim.states:
            return
        cited = [ground for ground in self._grounds if ground.rank in self._ranks(claim.marks)]
        strength, grounds = self._best(claim, cited)
        self._strengths.append(0.5 + 0.5 * strength if strength else 0.0)
        self._supported += strength > 0
        if not strength and not all(self._is_known(quantity) for quantity in claim.quantities):
            self._contradicted += 1
        for ground in grounds:
            self._weights[ground.rank] += 1

    def _best(self, claim: "Claim", cited: "list[Ground]") -> "tuple[float, list[Ground]]":
        """Give the share of what supports a sentence, and that; (0, nothing) where nothing does."""
        known = self._own_numbers
        if claim.is_denied(self._grounds):
            return 0.0, []
        if cited:
            share = claim.share(cited, known)
            if share < LEAST_CITED and claim.foreign and claim.agrees(cited, known):
                share = LEAST_CITED
            if share >= LEAST_CITED:
                return share, cited
        shares = [claim.share([ground], known) for ground in self._grounds]
        share = max(shares, default=0.0)
        return (share, [self._grounds[shares.index(share)]]) if share >= LEAST_MATCHED else (0.0, [])

    def _ranks(self, marks: Sequence[int]) -> set[int]:
        ranks = self._cited
        if ranks is None:
            return set()
        named = {ranks[mark - 1] for mark in marks if 0 < mark <= len(ranks)}
        self._named |= named
        return named

    def _is_known(self, quantity: Quantity) -> bool:
        return quantity.number in self._own_numbers or any(
            agrees(quantity, ground.quantities) for ground in self._grounds
        )

    def _confidence(self) -> float:
        grounded = sum(self._strengths) / len(self._strengths)
        used = [g.passage for g in self._grounds if g.passage and (self._weights[g.rank] or g.rank in self._named)]
        if not used:
            return round(_OF_TOOLS * grounded, 3)
        everything = [ground.passage for ground in self._grounds if ground.passage]
        asked = [evidence.question(part, everything) for part in sufficiency.asked_of(self._questions, ())]
        chances = [max(calibration.chance(evidence.of(one, passage)) for passage in used) for one in asked]
        return round(grounded * (sum(chances) / len(chances) if chances else _OF_TOOLS), 3)
