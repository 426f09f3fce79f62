"""The connections of this process that stay open, sockets and event streams alike: counted, and told when it stops."""

import asyncio
from collections import Counter
from contextlib import AbstractContextManager

from libs.contracts.errors import RateLimited
from libs.contracts.frames import Draining

from ..app.participant import Participant
from .outbox import Outbox

_RETRY_SPREAD_MS = 8000
_CLOSE_EVERY_S = 0.05


class Connections:
    """Counts them, for each session and in all, and lets them go when the process stops."""

    def __init__(self, most: int, most_per_session: int) -> None:
        self._most = most
        self._most_per_session = most_per_session
        self._per_session: Counter[str] = Counter()
        self._count = 0
        self._open: dict[Outbox, Participant] = {}
        self._draining = False

    def __len__(self) -> int:
        return self._count

    def of_session(self, session_id: str) -> int:
        """Count those of one session."""
        return self._per_session.get(session_id, 0)

    def admitted(self, session_id: str, *, is_operator: bool = False) -> AbstractContextManager[None]:
        """Count a connection while it is open; a session's customers cannot shut out an operator.

        Raises:
            RateLimited: `too_many_connections`, when it is entered.
        """
        return _Admission(self, session_id, is_operator)

    def listed(self, outbox: Outbox, participant: Participant) -> AbstractContextManager[None]:
        """Have a connection told of the process's end while it is open; at once where that has begun."""
        return _Listing(self, outbox, participant)

    def admit(self, session_id: str, *, is_operator: bool) -> None:
        """Count a connection.

        Raises:
            RateLimited: `too_many_connections`.
        """
        is_full = not is_operator and self.of_session(session_id) >= self._most_per_session
        if self._count >= self._most or is_full:
            raise RateLimited(
                "too_many_connections", "There are too many open connections; close one, or try again later"
            )
        self._count += 1
        if not is_operator:
            self._per_session[session_id] += 1

    def release(self, session_id: str, *, is_operator: bool) -> None:
        """Count a connection no more."""
        self._count -= 1
        if not is_operator:
            self._per_session[session_id] -= 1
            if not self._per_session[session_id]:
                del self._per_session[session_id]

    def add(self, outbox: Outbox, participant: Participant) -> None:
        """List a connection."""
        self._open[outbox] = participant
        if self._draining:
            participant.send(Draining(retry_after_ms=_RETRY_SPREAD_MS))
            outbox.close(1012, "service restart")

    def remove(self, outbox: Outbox) -> None:
        """List a connection no more."""
        del self._open[outbox]

    async def drain(self, over: float) -> None:
        """Tell every client to come back, each at its own time, and close the connections over so many seconds."""
        self._draining = True
        leaving = list(self._open.items())
        for place, (_, participant) in enumerate(leaving):
            participant.send(Draining(retry_after_ms=place * _RETRY_SPREAD_MS // len(leaving)))
        for outbox, _ in leaving:
            outbox.close(1012, "service restart")
            await asyncio.sleep(min(over / len(leaving), _CLOSE_EVERY_S))


# These are held for as long as a connection is open: as generators they would cost several times the memory.


class _Admission(AbstractContextManager[None]):
    __slots__ = ("_connections", "_is_operator", "_session_id")

    def __init__(self, connections: Connections, session_id: str, is_operator: bool) -> None:
        self._connections, self._session_id, self._is_operator = connections, session_id, is_operator

    def __enter__(self) -> None:
        self._connections.admit(self._session_id, is_operator=self._is_operator)

    def __exit__(self, *_: object) -> None:
        self._connections.release(self._session_id, is_operator=self._is_operator)


class _Listing(AbstractContextManager[None]):
    __slots__ = ("_connections", "_outbox", "_participant")

    def __init__(self, connections: Connections, outbox: Outbox, participant: Participant) -> None:
        self._connections, self._outbox, self._participant = connections, outbox, participant

    def __enter__(self) -> None:
        self._connections.add(self._outbox, self._participant)

    def __exit__(self, *_: object) -> None:
        self._connections.remove(self._outbox)
