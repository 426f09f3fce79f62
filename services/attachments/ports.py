"""What attachments need from the outside: a store of records, a store of bytes, and a reader apart from this process."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Protocol

from msgspec import Struct

from libs.contracts.attachments import Attachment, Register

from .domain import Detected, Reading


class ToRead(Struct, frozen=True):
    """An upload to be read by whoever claimed it; `attempts` is the fence of the claim."""

    attachment_id: str
    filename: str
    content_type: str
    size: int
    attempts: int


class StoredText(Struct, frozen=True):
    """An upload and its text."""

    attachment: Attachment
    text: str
    truncated: bool


class Records(Protocol):
    """The truth about uploads. All but the claims and the sweeping see one session of one tenant."""

    async def add(self, tenant: str, session_id: str, new: Register) -> bool:
        """Record an upload, once; False where the session was deleted."""
        ...

    async def of_session(self, tenant: str, session_id: str, ids: list[str]) -> list[StoredText]:
        """Give the session's uploads among these, in this order."""
        ...

    async def use(self, tenant: str, session_id: str, ids: list[str]) -> list[Attachment]:
        """Give the session's uploads among these, in this order, and count them as used now."""
        ...

    async def bind(self, tenant: str, session_id: str, ids: list[str], message_id: str) -> None:
        """Note the first message that names uploads."""
        ...

    async def delete_unbound(self, tenant: str, session_id: str, ids: list[str]) -> list[str]:
        """Delete those that no message names; give their ids."""
        ...

    async def bury(self, tenant: str, session_id: str) -> list[str]:
        """Let nothing more be added to a session; give the ids of its uploads."""
        ...

    async def delete_session(self, tenant: str, session_id: str) -> None:
        """Delete the records of a session."""
        ...

    async def claim(self, lease_s: float, most_attempts: int) -> ToRead | None:
        """Take an upload to be read, for so many seconds; None where none waits."""
        ...

    async def finish(self, claim: ToRead, reading: Reading) -> None:
        """Store what became of it, unless somebody else has it by now."""
        ...

    async def put_off(self, claim: ToRead, seconds: float) -> None:
        """Let it be claimed again after a while; this attempt does not count."""
        ...

    async def give_up(self, most_attempts: int, reading: Reading) -> None:
        """Close those that were claimed so often and never finished."""
        ...

    async def delete_unused(self, seconds: float, limit: int) -> list[str]:
        """Delete uploads that no message named for so long; give their ids."""
        ...

    async def forget_deleted_sessions(self, seconds: float) -> None:
        """Forget sessions that were deleted longer ago."""
        ...

    async def known(self, ids: list[str]) -> set[str]:
        """Give those of which there is a record."""
        ...


class Blobs(Protocol):
    """The bytes of uploads, by attachment id."""

    def read(self, name: str) -> AsyncGenerator[bytes, None]:
        """Give the bytes in pieces. Raises NotFound, Unavailable, Internal `blob_damaged`."""
        ...

    async def delete(self, name: str) -> None:
        """Remove the bytes; none there is no error."""
        ...

    async def names(self) -> set[str]:
        """Give all names, also of what was begun and never finished."""
        ...


class Reader(Protocol):
    """Reads the text of files, where nothing that is in them can do harm."""

    async def read(self, detected: Detected, source: AsyncIterator[bytes]) -> Reading:
        """Read a file within the limits of time, processor and memory; whatever happens there is a result.

        Raises what the source raises.
        """
        ...


class Log(Protocol):
    """Where the operators look."""

    def info(self, event: str, /, **facts: Any) -> Any:
        """Say what happened."""
        ...

    def warning(self, event: str, /, **facts: Any) -> Any:
        """Say what went wrong and was dealt with."""
        ...

    def exception(self, event: str, /, **facts: Any) -> Any:
        """Say what somebody must look into."""
        ...
