"""The real embedding model for tests, built once and shared with `make run`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.local import embedding_model
from services.knowledge import domain

ROOT = Path(__file__).resolve().parents[2]
SEED_DOCUMENTS = ROOT / "services" / "knowledge" / "documents"


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The folder of the built model; the first test run on a machine builds it (a few seconds)."""
    data = os.environ.get("DESKBUS_DATA_DIR") or ROOT / ".run" / str(os.getuid())
    return embedding_model.ensure(Path(data) / "model")


def seed_documents(tenant: str) -> list[domain.Document]:
    """The documents that a development system begins with, in the order of their file names."""
    return [
        domain.read_document(path.read_text(encoding="utf-8"), tenant=tenant)
        for path in sorted(SEED_DOCUMENTS.glob("*.md"))
    ]


def points(passages: Sequence[domain.Passage], vectors: Sequence[domain.Vector]) -> list[domain.Point]:
    """Passages with their vectors, as the index takes them."""
    return [
        domain.Point(
            passage_id=passage.passage_id,
            document_id=passage.document_id,
            tenant=passage.tenant,
            version=passage.version,
            session_id=passage.session_id,
            vector=vector,
        )
        for passage, vector in zip(passages, vectors, strict=True)
    ]
