"""One call of a language model: how long it may take, and what is told when it has ended."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from services.agent.domain.breaker import Breaker, BreakerRules, Ticket
from services.agent.domain.chat import ChatDelta, ChatEnd, ChatRequest
from services.agent.ports import ChatModel, ModelFault

from .speech import Trial
from .spending import CallOutcome, Reserved, TurnSpending

# How long a model may take to let go of a call that nobody wants any more, in seconds.
_CLOSING_S = 1.0


class ModelTimes(Struct, frozen=True, kw_only=True):
    """How long is waited, in seconds.

    Attributes:
        first_token_s: for a call's first piece, from its beginning.
        between_tokens_s: for each piece after that.
        retry_s: before the one retry; half as much to half as much again.
        patience_s: at most, where the provider asks to wait: whoever asks for longer is not asked again.
        gather_s: between two pieces of text, once some has left: what comes meanwhile is one piece. No longer than frames
            of text are apart, so that nobody gets anything later for it; each piece costs its way through all filters.
    """

    first_token_s: float = 15.0
    between_tokens_s: float = 20.0
    retry_s: float = 0.2
    patience_s: float = 2.0
    gather_s: float = 0.035


# Lets come what comes in so many seconds; less where the stream has ended.
Gathering: TypeAlias = Callable[[float], Awaitable[None]]


class Deployment:
    """A model and its breaker; `fault` is the code of its last call, where that failed."""

    def __init__(self, model: ChatModel, rules: BreakerRules) -> None:
        self.model = model
        self.breaker = Breaker(rules)
        self.fault = ""


class ModelCall:
    """One call of one model: bounded in time, and settled exactly once.

    Args:
        reserved: what the purse has set aside for it.
        trial: says when its text can leave; it is given only once some can.
        clock: seconds of a clock that never goes back.
    """

    def __init__(
        self, deployment: Deployment, ticket: Ticket, request: ChatRequest, *, purse: TurnSpending, reserved: Reserved,
        trial: Trial, times: ModelTimes, clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self.model = deployment.model
        self._breaker = deployment.breaker
        self._ticket = ticket
        self._purse = purse
        self._reserved = reserved
        self._times = times
        self._clock = clock
        self._pieces = deployment.model.stream(request)
        # Only where what comes meanwhile is one piece afterwards; elsewhere each piece would wait for itself.
        self._come_together: Gathering | None = getattr(self._pieces, "gather", None)
        self._began = clock()
        self._first_ms: float | None = None
        self._said: list[str] = []
        self._can_leave: Trial | None = trial
        self._end: ChatEnd | None = None
        self._settled = False
        self._closed = False

    async def next(self) -> ChatDelta:
        """Give the next piece: text that is not empty, or the end.

        Raises:
            ModelFault: the call failed, and is settled.
        """
        if self._end:
            return self._end
        try:
            while isinstance(piece := await self._within(), str):
                # An empty text says that the model is at work on something that is not text.
                if piece and (text := self._given(piece)):
                    return text
            end = self._ended(piece)
        except ModelFault as fault:
            self._settle("cut" if self._said else "failed", fault.code, None)
            raise
        except Exception as fault:
            # An adapter's own mistake; what it says may hold what the customer said.
            self._settle("cut" if self._said else "failed", "model_failed", None)
            raise ModelFault("model_failed") from fault
        if self._can_leave and self._said:
            self._end = end
            return "".join(self._said)
        return end

    def _given(self, piece: str) -> str:
        """Give text that came, with all that was held until now; nothing while none of it can leave."""
        self._said.append(piece)
        if self._can_leave is None:
            return piece
        if not self._can_leave(piece):
            return ""
        self._can_leave = None
        return "".join(self._said)

    async def gather(self) -> None:
        """Let text come together before the next piece, where the stream can."""
        if self._end is None and self._come_together:
            await self._come_together(self._times.gather_s)

    async def close(self) -> None:
        """Let go of the call; it counts as cancelled where it has not ended."""
        self._settle("cancelled", "", None)
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(_CLOSING_S):
                await self._pieces.aclose()
        except Exception:  # noqa: S110 - settled already, and nobody waits for it
            pass

    async def _within(self) -> ChatDelta:
        """Wait for the next piece, not for longer than it may take."""
        if self._first_ms is None:
            left = self._times.first_token_s - self._elapsed_ms() / 1000
        else:
            left = self._times.between_tokens_s
        try:
            async with asyncio.timeout(left):
                piece = await anext(self._pieces)
        except TimeoutError:
            raise ModelFault("model_timed_out") from None
        except StopAsyncIteration:
            raise ModelFault("model_cut") from None
        if self._first_ms is None:
            self._first_ms = self._elapsed_ms()
        return piece

    def _ended(self, end: ChatEnd) -> ChatEnd:
        if not self._said and not end.tool_calls and end.finish != "content_filter":
            # Saying nothing is no answer: another model may have one.
            self._settle("failed", "model_empty", end)
            raise ModelFault("model_empty")
        self._settle("completed", "", end)
        return replace(end, model=self.model.name)

    def _elapsed_ms(self) -> float:
        return (self._clock() - self._began) * 1000

    def _settle(self, outcome: CallOutcome, code: str, end: ChatEnd | None) -> None:
        if self._settled:
            return
        self._settled = True
        if outcome == "completed":
            self._breaker.succeeded(self._ticket)
        elif outcome == "cancelled" or code == "model_request_refused":
            # One request that a model does not take says nothing of the others.
            self._breaker.abandoned(self._ticket)
        else:
            self._breaker.failed(self._ticket, self._clock())
        usage = end.usage if end else None
        self._purse.settle(
            self._reserved, outcome, code=code, usage=usage, text_tokens=0 if usage else self._counted(end),
            first_token_ms=self._first_ms, duration_ms=self._elapsed_ms(),
        )  # fmt: skip

    def _counted(self, end: ChatEnd | None) -> int:
        """Count what was said, where the provider did not."""
        calls = [part for call in end.tool_calls for part in (call.name, call.arguments)] if end else []
        return self.model.count("".join([*self._said, *calls]))
