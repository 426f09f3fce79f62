"""The one place that mints ids."""

from ulid import ULID


def mint(prefix: str) -> str:
    """Give a new id: `prefix_` and a ULID, sortable by the millisecond of its making."""
    return f"{prefix}_{ULID()}"
