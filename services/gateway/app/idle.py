"""Clients that have said nothing, and were told nothing, for so long that nobody can be there."""

import asyncio

from libs.contracts.errors import TimedOut

from .participant import Participant

_LEAST_TICK_S = 0.05
_MOST_TICK_S = 30.0


class IdleWatch:
    """Looks at all of them once in a while, so that none needs a clock of its own.

    Args:
        idle_s: how long a client may be idle; 0 is for ever.
    """

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._watched: set[Participant] = set()

    def add(self, participant: Participant) -> None:
        """Watch a client."""
        self._watched.add(participant)

    def discard(self, participant: Participant) -> None:
        """Watch a client no more."""
        self._watched.discard(participant)

    async def run(self) -> None:
        """Let the idle ones go for as long as the service lives."""
        if self._idle_s <= 0:
            return
        tick = min(max(self._idle_s / 10, _LEAST_TICK_S), _MOST_TICK_S)
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(tick)
            latest = clock() - self._idle_s
            for participant in [each for each in self._watched if each.quiet_since <= latest]:
                self._watched.discard(participant)
                participant.dismiss(
                    TimedOut("idle_timeout", "Nothing was said here for a long time; connect again when you need to")
                )
