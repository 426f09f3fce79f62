"""Deployments: the models that may write an answer, asked in order; the only place where a call is tried again."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from msgspec import Struct

from services.agent.domain.breaker import BreakerRules, Ticket
from services.agent.domain.chat import ChatDelta, ChatEnd, ChatRequest
from services.agent.domain.token_estimate import overhead, texts
from services.agent.ports import ChatModel, Log, ModelFault

from .model_call import Deployment, ModelCall, ModelTimes
from .speech import Trial
from .spending import TurnSpending

__all__ = ["Chances", "Deployments", "ModelTimes"]

# What is set aside for a completion where the request does not bound it.
_COMPLETION_TOKENS = 1_000
# The session service gives a turn up after its fifth attempt.
_LAST_ATTEMPT = 5


class Chances(Struct, frozen=True, kw_only=True):
    """Where time and chance come from.

    Attributes:
        clock: seconds of a clock that never goes back.
        jitter: a number from 0 to 1, another each time.
    """

    clock: Callable[[], float]
    jitter: Callable[[], float]


class Deployments:
    """The models that settings name, the first one preferred.

    Args:
        models: at least one.
        chances: clock and jitter.

    Raises:
        ValueError: there is no model.
    """

    def __init__(
        self, models: Sequence[ChatModel], log: Log, times: ModelTimes, chances: Chances, rules: BreakerRules | None = None
    ) -> None:  # fmt: skip
        if not models:
            raise ValueError("no model")
        self._deployments = [Deployment(model, rules or BreakerRules()) for model in models]
        self._log = log
        self._times = times
        self._chances = chances

    @property
    def name(self) -> str:
        """What the first is called."""
        return self._deployments[0].model.name

    def count(self, text: str) -> int:
        """Give the tokens of a text as the first model counts them."""
        return self._deployments[0].model.count(text)

    async def stream(
        self, request: ChatRequest, spending: TurnSpending, trial: Callable[[], Trial] = lambda: bool
    ) -> AsyncGenerator[ChatDelta, None]:
        """Stream a completion from the first deployment that gives one; its `ChatEnd` says which.

        `trial` makes for each call what says when its text can leave; without it text is given at once.
        Until some of a call's text can leave it may be tried again once, then the other deployments are asked in order, each
        once. Every call is settled, also where the generator is closed before its end.

        Raises:
            ModelFault: `models_unavailable`: all failed before the first text; else what ended the text that was given.
            BudgetExhausted: a call would pass a budget.
        """
        asking = _Asking(self._in_order(spending.attempt), self._times)
        while (deployment := asking.next(self._chances.clock())) is not None:
            call = await self._begin(*deployment, request, spending, trial())
            try:
                while not isinstance(piece := await call.next(), ChatEnd):
                    asking.text_left = True
                    yield piece
                    await call.gather()
                await call.close()
                yield piece
            except ModelFault as fault:
                self._log.warning("model_call_failed", model=call.model.name, code=fault.code, attempt=asking.calls)
                deployment[0].fault = fault.code
                if asking.text_left:
                    raise
                asking.failed(fault)
            else:
                deployment[0].fault = ""
                return
            finally:
                await call.close()
            await asyncio.sleep(asking.pause_s(self._chances.jitter))
        self._log.warning("models_unavailable", code=asking.code, calls=asking.calls)
        raise ModelFault("models_unavailable")

    def _in_order(self, attempt: int) -> list[Deployment]:
        """Give the deployments as a turn's attempt asks them; none in the last one.

        An attempt before it broke off in the middle: somebody else is asked first, and in the end nobody, so that a
        customer whom every model leaves in the middle of a sentence is not left without an answer.
        """
        if attempt >= _LAST_ATTEMPT:
            return []
        first = (attempt - 1) % len(self._deployments)
        return [*self._deployments[first:], *self._deployments[:first]]

    async def probe(self) -> str:
        """Say which models there are and how their breakers stand."""
        now = self._chances.clock()
        states = [deployment.breaker.state(now) for deployment in self._deployments]
        others = len(states) - 1
        fallbacks = f", {others} fallback{'s' if others > 1 else ''}" if others else ""
        breakers = f"breaker{'s' if others else ''} {', '.join(states)}"
        faults = [f"; last call of {one.model.name}: {one.fault}" for one in self._deployments if one.fault]
        return f"{self.name}{fallbacks}; {breakers}{''.join(faults)}"

    async def close(self) -> None:
        """Let go of all models' connections."""
        for deployment in self._deployments:
            await deployment.model.close()

    async def _begin(
        self, deployment: Deployment, ticket: Ticket, request: ChatRequest, purse: TurnSpending, trial: Trial
    ) -> ModelCall:
        """Set aside what a call may take, and make it."""
        model = deployment.model
        prompt = overhead(request) + sum(model.count(text) for text in texts(request))
        try:
            reserved = await purse.reserve(model, prompt, request.max_tokens or _COMPLETION_TOKENS)
        except BaseException:
            deployment.breaker.abandoned(ticket)
            raise
        return ModelCall(
            deployment,
            ticket,
            request,
            purse=purse,
            reserved=reserved,
            trial=trial,
            times=self._times,
            clock=self._chances.clock,
        )


class _Asking:
    """Which deployment is asked next, for one completion."""

    def __init__(self, deployments: Sequence[Deployment], times: ModelTimes) -> None:
        self._left = list(deployments)
        self._times = times
        self._again: Deployment | None = None
        self._asked: Deployment | None = None
        self._retry_after_s: float | None = None
        self.calls = 0
        self.code = "breakers_open"
        self.text_left = False

    def next(self, now: float) -> tuple[Deployment, Ticket] | None:
        """Give the deployment to ask, with its breaker's leave; None where none is left."""
        candidates = ([self._again] if self._again else []) + self._left
        self._again = None
        for deployment in candidates:
            if deployment in self._left:
                self._left.remove(deployment)
            if ticket := deployment.breaker.admit(now):
                self._asked = deployment
                self.calls += 1
                return deployment, ticket
        return None

    def failed(self, fault: ModelFault) -> None:
        """Take in that the call failed; the first one may be made again."""
        self.code = fault.code
        wait = fault.retry_after_s or 0.0
        # Who was waited for in vain once is not waited for again while there is somebody else.
        hopeless = fault.code == "model_timed_out" and self._left
        if self.calls == 1 and fault.retryable and wait <= self._times.patience_s and not hopeless:
            self._again, self._retry_after_s = self._asked, fault.retry_after_s

    def pause_s(self, jitter: Callable[[], float]) -> float:
        """Give how long to wait before the next call: none where it goes to somebody else."""
        if self._again is None:
            return 0.0
        return self._retry_after_s if self._retry_after_s is not None else self._times.retry_s * (0.5 + jitter())
