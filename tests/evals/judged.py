"""What the agent's own judgement and its extractive model make of questions, put together for the tables."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from libs.contracts.session import Message
from services.agent.domain import evidence, extract, sufficiency
from services.agent.domain.prompt import Outcome, Prompt, cited
from services.agent.domain.sufficiency import Verdict

from . import library

QUESTIONS = Path(__file__).with_name("questions.jsonl")
_NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)

Half = Literal["tuning", "held_out"]


class Judged(Struct, frozen=True, kw_only=True):
    """A question with what was wanted and what came of it.

    Attributes:
        expect: `answer`, `abstain` or `clarify`.
        documents: any of which answers it.
        nearest: the document of the nearest passage; empty where none was found.
        cited: the documents that the extractive answer cites, in order.
    """

    question: str
    expect: str
    documents: list[str]
    language: str
    nearest: str
    verdict: Verdict
    cited: list[str]
    outcome: Outcome
    text: str

    @property
    def half(self) -> Half:
        """Which half it is in, by its words: rows can be added without moving others."""
        return "held_out" if hashlib.sha256(self.question.encode()).digest()[0] % 2 else "tuning"

    @property
    def found(self) -> bool:
        """Whether the nearest passage is of the right document."""
        return self.nearest in self.documents

    @property
    def answered(self) -> bool:
        """Whether the extractive model answered from some document."""
        return bool(self.cited)

    @property
    def right(self) -> bool:
        """Whether the first document cited is right."""
        return bool(self.cited) and self.cited[0] in self.documents


class Sets(Struct, frozen=True, kw_only=True):
    """All that was asked: our own questions, and with the shared set at hand its own, whole and with every second topic away."""

    own: list[Judged]
    faq: list[Judged]
    halved: list[Judged]


async def everything(faq: Path | None) -> Sets:
    """Ask all questions."""
    async with library.opened(library.shop()) as shop:
        own = [await judged(shop, row) for row in library.rows(QUESTIONS)]
    if faq is None:
        return Sets(own=own, faq=[], halved=[])
    documents = library.faq(faq)
    asked = library.rows(faq / "queries.jsonl")
    rows = [{"question": row["query"], "expect": "answer", "documents": [row["relevant"]]} for row in asked]
    foreign = [{"question": row["query"], "expect": "abstain"} for row in library.rows(faq / "out_of_scope.jsonl")]
    async with library.opened(documents) as whole:
        found = [await judged(whole, row) for row in [*rows, *foreign]]
    halved: list[Judged] = []
    for kept in (documents[::2], documents[1::2]):
        known = {document.document_id for document in kept}
        async with library.opened(kept) as half:
            for row in rows:
                gone = row if row["documents"][0] in known else {"question": row["question"], "expect": "abstain"}
                halved.append(await judged(half, gone))
    return Sets(own=own, faq=found, halved=halved)


async def judged(shelf: library.Library, row: dict[str, Any]) -> Judged:
    """Ask one question as `services.agent.app.writing` would."""
    question = Message(id="msg_1", seq=1, role="user", content=row["question"], timestamp=_NOON)
    passages = await shelf.search(row["question"], min_score=evidence.UNRELATED)
    answer = extract.compose(Prompt(turn_id="turn_1", attempt=1, questions=[question], passages=passages))
    return Judged(
        question=row["question"],
        expect=row["expect"],
        documents=row.get("documents", []),
        language=row.get("language", "en"),
        nearest=passages[0].metadata["document_id"] if passages else "",
        verdict=sufficiency.judge([question], [], passages),
        cited=[source.metadata["document_id"] for source in cited(passages, answer.outcome.used)],
        outcome=answer.outcome,
        text=answer.text,
    )
