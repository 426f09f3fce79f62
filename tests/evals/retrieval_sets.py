"""Collections to search in, and their questions: our own, and the shared ones where they are at hand."""

from __future__ import annotations

import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from deploy.local import embedding_model
from services.knowledge import domain
from services.knowledge.adapters.fastembed_embedder import FastembedEmbedder
from services.knowledge.domain import Candidate, lexical
from services.knowledge.domain.fusion import CANDIDATES
from tests.support.embedding import ROOT

from .library import TENANT, rows

OWN = Path(__file__).with_name("retrieval")

Matrix = NDArray[np.float32]


class Asked(Struct, frozen=True, kw_only=True):
    """A question and the documents that answer it, none where nothing does."""

    text: str
    relevant: frozenset[str]
    kind: str


class Collection(Struct, frozen=True, kw_only=True):
    """Documents and questions."""

    name: str
    documents: Sequence[domain.Document]
    questions: Sequence[Asked]


def own() -> Collection:
    """Our own collection."""
    documents = [_document(row["id"], row["title"], row["text"]) for row in rows(OWN / "documents.jsonl")]
    questions = [
        Asked(text=row["query"], relevant=frozenset(row["relevant"]), kind=row["kind"])
        for row in rows(OWN / "questions.jsonl")
    ]
    return Collection(name="own", documents=documents, questions=questions)


def shared() -> list[Collection]:
    """The shared sets in EVALS_DIR, else in ../shared/evals; none where they are not at hand."""
    folder = Path(os.environ.get("EVALS_DIR") or ROOT.parent / "shared" / "evals")
    if not (folder / "faq" / "queries.jsonl").is_file() or not (folder / "paragraphs" / "queries.jsonl").is_file():
        return []
    outside = [
        Asked(text=row["query"], relevant=frozenset(), kind="out of scope")
        for row in rows(folder / "faq" / "out_of_scope.jsonl")
    ]
    faq = [
        _document(row["id"], row["title"], "\n\n".join(row["answers"]))
        for row in rows(folder / "faq" / "documents.jsonl")
    ]
    paragraphs = [
        _document(row["id"], row["title"], row["text"]) for row in rows(folder / "paragraphs" / "documents.jsonl")
    ]
    return [
        Collection(name="faq", documents=faq, questions=[*_asked(folder / "faq"), *outside]),
        Collection(name="paragraphs", documents=paragraphs, questions=[*_asked(folder / "paragraphs"), *outside]),
    ]


def halves(collection: Collection) -> list[Collection]:
    """The collection twice, each time without every second document: questions about those have no answer any more."""
    return [_half(collection, first) for first in (0, 1)]


def _half(collection: Collection, first: int) -> Collection:
    documents = collection.documents[first::2]
    kept = {document.document_id for document in documents}
    questions = [
        Asked(
            text=each.text,
            relevant=each.relevant & kept,
            kind=each.kind if each.relevant & kept or not each.relevant else "removed",
        )
        for each in collection.questions
    ]
    return Collection(name=f"{collection.name}, halved", documents=documents, questions=questions)


def _asked(folder: Path) -> list[Asked]:
    return [
        Asked(text=row["query"], relevant=frozenset({row["relevant"]}), kind="answerable")
        for row in rows(folder / "queries.jsonl")
    ]


def _document(document_id: str, title: str, body: str) -> domain.Document:
    return domain.Document(document_id=document_id, tenant=TENANT, title=title, source=document_id, body=body)


class Vectors:
    """Embeddings that were made in this run, each once."""

    def __init__(self, embedder: FastembedEmbedder) -> None:
        self.embedder = embedder
        self._made: dict[str, Matrix] = {}
        self.seconds: list[float] = []

    async def of(self, texts: Sequence[str]) -> Matrix:
        """A row for each text."""
        for text in texts:
            if text not in self._made:
                begun = time.perf_counter()
                self._made[text] = np.asarray(await self.embedder.embed_query(text), dtype=np.float32)
                self.seconds.append(time.perf_counter() - begun)
        return np.stack([self._made[text] for text in texts])


async def opened_embedder(folder: Path | None = None) -> FastembedEmbedder:
    """The packaged model, ready; the caller closes it."""
    data = os.environ.get("DESKBUS_DATA_DIR") or ROOT / ".run" / str(os.getuid())
    embedder = FastembedEmbedder(folder or embedding_model.ensure(Path(data) / "model"))
    await embedder.open()
    return embedder


def best(scores: Matrix, most: int) -> list[int]:
    """The places of the highest scores, the first of equals first."""
    return [int(at) for at in np.argsort(-scores, kind="stable")[:most].tolist()]


class Indexed:
    """A collection as an index gives it, but exact: the cosines and weighted words of every question and passage."""

    def __init__(self, collection: Collection, passages: Sequence[domain.Passage]) -> None:
        self.collection = collection
        self.passages = passages
        self.texts = {
            passage.passage_id: domain.FoundPassage(passage=passage, source=passage.document_id) for passage in passages
        }
        self.dense: Matrix = np.zeros((0, 0), dtype=np.float32)
        self.headline = self.dense
        self.words = self.dense

    def candidates(self, question: int) -> list[Candidate]:
        """What the index gives for a question, by its number: the best by meaning and the best by words."""
        both = {at for scores in (self.dense, self.words) for at in best(scores[question], CANDIDATES)}
        return [self._candidate(question, at) for at in sorted(both)]

    def _candidate(self, question: int, at: int) -> Candidate:
        return Candidate(
            passage_id=self.passages[at].passage_id,
            document_id=self.passages[at].document_id,
            cosine=max(0.0, float(self.dense[question, at])),
            headline=max(0.0, float(self.headline[question, at])),
            lexical=float(self.words[question, at]),
        )


async def indexed(collection: Collection, vectors: Vectors) -> Indexed:
    """Cut the documents into passages as the service does, and compare all with all."""
    count = vectors.embedder.count_tokens
    passages = [passage for document in collection.documents for passage in domain.split(document, count)]
    made = Indexed(collection, passages)
    questions = await vectors.of([each.text for each in collection.questions])
    texts = [domain.embedded_text(each.title, each.heading, each.text, count) for each in passages]
    made.dense = questions @ (await vectors.of(texts)).T
    made.headline = questions @ (await vectors.of([each.headline for each in passages])).T
    made.words = _words([each.text for each in collection.questions], passages)
    return made


def _words(questions: Sequence[str], passages: Sequence[domain.Passage]) -> Matrix:
    """The scores of a sparse index: weights times the inverse document frequency, as Qdrant counts it."""
    weights = [lexical.weights(passage.title, passage.heading, passage.text) for passage in passages]
    having = Counter(stem for each in weights for stem in each)
    at: defaultdict[int, list[tuple[int, float]]] = defaultdict(list)
    for number, each in enumerate(weights):
        for stem, weight in each.items():
            at[stem].append((number, weight))
    scores = np.zeros((len(questions), len(passages)), dtype=np.float32)
    for row, question in enumerate(questions):
        for stem, asked in lexical.query_weights(question).items():
            rarity = math.log(1 + (len(passages) - having[stem] + 0.5) / (having[stem] + 0.5))
            for number, weight in at.get(stem, ()):
                scores[row, number] += asked * weight * rarity
    return scores
