"""The hubs of this process: opened for the first listener of a session, kept from falling behind, closed after the last.

A hub stays open for some seconds after its last listener has left, so that a client that sends one message after the
other over HTTP does not make it follow its session anew each time.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from libs.contracts.errors import DeskError, Unavailable

from ..domain.limits import advise
from ..ports import Bus, Clock, Log
from .hub import Hub
from .surroundings import Surroundings

LINGER_S = 5.0
_TICK_S = 0.5
# Events and text come from two publishers: most of what overtakes is itself overtaken within this time.
_GRACE_S = 0.03
_CATCH_UPS_AT_ONCE = 64
_MOST_LINGERING = 1000


class Held:
    """A hub, and how many hold it open; `opened` until it is."""

    __slots__ = ("catching_up", "free_since", "holders", "hub", "opened")

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.holders = 0
        self.catching_up = False
        self.free_since = 0.0
        self.opened: asyncio.Future[None] | None = asyncio.get_running_loop().create_future()
        # Whoever waited may have left before a failure is known: that is no reason for a warning.
        self.opened.add_done_callback(lambda opened: opened.exception())

    @property
    def is_open(self) -> bool:
        """Whether the hub follows its session."""
        return self.opened is None


class Hubs:
    """All hubs. Their opening, catching up and closing are tasks of `run`, not of whoever asked."""

    def __init__(
        self, bus: Bus, tenant: str, now: Clock, version: str, log: Log, *, gateway_id: str = "gateway",
        linger_s: float = LINGER_S,
    ) -> None:  # fmt: skip
        self._surroundings = Surroundings(
            bus, tenant, now, version, gateway_id=gateway_id, spawn=self._start, lagging=self._mend
        )
        self._log = log
        self._linger_s = linger_s
        self._held: dict[str, Held] = {}
        self._lingering: dict[str, Held] = {}  # those of `_held` without a holder, the one that left first first
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

    def joined(self, session_id: str) -> AbstractAsyncContextManager[Hub]:
        """Hold a session's hub.

        Raises:
            DeskError: the session is not there, or somebody who is needed does not answer (when it is entered).
        """
        return _Joined(self, session_id)

    def hold(self, session_id: str) -> "Held":
        """Begin to hold a session's hub; it may still have to be opened. Whoever does lets go of it again.

        Raises:
            Unavailable: this process is about to stop.
        """
        held, lingering = self._held.get(session_id), self._lingering.pop(session_id, None)
        if held is None or held.hub.gone:
            if lingering is not None:
                self._drop(session_id, lingering)
            held = self._open(session_id)
        held.holders += 1
        return held

    def let_go(self, held: "Held") -> None:
        """Hold a hub no longer."""
        held.holders -= 1
        if not held.holders:
            self._release(held.hub.session_id, held)

    def _open(self, session_id: str) -> Held:
        held = Held(Hub(self._surroundings, session_id))
        if held.opened is not None and not self._start(self._opening(held, held.opened)):
            raise _draining()
        self._held[session_id] = held
        return held

    def _release(self, session_id: str, held: Held) -> None:
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

    def _drop(self, session_id: str, held: Held) -> None:
        if self._held.get(session_id) is held:
            del self._held[session_id]
        self._start(self._closing(held))

    async def _opening(self, held: Held, opened: asyncio.Future[None]) -> None:
        try:
            await held.hub.open()
        except asyncio.CancelledError:
            opened.set_exception(_draining())
            raise
        except Exception as fault:
            self._held.pop(held.hub.session_id, None)
            opened.set_exception(self._told(fault))
        else:
            held.opened = None
            opened.set_result(None)

    async def _closing(self, held: Held) -> None:
        if held.opened is not None:
            await asyncio.wait([held.opened])
        try:
            await held.hub.close()
        except Exception as fault:
            self._told(fault)

    def _mend(self, session_id: str) -> None:
        """Catch up, unless what is missing comes by itself, or was sought a moment ago."""
        held = self._held.get(session_id)
        if held is not None and held.hub.is_due(asyncio.get_running_loop().time()):
            self._catch_up(held, _GRACE_S)

    def _catch_up(self, held: Held, grace: float = 0.0) -> None:
        """Begin a catch-up unless one is under way."""
        if not held.catching_up:
            held.catching_up = self._start(self._catching_up(held, grace))

    async def _catching_up(self, held: Held, grace: float) -> None:
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
        try:
            if self._tasks is not None:
                self._tasks.create_task(work)
                return True
        except RuntimeError:
            # The group ends just now.
            pass
        work.close()
        return False


def _draining() -> Unavailable:
    return Unavailable("draining", "The gateway is restarting; try again in a moment")


class _Joined(AbstractAsyncContextManager[Hub]):
    """Holds a hub; as a generator it would cost several times the memory of this, for as long as a client is connected."""

    __slots__ = ("_held", "_hubs", "_session_id")

    def __init__(self, hubs: Hubs, session_id: str) -> None:
        self._hubs = hubs
        self._session_id = session_id
        self._held: Held | None = None

    async def __aenter__(self) -> Hub:
        held = self._held = self._hubs.hold(self._session_id)
        if held.opened is not None:
            try:
                # Another's leaving must not end the opening that all wait for.
                await asyncio.shield(held.opened)
            except BaseException:
                self._hubs.let_go(held)
                raise
        return held.hub

    async def __aexit__(self, *_: object) -> None:
        if self._held is not None:
            self._hubs.let_go(self._held)
