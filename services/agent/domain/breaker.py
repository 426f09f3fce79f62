"""A circuit breaker: a deployment that fails half of its calls is left alone for a while, then tried with one call."""

from collections import deque
from typing import Literal

from msgspec import Struct

State = Literal["closed", "open", "half-open"]


class BreakerRules(Struct, frozen=True, kw_only=True):
    """When it opens and for how long.

    Attributes:
        window: a failure opens it when half of so many calls, the latest, have failed; with fewer it never does.
        cool_down_s: how long it stays open, in seconds, before one call may try.
    """

    window: int = 20
    cool_down_s: float = 30.0


class Ticket(Struct, frozen=True):
    """Leave to make one call; its end is told with it. A call that began in an earlier state changes nothing."""

    era: int


class Breaker:
    """The breaker of one deployment. Times are seconds of any clock that never goes back."""

    def __init__(self, rules: BreakerRules) -> None:
        self._rules = rules
        self._failures: deque[bool] = deque(maxlen=rules.window)
        self._opened_at: float | None = None
        self._probing = False
        # Counts the changes of state, so that late words about calls of an earlier one are known.
        self._era = 0

    def state(self, now: float) -> State:
        """Say how it is."""
        if self._opened_at is None:
            return "closed"
        return "open" if now < self._opened_at + self._rules.cool_down_s else "half-open"

    def admit(self, now: float) -> Ticket | None:
        """Give leave for a call; None where none may be made. Whoever has leave must tell how the call ended."""
        state = self.state(now)
        if state == "open" or self._probing:
            return None
        if state == "half-open":
            self._probing = True
            self._era += 1
        return Ticket(self._era)

    def succeeded(self, ticket: Ticket) -> None:
        """Tell that a call went well."""
        if ticket.era != self._era:
            return
        if self._opened_at is None:
            self._failures.append(False)
        else:
            self._change(None)

    def failed(self, ticket: Ticket, now: float) -> None:
        """Tell that a call failed."""
        if ticket.era != self._era:
            return
        self._failures.append(True)
        if self._opened_at is not None or self._half_failed():
            self._change(now)

    def abandoned(self, ticket: Ticket) -> None:
        """Tell that a call ended without saying anything about the deployment: it was cancelled, or never made."""
        if ticket.era == self._era:
            self._probing = False

    def _half_failed(self) -> bool:
        calls = self._failures
        return len(calls) == self._rules.window and 2 * sum(calls) >= self._rules.window

    def _change(self, opened_at: float | None) -> None:
        self._opened_at = opened_at
        self._probing = False
        self._failures.clear()
        self._era += 1
