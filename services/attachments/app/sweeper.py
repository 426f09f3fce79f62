"""Sweeping: uploads that no message ever named, bytes without a record, and readings that never came to an end."""

from collections.abc import Callable
from datetime import datetime, timedelta

from libs.contracts import ids

from ..domain import rejected
from ..ports import Blobs, Log, Records
from .readings import MOST_ATTEMPTS

_BATCH = 100
_MOST_BATCHES = 50
_BURIED_S = 7 * 24 * 3600.0


class Sweeper:
    """What a process that was killed between two steps leaves behind is removed here.

    Args:
        minted_at: tells from an id when it was minted.
        unused_s: how long an upload waits for its message.
        orphan_s: how old bytes without a record must be; longer than any upload takes.
    """

    def __init__(
        self, records: Records, blobs: Blobs, log: Log, *, now: Callable[[], datetime],
        minted_at: Callable[[str], datetime], unused_s: float, orphan_s: float,
    ) -> None:  # fmt: skip
        self._records = records
        self._blobs = blobs
        self._log = log
        self._now = now
        self._minted_at = minted_at
        self._unused_s = unused_s
        self._orphan_s = orphan_s

    async def sweep(self) -> int:
        """Sweep once; gives how many uploads and orphans were removed."""
        await self._records.give_up(MOST_ATTEMPTS, rejected("too_complex"))
        await self._records.forget_deleted_sessions(_BURIED_S)
        unused, orphans = await self._sweep_unused(), await self._sweep_orphans()
        if unused or orphans:
            self._log.info("attachments_swept", unused=unused, orphans=orphans)
        return unused + orphans

    async def _sweep_unused(self) -> int:
        swept = 0
        for _ in range(_MOST_BATCHES):
            deleted = await self._records.delete_unused(self._unused_s, _BATCH)
            for attachment_id in deleted:  # killed here, the rest are orphans
                await self._blobs.delete(attachment_id)
            swept += len(deleted)
            if len(deleted) < _BATCH:
                break
        return swept

    async def _sweep_orphans(self) -> int:
        before = self._now() - timedelta(seconds=self._orphan_s)
        names = sorted(name for name in await self._blobs.names() if self._is_older(name, before))
        swept = 0
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            known = await self._records.known(batch)
            for name in batch:
                if name not in known:
                    await self._blobs.delete(name)
                    swept += 1
        return swept

    def _is_older(self, name: str, before: datetime) -> bool:
        """Whether this is an attachment's id from before a time; what is no id of ours is not ours to remove."""
        return ids.is_id(ids.ATTACHMENT, name) and self._minted_at(name) < before
