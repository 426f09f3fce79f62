"""Broadcasts: what the watchers of one attempt are shown, while it is being written."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from libs.contracts.agent import Snapshot, TurnFrame
from libs.contracts.bus_map import TURN_FRAME
from libs.contracts.channels import Announcer
from libs.contracts.frames import Sources, Stage, Status, Text
from libs.contracts.session import ClaimedTurn
from services.agent.domain.draft import Draft, printable

Pause: TypeAlias = Callable[[float], Awaitable[None]]


class Broadcast:
    """The frames of one attempt.

    Text leaves in few frames: the first at once, then what has gathered every `interval_s` seconds. A frame is
    counted into the snapshot in the same step of the event loop in which it is handed to the bus, so that a snapshot
    never lacks a frame that was published before it.

    Args:
        may_speak: whether the attempt still holds its lease and was not revoked; where not, nothing more is told.
    """

    def __init__(
        self,
        announcer: Announcer,
        turn: ClaimedTurn,
        *,
        interval_s: float,
        may_speak: Callable[[], bool],
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._announcer = announcer
        self._turn = turn
        self._interval_s = interval_s
        self._may_speak = may_speak
        self._pause = pause
        self._draft = Draft()
        self._untold = asyncio.Event()
        self._sources: Sources | None = None
        self.pieces = 0

    @property
    def text(self) -> str:
        """All that was written, told or not."""
        return self._draft.text

    @property
    def told(self) -> str:
        """What has been told: the frames of text, joined."""
        return self._draft.told

    @property
    def silent(self) -> bool:
        """Whether no text was written."""
        return self._draft.empty

    async def status(self, stage: Stage, message: str) -> None:
        """Tell what the answer is waiting for."""
        await self._tell(Status(stage=stage, message=message))

    async def sources(self, sources: Sources) -> None:
        """Tell the candidates."""
        self._sources = sources
        await self._tell(sources)

    def write(self, piece: str) -> None:
        """Add to the text; it is told soon."""
        if piece:
            self._draft.write(printable(piece))
            self.pieces += 1
            self._untold.set()

    async def run(self) -> None:
        """Tell the text as it grows, until cancelled."""
        while True:
            await self._untold.wait()
            await self.flush()
            await self._pause(self._interval_s)

    async def flush(self) -> None:
        """Tell now what has not been told."""
        self._untold.clear()
        if self._may_speak() and (taken := self._draft.take()):
            offset, piece = taken
            await self._tell(Text(content=piece, offset=offset))

    def snapshot(self) -> Snapshot:
        """Say what has been told so far."""
        return Snapshot(turn_id=self._turn.turn_id, attempt=self._turn.attempt, text=self.told, sources=self._sources)

    async def _tell(self, frame: Status | Sources | Text) -> None:
        turn = self._turn
        if self._may_speak():
            told = TurnFrame(turn_id=turn.turn_id, attempt=turn.attempt, epoch=turn.epoch, frame=frame)
            await self._announcer.announce(TURN_FRAME, told, tenant=turn.tenant, key=turn.session_id)
