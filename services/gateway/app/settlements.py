"""Which turns were settled while somebody waited for an answer."""

import asyncio
from collections import deque

from libs.contracts.session import TurnCancelled, TurnCompleted, TurnFailed, TurnStarted

Settled = TurnCompleted | TurnFailed | TurnCancelled


class Settlements:
    """The turns that were taken up and settled since somebody began to watch."""

    def __init__(self) -> None:
        self._started: deque[TurnStarted] = deque(maxlen=16)
        self._seen: deque[Settled] = deque(maxlen=64)
        self._news = asyncio.Event()
        self._nudged = False

    def add(self, settled: Settled) -> None:
        """Note a turn."""
        self._seen.append(settled)
        self._news.set()

    def start(self, turn: TurnStarted) -> None:
        """Note a turn that an agent has taken."""
        self._started.append(turn)

    def takes_up(self, turn_id: str, seq: int) -> bool:
        """Say whether a turn that was taken lately answers the message with this `seq`."""
        return any(turn.turn_id == turn_id and seq in turn.answers_seq for turn in self._started)

    def nudge(self) -> None:
        """Let whoever waits look for itself: the session is not what it was."""
        self._nudged = True
        self._news.set()

    async def covering(self, seq: int, timeout: float) -> Settled | None:
        """Wait for a turn that answers the message with this `seq`; None after a nudge, or `timeout` seconds.

        A superseded turn has answered nothing: another one takes its messages up.
        """
        try:
            async with asyncio.timeout(timeout):
                while True:
                    for settled in self._seen:
                        if seq in settled.answers_seq and not _is_superseded(settled):
                            return settled
                    if self._nudged:
                        self._nudged = False
                        return None
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None

    async def of_turn(self, turn_id: str, timeout: float) -> Settled | None:
        """Wait for a turn to be settled; None after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    for settled in self._seen:
                        if settled.turn_id == turn_id:
                            return settled
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None


def _is_superseded(settled: Settled) -> bool:
    return isinstance(settled, TurnCancelled) and settled.reason == "superseded"
