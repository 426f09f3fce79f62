"""What is remembered of a user, as administrators list and erase it."""

from msgspec import Struct

from libs.contracts import ids
from libs.contracts.agent import MemoryItem
from libs.contracts.errors import NotFound

from . import limits


class Remembered(Struct, frozen=True, kw_only=True):
    """What is remembered of a user across sessions, the most important first."""

    user_id: str
    memories: list[MemoryItem]


class Erased(Struct, frozen=True, kw_only=True):
    """How many memories of a user were erased."""

    user_id: str
    erased: int


def check_user_id(text: str) -> str:
    """Give the user's id that a path names, by the bounds that it had when a session was opened with it.

    Raises:
        Invalid: it is blank, too long, or not printable.
    """
    user_id = limits.check_token(text, "user_id", where="path")
    if user_id is None:
        raise limits.invalid("user_id", "must not be blank", where="path")
    return user_id


def check_memory_id(text: str) -> str:
    """Give the id of a memory that somebody named.

    Raises:
        NotFound: `memory_not_found`; it is not of the form of our ids.
    """
    if not ids.is_id(ids.MEMORY, text):
        raise memory_not_found()
    return text


def memory_not_found() -> NotFound:
    """Give the error for a memory that is not there, or not of this user."""
    return NotFound("memory_not_found", "There is no such memory of this user: take the id from the list of them")
