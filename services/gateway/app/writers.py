"""Who is writing in a session at the moment, whichever gateway they are connected to."""

import asyncio
from collections.abc import Callable

from libs.contracts.frames import UserTyping
from libs.contracts.gateway import ClientRole, Typing

TYPING_S = 5.0
MOST_WRITERS = 32


class Writers:
    """Those who are writing, until they stop or say nothing more for some seconds.

    Args:
        show: shows a frame to everybody but the writer.
        silent_s: after how many seconds without a further word somebody writes no more.
    """

    __slots__ = ("_show", "_silent_s", "_timer", "_until")

    def __init__(self, show: Callable[[UserTyping], None], silent_s: float = TYPING_S) -> None:
        self._show = show
        self._silent_s = silent_s
        self._until: dict[str, tuple[float, ClientRole]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def hear(self, told: Typing) -> None:
        """Note what a gateway tells of one of its sockets; only what changes is shown."""
        known = told.client_id in self._until
        if not told.is_typing:
            if known:
                del self._until[told.client_id]
        elif known or len(self._until) < MOST_WRITERS:
            self._until[told.client_id] = (asyncio.get_running_loop().time() + self._silent_s, told.role)
            if self._timer is None:
                self._wait()
        else:
            return
        if known != told.is_typing:
            self._show(_frame(told.client_id, told.role, is_typing=told.is_typing))

    def current(self) -> list[UserTyping]:
        """Give the frames that tell somebody new who is writing."""
        return [_frame(client_id, role, is_typing=True) for client_id, (_, role) in self._until.items()]

    def close(self) -> None:
        """Look at the clock no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        earliest = min(until for until, _ in self._until.values())
        self._timer = asyncio.get_running_loop().call_at(earliest, self._expire)

    def _expire(self) -> None:
        now = asyncio.get_running_loop().time()
        silent = [client_id for client_id, (until, _) in self._until.items() if until <= now]
        for client_id in silent:
            _, role = self._until.pop(client_id)
            self._show(_frame(client_id, role, is_typing=False))
        self._timer = None
        if self._until:
            self._wait()


def _frame(client_id: str, role: ClientRole, *, is_typing: bool) -> UserTyping:
    return UserTyping(client_id=client_id, is_typing=is_typing, role=role)
