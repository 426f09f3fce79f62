"""Builds: one way of cutting and embedding everything that is known, with an index of its own."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

# Change it with the way in which documents are cut: they are then cut anew, beside what is found meanwhile.
CHUNKING = "structure1"

# building: being filled; live: what searches find; retired: was live a moment ago, searches under way may still use it.
BuildState = Literal["building", "live", "retired"]


class Build(Struct, frozen=True, kw_only=True):
    """All passages as one model embeds them.

    Attributes:
        model: as `DESKBUS_EMBEDDING_MODEL` names it.
        dimension: of the model's vectors.
        chunking: the way of cutting, `CHUNKING` where it is today's.
        error: why filling it stopped, for people.
    """

    build_id: str
    model: str
    dimension: int
    chunking: str
    state: BuildState
    created_at: datetime
    error: str | None = None


def mismatch(live: Build, model: str, dimension: int) -> str | None:
    """Say why a service with this model cannot search what is live, with the remedy; None where it can."""
    if (live.model, live.dimension) == (model, dimension):
        return None
    return (
        f"The passages are embedded by {live.model} ({live.dimension} dimensions), but DESKBUS_EMBEDDING_MODEL is "
        f"{model} ({dimension} dimensions). Set it back to {live.model}; to change the model, start with that and "
        f'`POST /api/knowledge/reindex {{"model": "{model}"}}` first, and set DESKBUS_EMBEDDING_MODEL when it is done.'
    )
