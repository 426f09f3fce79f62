"""The one place that reads the wall clock; domains are given `now`."""

from datetime import UTC, datetime


def now() -> datetime:
    """Give the time, aware and in UTC."""
    return datetime.now(UTC)
