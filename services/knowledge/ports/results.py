"""Results of searches that were found before."""

from __future__ import annotations

from typing import Protocol

from libs.contracts.knowledge import SearchResult


class Results(Protocol):
    """Results of searches that were found before. It may forget any at any time, and never raises."""

    async def get(self, key: str) -> SearchResult | None:
        """The result of a name."""
        ...

    async def keep(self, key: str, result: SearchResult) -> None:
        """Remember a result."""
        ...
