"""Completions that can be let come together: what a body brings while nobody reads is one piece afterwards."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Protocol

from services.agent.domain.chat import ChatDelta


class Content(Protocol):
    """A body that is being received."""

    def is_eof(self) -> bool:
        """Say whether all of it has come."""
        ...

    def on_eof(self, callback: Callable[[], None]) -> None:
        """Call back once all of it has come."""
        ...


class Body:
    """A response's body, for somebody who waits for more of it to come; nothing has come before `begun`."""

    def __init__(self) -> None:
        self._content: Content | None = None
        self._waiter: asyncio.Future[None] | None = None

    def begun(self, content: Content) -> None:
        """Take the body whose end is waited for."""
        self._content = content
        content.on_eof(self._wake)

    async def gather(self, seconds: float) -> None:
        """Wait so long, or until all has come."""
        if self._content is None or self._content.is_eof():
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


class Completion(AsyncGenerator[ChatDelta, None]):
    """The pieces of one completion, which can be gathered (`app.model_call.Gathering`)."""

    def __init__(self, pieces: AsyncGenerator[ChatDelta, None], body: Body) -> None:
        self._pieces = pieces
        self._body = body

    def gather(self, seconds: float) -> Awaitable[None]:
        """Let come what comes in so many seconds; less where the body has ended."""
        return self._body.gather(seconds)

    # What follows costs no coroutine of its own: it is called for each piece.

    def __anext__(self) -> Awaitable[ChatDelta]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Give the next piece."""
        return self._pieces.__anext__()

    def asend(self, value: None) -> Any:
        """Give the next piece."""
        return self._pieces.asend(value)

    def athrow(self, *fault: Any) -> Any:
        """Raise something where the pieces are made."""
        return self._pieces.athrow(*fault)

    def aclose(self) -> Any:
        """End the call."""
        return self._pieces.aclose()
