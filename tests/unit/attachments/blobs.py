"""A store of files in memory, as strict about failures as the real one."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator

from libs.contracts.errors import NotFound
from libs.runtime.blobs import Written


class Blobs:
    """Files by attachment id."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def write(self, name: str, source: AsyncIterator[bytes]) -> Written:
        data = b"".join([piece async for piece in source])
        self.kept[name] = data
        return Written(len(data), hashlib.sha256(data).hexdigest())

    async def read(self, name: str) -> AsyncGenerator[bytes, None]:
        if name not in self.kept:
            raise NotFound("blob_not_found", "There is no such file")
        yield self.kept[name]

    async def delete(self, name: str) -> None:
        self.kept.pop(name, None)
