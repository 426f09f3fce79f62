"""Sweeping: what settled versions, deleted documents and retired builds have left in the index and the bucket."""

import asyncio

from libs.contracts.errors import DeskError, Unavailable

from ..domain import Build
from ..domain.versions import Buried, Unswept, Work
from ..ports import Blobs, Engines, IndexLocked, IndexMismatch, Log, Stores, VectorIndex

_EVERY_S = 5.0
_BATCH = 20
_RETIRED_S = 60.0  # searches under way may still use the index


class Sweeping:
    """Removes what is not needed any more; whatever is away is tried again.

    Args:
        retired_s: seconds that the index of a build stays after it was live.
    """

    def __init__(
        self, stores: Stores, blobs: Blobs, engines: Engines, log: Log, *, retired_s: float = _RETIRED_S
    ) -> None:
        self._documents = stores.documents
        self._versions = stores.versions
        self._builds = stores.builds
        self._blobs = blobs
        self._engines = engines
        self._log = log
        self._retired_s = retired_s

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await self.sweep()
            except DeskError as fault:
                self._log.warning("sweeping_paused", reason=fault.code)
            await asyncio.sleep(_EVERY_S)

    async def sweep(self) -> None:
        """Sweep once.

        Raises:
            Unavailable: something is away; the rest is for the next time.
        """
        await self._versions.tidy()
        for version in await self._versions.unswept(_BATCH):
            await self._sweep(version)
        for buried in await self._versions.unproven(_BATCH):
            await self.clear(buried)
        for build in await self._builds.retired(self._retired_s):
            await self._engines.drop(build)
            await self._builds.drop(build.build_id)
            await self._engines.drop(build)  # whoever deleted a document meanwhile has opened it again
            self._log.info("build_dropped", build=build.build_id)

    async def clear(self, buried: Buried) -> int:
        """Remove what a deleted document has left, count what is left then, and note where it is nothing.

        Raises:
            Unavailable: the index or the bucket is away.
        """
        await self._clear(buried.tenant, buried.document_id, buried.version + 1)
        for blob in buried.blobs:
            await self._blobs.delete(blob)
        newest = await self._documents.newest(buried.tenant, buried.document_id)
        left = 0
        if newest is None or newest.version <= buried.version:  # one that was added since counts by itself
            for build in await self._builds.all():
                left += await (await self._index(build)).count(buried.tenant, buried.document_id)
        if not left and not buried.at_work:
            await self._documents.prove(buried)
        return left

    async def sweep_version(self, work: Work, found: int | None) -> None:
        """Sweep after a version was settled: `found` is its number where it is what is found now.

        Raises:
            Unavailable: the index or the bucket is away.
        """
        if found is None:
            current = await self._documents.get(work.tenant, work.document_id)
            if current is None:  # deleted meanwhile
                await self._clear(work.tenant, work.document_id, work.version + 1)
                return
            found = current[0].version
        version = Unswept(
            tenant=work.tenant, document_id=work.document_id, version=work.version, blob=work.blob, found_version=found
        )
        await self._sweep(version)
        # Until now old passages took places among the nearest, and were then left out.
        await self._versions.renew_generation(work.tenant, work.session_id)

    async def _sweep(self, version: Unswept) -> None:
        await self._clear(version.tenant, version.document_id, version.found_version)
        if version.blob:
            await self._blobs.delete(version.blob)
        await self._versions.swept(version)

    async def _clear(self, tenant: str, document_id: str, before_version: int) -> None:
        for build in await self._builds.all():
            index = await self._index(build)
            await index.delete_document(tenant, document_id, before_version=before_version)

    async def _index(self, build: Build) -> VectorIndex:
        try:
            return await self._engines.index(build)
        except (IndexLocked, IndexMismatch) as fault:
            raise Unavailable("index_unavailable", str(fault)) from fault
