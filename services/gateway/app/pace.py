"""How fast something may come: requests of a client, messages of a session."""

from ..domain.rates import Rate, TooFast
from ..ports import Decision, Limiter


class Pace:
    """One rate, kept apart for each key.

    Args:
        rate: None lets everything pass.
        kind: what is counted, so that the same key in another pace is another one.
        detail: what somebody is told who is too fast.
    """

    def __init__(self, limiter: Limiter, rate: Rate | None, *, kind: str, detail: str) -> None:
        self._limiter = limiter
        self._rate = rate
        self._kind = kind
        self._detail = detail

    async def check(self, key: str) -> Decision | None:
        """Count one, and say whether it may pass; None where nothing is counted."""
        if self._rate is None:
            return None
        return await self._limiter.check(f"{self._kind}:{key}", self._rate.count, self._rate.period_s)

    async def keep(self, key: str) -> None:
        """Count one.

        Raises:
            TooFast: it may not pass.
        """
        decision = await self.check(key)
        if decision is not None and not decision.allowed:
            raise self.refusal(decision)

    def refusal(self, decision: Decision) -> TooFast:
        """Give the error for one that may not pass."""
        return TooFast(self._detail, decision.retry_after_s)
