"""The bucket of files that are to become documents."""

import hashlib

from libs.runtime.blobs import NatsBlobs


class DocumentBlobs:
    """A Blobs over a bucket."""

    def __init__(self, blobs: NatsBlobs) -> None:
        self._blobs = blobs
        self.delete = blobs.delete
        self.probe = blobs.probe

    async def digest(self, name: str) -> tuple[int, str]:
        size, digest = 0, hashlib.sha256()
        async for piece in self._blobs.read(name):
            size += len(piece)
            digest.update(piece)
        return size, digest.hexdigest()
