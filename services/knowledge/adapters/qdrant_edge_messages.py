"""What the service and the process of the embedded engine say to each other: msgpack, each message after its length."""

from __future__ import annotations

import struct
from typing import TypeAlias

import msgspec
from msgspec import Struct

from libs.contracts.documents import Metadata
from services.knowledge.domain import Candidate, EmbeddingModel, Point, SparseVector, Vector

LENGTH = struct.Struct(">I")


class Open(Struct, frozen=True, tag=True, array_like=True):
    """Open the collection of a folder; the first message."""

    folder: str
    model: EmbeddingModel


class Upsert(Struct, frozen=True, tag=True, array_like=True):
    """Write points."""

    points: list[Point]


class DeleteDocument(Struct, frozen=True, tag=True, array_like=True):
    """Delete the points of a document."""

    tenant: str
    document_id: str
    before_version: int | None


class Search(Struct, frozen=True, tag=True, array_like=True):
    """Find; answered with candidates."""

    vector: Vector
    words: SparseVector
    tenant: str
    session_id: str | None
    filters: Metadata
    limit: int


class Count(Struct, frozen=True, tag=True, array_like=True):
    """Count; answered with a number."""

    tenant: str | None
    document_id: str | None


class Ping(Struct, frozen=True, tag=True, array_like=True):
    """Say that it answers."""


class Close(Struct, frozen=True, tag=True, array_like=True):
    """Write everything out and end."""


Asked: TypeAlias = Open | Upsert | DeleteDocument | Search | Count | Ping | Close


class Call(Struct, frozen=True, array_like=True):
    """What is asked, with a number that its answer has, too."""

    number: int
    asked: Asked


class Answer(Struct, frozen=True, array_like=True):
    """What was found, or why nothing.

    Attributes:
        fault: `mismatch`, `locked` or `unavailable`; empty where it went well.
        detail: the fault in words.
    """

    number: int
    candidates: list[Candidate] = []
    count: int = 0
    fault: str = ""
    detail: str = ""


def framed(message: Call | Answer) -> bytes:
    """A message as it is sent."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body
