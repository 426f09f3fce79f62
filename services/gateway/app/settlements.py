"""Which turns were settled while somebody waited for an answer."""

import asyncio
from collections import deque

from libs.contracts.session import TurnCancelled, TurnCompleted, TurnFailed

Settled = TurnCompleted | TurnFailed | TurnCancelled


class Settlements:
    """The turns that were settled since somebody began to watch."""

    def __init__(self) -> None:
        self._seen: deque[Settled] = deque(maxlen=64)
        self._news = asyncio.Event()
        self._nudged = False

    def add(self, settled: Settled) -> None:
        """Note a turn."""
        self._seen.append(settled)
        self._news.set()

    def nudge(self) -> None:
        """Let whoever waits look for itself: the session is not what it was."""
        self._nudged = True
        self._news.set()

    async def covering(self, seq: int, timeout: float) -> Settled | None:
        """Wait for a turn that answers the message with this `seq`; None after a nudge, or `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    for settled in self._seen:
                        if seq in settled.answers_seq:
                            return settled
                    if self._nudged:
                        self._nudged = False
                        return None
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None
