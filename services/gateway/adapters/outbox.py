"""A client's way out: frames go straight onto its wire; where it does not keep up, they wait, are joined, or are dropped."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from libs.contracts.frames import Frame

from ..domain.backlog import Backlog
from ..ports import Resuming
from .wires import Wire

# Longer than any network that is still of use to a conversation takes for a piece that fits the wire's small buffer.
STALLED_S = 10.0
CLOSE_S = 3.0

# A browser reads no HTTP status of a failed handshake, but it does read these. Any other fault is 1011.
_CLOSE_CODES = {
    "invalid_session_id": 4001,
    "session_not_found": 4004,
    "not_authenticated": 4401,
    "origin_refused": 4403,
    "idle_timeout": 4408,
    "session_ended": 4409,
    "session_deleted": 4409,
    "too_many_connections": 4429,
    "too_many_messages": 4429,
    "rate_limited": 4429,
    "draining": 1012,
}


def _nobody(_: int | None) -> None:
    """Stand in until somebody wants to know."""


class Outbox:
    """Takes frames without waiting. Only while some wait there is a task, which writes them.

    Args:
        spawn: starts a task that lives no longer than the connection.
        stalled_s: how long a client may take nothing before it is closed.
        close_s: how long after the goodbye it may take nothing, or not answer, before the connection is ended.
    """

    __slots__ = ("_backlog", "_close_s", "_emptied", "_ended", "_goodbye", "_over", "_spawn", "_stalled_s", "_timer",
                 "_wire", "on_dropped")  # fmt: skip

    def __init__(
        self, wire: Wire, spawn: Callable[[Coroutine[Any, Any, None]], object], *, stalled_s: float = STALLED_S,
        close_s: float = CLOSE_S,
    ) -> None:  # fmt: skip
        self.on_dropped: Resuming = _nobody
        self._wire = wire
        self._spawn = spawn
        self._stalled_s = stalled_s
        self._close_s = close_s
        self._backlog: Backlog | None = None  # while there is one, there is a task that writes it
        self._goodbye: tuple[int, str] | None = None
        self._ended = False
        self._emptied: asyncio.Future[None] | None = None
        self._over: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def closing(self) -> bool:
        """Whether this side has said goodbye, or is about to."""
        return self._goodbye is not None

    def offer(self, data: bytes, frame: Frame | None = None) -> None:
        """Send a frame soon, or drop it; `frame` is what was encoded."""
        if not self._ended and self._goodbye is None:
            self._take(data, frame)

    def close(self, code: int, reason: str) -> None:
        """Close the connection once what waits has been sent."""
        if self._goodbye is None and not self._ended:
            self._goodbye = (code, reason)
            if self._backlog is None:
                self._say_goodbye()

    def dismiss(self, code: str) -> None:
        """Close the connection, for the reason that an `error` frame with this code has given."""
        self.close(_CLOSE_CODES.get(code, 1011), code)

    def end(self) -> None:
        """Write no more: the client is gone, or about to be. What it does not take soon is not kept for it."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._wire.waiting():
            self._abort_unless_taken()
        _resolve(self._emptied)
        _resolve(self._over)

    async def flush(self) -> None:
        """Wait until nothing waits, or the client is gone."""
        if self._backlog is not None and not self._ended:
            self._emptied = self._emptied or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._emptied)

    async def over(self) -> None:
        """Wait until goodbye has been said, or the client is gone."""
        if not self._ended and (self._goodbye is None or self._backlog is not None):
            self._over = self._over or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._over)

    def _take(self, data: bytes, frame: Frame | None) -> None:
        if self._backlog is not None:
            self._backlog.add(data, frame)
        elif self._wire.has_room:
            self._wire.put(data, frame)
        else:
            self._backlog = Backlog()
            self._backlog.add(data, frame)
            self._spawn(self._write(self._backlog))

    # --- a client that is behind

    async def _write(self, backlog: Backlog) -> None:
        """Write what waits, as the client takes it."""
        try:
            while not self._ended and (len(backlog) or backlog.dropped):
                await self._has_taken()
                if not self._ended:
                    self._pass_on(backlog)
        except TimeoutError:
            self._goodbye = (1013, "too slow to keep up")
        except ConnectionError:
            # The client went away in the middle; its reader sees it too.
            self._ended = True
        finally:
            backlog.clear()
            self._backlog = None
        _resolve(self._emptied)
        self._emptied = None
        if self._ended:
            _resolve(self._over)
        elif self._goodbye is not None:
            self._say_goodbye()

    async def _has_taken(self) -> None:
        """Wait until the wire has room.

        Raises:
            TimeoutError: the client has taken nothing for long.
        """
        while True:
            before = self._wire.waiting()
            try:
                async with asyncio.timeout(self._stalled_s):
                    await self._wire.drained()
                    return
            except TimeoutError:
                if self._wire.waiting() >= before:
                    raise

    def _pass_on(self, backlog: Backlog) -> None:
        """Put as many frames as there is room for; after a drop, tell of it first."""
        if backlog.dropped:
            seq, kept = backlog.lowest_seq, backlog.recover()
            closing, self._goodbye = self._goodbye, None
            self.on_dropped(seq)
            self._goodbye = closing or self._goodbye
            for data, frame in kept:
                backlog.add(data, frame)
        while len(backlog) and self._wire.has_room:
            self._wire.put(*backlog.pop())

    # --- the end

    def _say_goodbye(self) -> None:
        """Say it, and leave the client time to take and to answer it: the reader, which goes on, hears that."""
        if self._goodbye is not None and self._timer is None:
            self._wire.say_goodbye(*self._goodbye)
            self._abort_unless_taken()
            _resolve(self._over)

    def _abort_unless_taken(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._close_s, self._look_again, self._wire.waiting())

    def _look_again(self, before: int) -> None:
        """Abort the connection, unless its client is still taking what it was sent."""
        if 0 < self._wire.waiting() < before:
            self._abort_unless_taken()
        else:
            self._wire.abort()


def _resolve(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
