"""A bounded store in memory: the twin that serves while Redis is away; and one that keeps nothing."""

import re
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

MAX_ENTRIES = 10_000
MAX_BYTES = 16 * 1024 * 1024
_ENTRY_BYTES = 250  # what Python adds to a name and a value, about
_VERSION = re.compile(rb'\{"version":(\d+),')
_SPECIAL = re.compile(rb"([*?\[\]\\])")


class MemoryStore:
    """Values by name, the least recently used of them forgotten beyond the bounds.

    Args:
        max_entries: values at most.
        max_bytes: of names and values at most, each with 250 bytes for Python's own; a larger value is not kept.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def bytes_used(self) -> int:
        """What counts against the bound."""
        return self._bytes

    async def get(self, name: bytes) -> bytes | None:
        """Give a value, None where there is none or its time is over."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        value, ends = entry
        if self._clock() >= ends:
            self._remove(name)
            return None
        self._entries.move_to_end(name)
        return value

    async def put(self, name: bytes, value: bytes, ttl_s: float) -> None:
        """Keep a value for `ttl_s` seconds at most."""
        self._remove(name)
        if _size(name, value) > self._max_bytes:
            return
        self._entries[name] = (value, self._clock() + ttl_s)
        self._bytes += _size(name, value)
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self._remove(next(iter(self._entries)))

    async def put_newer(self, name: bytes, value: bytes, version: int, ttl_s: float) -> bool:
        """Keep a value unless one of this version or a later one is there; say whether it was kept."""
        kept = _VERSION.match(await self.get(name) or b"")
        if kept is not None and int(kept[1]) >= version:
            return False
        await self.put(name, value, ttl_s)
        return True

    async def delete(self, name: bytes) -> bool:
        """Remove a value; say whether there was one whose time was not over."""
        entry = self._remove(name)
        return entry is not None and self._clock() < entry[1]

    async def clear(self, pattern: bytes) -> int:
        """Remove the values whose names match; give the number of those whose time was not over."""
        matches = glob(pattern)
        return sum([await self.delete(name) for name in [name for name in self._entries if matches(name)]])

    async def ping(self) -> None:
        """Memory is always there."""

    async def probe(self) -> str:
        """Say how much is kept."""
        return f"in memory of this process, {len(self)} entries"

    async def close(self) -> None:
        """Forget everything."""
        self.forget()

    def forget(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._bytes = 0

    def _remove(self, name: bytes) -> tuple[bytes, float] | None:
        entry = self._entries.pop(name, None)
        if entry is not None:
            self._bytes -= _size(name, entry[0])
        return entry


class NoStore:
    """Keeps nothing: a cache that is switched off."""

    async def get(self, name: bytes) -> bytes | None:  # noqa: ARG002 - the shape of a store
        """Give nothing."""
        return None

    async def put(self, name: bytes, value: bytes, ttl_s: float) -> None:
        """Keep nothing."""

    async def put_newer(self, name: bytes, value: bytes, version: int, ttl_s: float) -> bool:  # noqa: ARG002
        """Keep nothing."""
        return False

    async def delete(self, name: bytes) -> bool:  # noqa: ARG002 - the shape of a store
        """Have nothing to remove."""
        return False

    async def clear(self, pattern: bytes) -> int:  # noqa: ARG002 - the shape of a store
        """Have nothing to remove."""
        return 0

    async def ping(self) -> None:
        """Need nobody."""

    async def probe(self) -> str:
        """Say that it is off."""
        return "switched off by its setting: nothing is cached"

    async def close(self) -> None:
        """Hold nothing."""


def _size(name: bytes, value: bytes) -> int:
    return len(name) + len(value) + _ENTRY_BYTES


def glob_literal(text: str) -> str:
    """Give a pattern that matches this text and nothing else."""
    return _SPECIAL.sub(rb"\\\1", text.encode(errors="surrogatepass")).decode(errors="surrogatepass")


def glob(pattern: bytes) -> Callable[[bytes], bool]:
    r"""Compile a pattern of Redis (KEYS, SCAN MATCH): `*`, `?`, `[abc]`, `[a-z]`, `[^a]`, `\` before a character itself.

    It matches bytes, as Redis does. Source: `stringmatchlen` in util.c of Redis and Valkey.
    """
    pieces: list[bytes] = [b""]
    place = 0
    while place < len(pattern):
        sign = pattern[place : place + 1]
        if sign == b"*":
            pieces.append(b"")
            place += 1
            continue
        if sign == b"[":
            one, place = _glob_class(pattern, place + 1)
        elif sign == b"?":
            one, place = b".", place + 1
        else:
            place += sign == b"\\" and place + 1 < len(pattern)
            one, place = re.escape(pattern[place : place + 1]), place + 1
        pieces[-1] += one
    if len(pieces) == 1:
        expression = pieces[0]
    else:
        # The earliest place for each piece is as good as any, so nothing is ever tried twice (as in fnmatch.translate).
        middle = b"".join(b"(?>.*?" + piece + b")" for piece in pieces[1:-1] if piece)
        expression = pieces[0] + middle + b".*" + pieces[-1]
    compiled = re.compile(expression, re.DOTALL)
    return lambda name: compiled.fullmatch(name) is not None


def _glob_class(pattern: bytes, place: int) -> tuple[bytes, int]:
    """Translate what follows a `[`; give the expression and the place after the class, which the end closes too."""
    negated = pattern[place : place + 1] == b"^"
    place += negated
    allowed: set[int] = set()
    while place < len(pattern) and pattern[place] != ord("]"):
        if pattern[place] == ord("\\") and place + 1 < len(pattern):
            allowed.add(pattern[place + 1])
            place += 2
        elif pattern[place + 1 : place + 2] == b"-" and place + 2 < len(pattern):
            first, last = sorted((pattern[place], pattern[place + 2]))
            allowed.update(range(first, last + 1))
            place += 3
        else:
            allowed.add(pattern[place])
            place += 1
    if negated:
        allowed = set(range(256)) - allowed
    characters = b"".join(b"\\x%02x" % code for code in sorted(allowed))
    return (b"[" + characters + b"]" if allowed else b"(?!)"), place + 1
