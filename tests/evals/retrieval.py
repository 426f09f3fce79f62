"""Retrieval: is the right document found, by which method, and does the score tell when nothing is right?

    python -m tests.evals.retrieval          # own collection, and the shared ones in EVALS_DIR or ../shared/evals
    python -m tests.evals.retrieval --ci     # own collection only

Searching is exact here and without a server, so that the methods are compared and not the engines. Ends with 1 where a figure
is not as declared. `docs/retrieval.md` says what was fitted on what.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from services.knowledge.domain import fusion, grouping, relevance

from .report import Figure, Options, Report, Table
from .retrieval_sets import Collection, Indexed, Matrix, Vectors, best, halves, indexed, opened_embedder, own, shared

_SHOWN = 10
_RECIPROCAL = 60  # the constant of rank fusion (Cormack and others, 2009)
# The share of answerable questions that may be turned away where nothing asked is answered, and where what is asked is near.
_FALSE_OUTSIDE = 0.01
_FALSE_NEAR = 0.05


class Found(Struct, frozen=True, kw_only=True):
    """What a method gives for one question: the documents in their order, and the score of the first result."""

    documents: Sequence[str]
    score: float


Method = Callable[[Indexed, int], Found]


class Measured(Struct, frozen=True, kw_only=True):
    """A method over a collection."""

    collection: Collection
    method: str
    found: Sequence[Found]
    milliseconds: float

    def of(self, *kinds: str, answerable: bool = True) -> list[tuple[frozenset[str], Found]]:
        """Questions of these kinds (all, where none is named) that have an answer, or none, with what was found."""
        return [
            (asked.relevant, found)
            for asked, found in zip(self.collection.questions, self.found, strict=True)
            if bool(asked.relevant) == answerable and (not kinds or asked.kind in kinds)
        ]


def by_meaning(index: Indexed, question: int) -> Found:
    """The cosine of question and passage alone."""
    return _in_order(index, index.dense[question])


def by_words(index: Indexed, question: int) -> Found:
    """BM25 alone."""
    return _in_order(index, index.words[question])


def by_rank(index: Indexed, question: int) -> Found:
    """Plain rank fusion of the two, 1:1."""
    places = np.zeros(len(index.passages), dtype=np.float32)
    for scores in (index.dense[question], index.words[question]):
        for place, at in enumerate(best(scores, fusion.CANDIDATES), 1):
            places[at] += 1 / (_RECIPROCAL + place)
    return _in_order(index, places)


def chosen(index: Indexed, question: int) -> Found:
    """What the service does."""
    short = fusion.shortlist(index.candidates(question))
    ranked = fusion.rank(index.collection.questions[question].text, short, index.texts)
    shown = grouping.grouped(ranked, _SHOWN)
    names = dict.fromkeys(group.best.found.passage.document_id for group in shown)
    return Found(documents=list(names), score=shown[0].best.score if shown else 0.0)


METHODS: dict[str, Method] = {"dense": by_meaning, "BM25": by_words, "rank fusion 1:1": by_rank, "chosen": chosen}


def _in_order(index: Indexed, scores: Matrix) -> Found:
    order = best(scores, 5 * _SHOWN)
    names = dict.fromkeys(index.passages[at].document_id for at in order if scores[at] > 0)
    return Found(documents=list(names)[:_SHOWN], score=float(scores[order[0]]))


def accuracy(rows: Sequence[tuple[frozenset[str], Found]]) -> float:
    """The share of questions whose first document is right."""
    return _mean([relevant.issuperset(found.documents[:1]) and len(found.documents) > 0 for relevant, found in rows])


def reciprocal_rank(rows: Sequence[tuple[frozenset[str], Found]]) -> float:
    """The mean of 1 / the place of the first right document, 0 below the tenth."""
    return _mean(
        [
            next((1 / at for at, name in enumerate(found.documents[:10], 1) if name in relevant), 0.0)
            for relevant, found in rows
        ]
    )


def gain(rows: Sequence[tuple[frozenset[str], Found]]) -> float:
    """nDCG@3, where a document is right or not."""
    return _mean([_gain(relevant, found.documents[:3]) for relevant, found in rows])


def _gain(relevant: frozenset[str], documents: Sequence[str]) -> float:
    got = sum(1 / math.log2(at + 1) for at, name in enumerate(documents, 1) if name in relevant)
    return got / sum(1 / math.log2(at + 1) for at in range(1, min(3, len(relevant)) + 1))


def abstention(answerable: Sequence[float], unanswerable: Sequence[float], false: float) -> tuple[float, float]:
    """How many unanswerable are below the highest threshold that turns away at most so many of the answerable; and it."""
    threshold = sorted(answerable)[math.floor(false * len(answerable))]
    return _mean([score < threshold for score in unanswerable]), threshold


def below(scores: Sequence[float], least: float = relevance.MIN_SCORE) -> float:
    """The share of scores that count as nothing found."""
    return _mean([score < least for score in scores])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


async def measured(collections: Sequence[Collection], vectors: Vectors, methods: Sequence[str]) -> list[Measured]:
    """Ask every question of every collection by every method."""
    results: list[Measured] = []
    for collection in collections:
        index = await indexed(collection, vectors)
        for name in methods:
            begun = time.process_time()
            found = [METHODS[name](index, number) for number in range(len(collection.questions))]
            spent = (time.process_time() - begun) * 1000 / len(found)
            results.append(Measured(collection=collection, method=name, found=found, milliseconds=spent))
    return results


async def run(options: Options, model: Path | None = None) -> Report:
    """Measure; only our own collection where `options.ci`."""
    embedder = await opened_embedder(model)
    vectors = Vectors(embedder)
    others = [] if options.ci else shared()
    try:
        results = await measured([own(), *others], vectors, list(METHODS))
        split = await measured([half for each in others for half in halves(each)], vectors, ["dense", "chosen"])
    finally:
        await embedder.close()
    ours = next(each for each in results if each.collection.name == "own" and each.method == "chosen")
    tables = [_found_table(results), _kinds_table(ours), _abstention_table([*results, *split])]
    notes = [
        f"Embedding a text took {1000 * _mean(vectors.seconds):.1f} ms on average; the milliseconds above are without it."
    ]
    if not others:
        notes.append("The shared sets were not asked for or are not at hand: EVALS_DIR names their folder.")
    return Report(title="Retrieval", figures=figures(ours), tables=tables, notes=notes)


def figures(ours: Measured) -> list[Figure]:
    """What CI holds, over our own collection: a little below what was measured."""
    # The model reads English: what it scores questions in other languages says nothing about a threshold.
    answerable = [found.score for _, found in ours.of("paraphrase", "exact", "misspelt")]
    outside = [found.score for _, found in ours.of("unanswerable", answerable=False)]
    near = [found.score for _, found in ours.of("near", answerable=False)]
    return [
        Figure(name="documents", value=float(len(ours.collection.documents)), least=60),
        Figure(name="questions", value=float(len(ours.collection.questions)), least=200),
        Figure(name="accuracy@1", value=accuracy(ours.of()), least=0.53),
        Figure(name="MRR@10", value=reciprocal_rank(ours.of()), least=0.63),
        Figure(name="nDCG@3", value=gain(ours.of()), least=0.63),
        *(
            Figure(name=f"accuracy@1, {kind}", value=accuracy(ours.of(kind)), least=least)
            for kind, least in (("paraphrase", 0.48), ("exact", 0.88), ("misspelt", 0.61))
        ),
        Figure(name="false abstention below MIN_SCORE", value=below(answerable), most=0.28),
        Figure(name="abstention outside below MIN_SCORE", value=below(outside), least=0.73),
        Figure(
            name="abstention outside at 1 % false", value=abstention(answerable, outside, _FALSE_OUTSIDE)[0], least=0.46
        ),
        Figure(name="abstention near below MIN_SCORE", value=below(near)),
    ]


def _found_table(results: Sequence[Measured]) -> Table:
    rows = [
        (
            each.collection.name,
            each.method,
            len(right),
            accuracy(right),
            reciprocal_rank(right),
            gain(right),
            f"{each.milliseconds:.2f}",
        )
        for each in results
        for right in [each.of()]
    ]
    return Table(columns=("set", "method", "questions", "accuracy@1", "MRR@10", "nDCG@3", "ms"), rows=rows)


def _kinds_table(ours: Measured) -> Table:
    kinds = dict.fromkeys(asked.kind for asked in ours.collection.questions if asked.relevant)
    rows = [
        (kind, len(right), accuracy(right), reciprocal_rank(right), gain(right))
        for kind in kinds
        for right in [ours.of(kind)]
    ]
    return Table(columns=("own, chosen", "questions", "accuracy@1", "MRR@10", "nDCG@3"), rows=rows)


def _abstention_table(results: Sequence[Measured]) -> Table:
    """For `chosen` also what the default threshold does: to the unanswerable, and to the answerable."""
    rows: list[tuple[object, ...]] = []
    pooled: dict[tuple[str, str], list[Measured]] = {}
    for each in results:
        if each.method in ("dense", "chosen"):
            pooled.setdefault((each.collection.name, each.method), []).append(each)
    for (name, method), parts in pooled.items():
        answerable = [
            found.score for part in parts for _, found in part.of("answerable", "paraphrase", "exact", "misspelt")
        ]
        for kind, false in (
            ("unanswerable", _FALSE_OUTSIDE),
            ("out of scope", _FALSE_OUTSIDE),
            ("near", _FALSE_NEAR),
            ("removed", _FALSE_NEAR),
        ):
            asked = [found.score for part in parts for _, found in part.of(kind, answerable=False)]
            if asked:
                recall, threshold = abstention(answerable, asked, false)
                held = (below(asked), below(answerable)) if method == "chosen" else ("", "")
                rows.append((name, method, kind, len(asked), f"{false:.0%}", recall, threshold, *held))
    columns = ("set", "method", "unanswerable", "questions", "false", "abstention", "from score")
    return Table(columns=(*columns, "below MIN_SCORE", "of the answerable"), rows=rows)


def main() -> int:
    """Entry point; 1 where a figure does not keep to its declared threshold."""
    parser = argparse.ArgumentParser(prog="python -m tests.evals.retrieval", description=__doc__)
    parser.add_argument("--ci", action="store_true", help="our own collection only")
    report = asyncio.run(run(Options(ci=parser.parse_args().ci)))
    print(report.text())
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
