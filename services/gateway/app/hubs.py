"""The hubs of this process: opened for the first listener of a session, kept from falling behind, closed after the last.

A hub stays open for some seconds after its last listener has left, so that a client that sends one message after the
other over HTTP does not make it follow its session anew each time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from libs.contracts.errors import DeskError, Unavailable

from ..domain.limits import advise
from ..ports import Bus, Clock, Log
from .hub import Hub

LINGER_S = 5.0
_TICK_S = 0.5
# Events and text come from two publishers: most of what overtakes is itself overtaken within this time.
_GRACE_S = 0.03
_CATCH_UPS_AT_ONCE = 64
_MOST_LINGERING = 1000


class _Held:
    """A hub with those who hold it open."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.holders = 0
        self.catching_up = False
        self.free_since = 0.0
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Whoever waited may have left before a failure is known: that is no reason for a warning.
        self.opened.add_done_callback(lambda opened: opened.exception())

    @property
    def is_open(self) -> bool:
        """Whether the hub follows its session."""
        return self.opened.done() and self.opened.exception() is None


class Hubs:
    """All hubs. Their opening, catching up and closing are tasks of `run`, not of whoever asked."""

    def __init__(
        self, bus: Bus, tenant: str, now: Clock, version: str, log: Log, *, linger_s: float = LINGER_S
    ) -> None:
        self._make: Callable[[str], Hub] = lambda session_id: Hub(bus, tenant, session_id, now, version)
        self._log = log
        self._linger_s = linger_s
        self._held: dict[str, _Held] = {}
        self._lingering: dict[str, _Held] = {}  # those of `_held` without a holder, the one that left first first
        self._tasks: asyncio.TaskGroup | None = None
        self._slots = asyncio.Semaphore(_CATCH_UPS_AT_ONCE)

    def __len__(self) -> int:
        return len(self._held) - len(self._lingering)

    async def run(self) -> None:
        """Look after the hubs for as long as the service lives."""
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.TaskGroup() as self._tasks:
                while True:
                    await asyncio.sleep(_TICK_S)
                    now = clock()
                    for held in list(self._held.values()):
                        if held.is_open and held.hub.is_due(now):
                            self._catch_up(held)
                    self._close_lingering(now)
        finally:
            self._tasks = None

    def reconnected(self) -> None:
        """Let every hub look for what it missed while the bus was away."""
        for held in self._held.values():
            if held.is_open:
                self._catch_up(held)

    @asynccontextmanager
    async def joined(self, session_id: str) -> AsyncIterator[Hub]:
        """Hold a session's hub.

        Raises:
            DeskError: the session is not there, or somebody who is needed does not answer.
        """
        held, lingering = self._held.get(session_id), self._lingering.pop(session_id, None)
        if held is None or held.hub.gone:
            if lingering is not None:
                self._drop(session_id, lingering)
            held = self._open(session_id)
        held.holders += 1
        try:
            # Another's leaving must not end the opening that all wait for.
            await asyncio.shield(held.opened)
            yield held.hub
        finally:
            held.holders -= 1
            if not held.holders:
                self._release(session_id, held)

    def _open(self, session_id: str) -> _Held:
        held = _Held(self._make(session_id))
        held.hub.lagging = lambda: self._mend(held)
        if not self._start(self._opening(held)):
            raise _draining()
        self._held[session_id] = held
        return held

    def _release(self, session_id: str, held: _Held) -> None:
        """Let a hub linger that nobody holds any more; one that is of no use is dropped at once."""
        if not held.is_open or held.hub.gone or self._held.get(session_id) is not held:
            self._drop(session_id, held)
            return
        held.free_since = asyncio.get_running_loop().time()
        self._lingering[session_id] = held
        self._close_lingering(held.free_since)

    def _close_lingering(self, now: float) -> None:
        while self._lingering:
            session_id, oldest = next(iter(self._lingering.items()))
            if len(self._lingering) <= _MOST_LINGERING and now - oldest.free_since < self._linger_s:
                return
            del self._lingering[session_id]
            self._drop(session_id, oldest)

    def _drop(self, session_id: str, held: _Held) -> None:
        if self._held.get(session_id) is held:
            del self._held[session_id]
        self._start(self._closing(held))

    async def _opening(self, held: _Held) -> None:
        try:
            await held.hub.open()
        except asyncio.CancelledError:
            held.opened.set_exception(_draining())
            raise
        except Exception as fault:
            self._held.pop(held.hub.session_id, None)
            held.opened.set_exception(self._told(fault))
        else:
            held.opened.set_result(None)

    async def _closing(self, held: _Held) -> None:
        await asyncio.wait([held.opened])
        try:
            await held.hub.close()
        except Exception as fault:
            self._told(fault)

    def _mend(self, held: _Held) -> None:
        """Catch up, unless what is missing comes by itself, or was sought a moment ago."""
        if held.hub.is_due(asyncio.get_running_loop().time()):
            self._catch_up(held, _GRACE_S)

    def _catch_up(self, held: _Held, grace: float = 0.0) -> None:
        """Begin a catch-up unless one is under way."""
        if not held.catching_up:
            held.catching_up = self._start(self._catching_up(held, grace))

    async def _catching_up(self, held: _Held, grace: float) -> None:
        try:
            if grace:
                await asyncio.sleep(grace)
                if not held.hub.behind:
                    return
            async with self._slots:
                await held.hub.catch_up()
        except Exception as fault:
            # The next tick tries again.
            self._told(fault)
        finally:
            held.catching_up = False

    def _told(self, fault: Exception) -> Exception:
        """Log what nobody expected; what a service answered is for whoever asked."""
        if isinstance(fault, DeskError):
            return advise(fault)
        self._log.warning("hub_failed", error=type(fault).__name__, exc_info=fault)
        return Unavailable("session_unavailable", "The session cannot be followed right now; try again")

    def _start(self, work: Coroutine[Any, Any, None]) -> bool:
        if self._tasks is None:
            work.close()
            return False
        self._tasks.create_task(work)
        return True


def _draining() -> Unavailable:
    return Unavailable("draining", "The gateway is restarting; try again in a moment")
