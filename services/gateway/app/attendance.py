"""Who is connected to a session, at all gateways: gathered only while an operator looks.

A gateway with an operator asks the others, who answer with their own clients, and from then on tell of every change for
as long as somebody has asked lately. Where no operator is, nobody asks, and nothing is said.
"""

import asyncio
from collections.abc import Callable

from msgspec import Struct

from libs.contracts.frames import PresenceFrame
from libs.contracts.gateway import Presence, Present


class Rhythm(Struct, frozen=True, kw_only=True):
    """When what is done, in seconds.

    Attributes:
        ask_s: how often a gateway with an operator asks the others.
        asked_s: for how long after it was asked a gateway tells of changes.
        forgotten_s: after how long what a gateway told is void.
        look_s: how often the two above are looked at.
        together_s: clients come and go in crowds, as when another gateway restarts; so long they are waited for.
    """

    ask_s: float = 20.0
    asked_s: float = 60.0
    forgotten_s: float = 45.0
    look_s: float = 5.0
    together_s: float = 0.05


USUAL = Rhythm()


class Attendance:
    """One session's attendance, as this process knows it.

    Args:
        gateway_id: this process.
        own: gives this process's clients of the session.
        announce: tells the other gateways.
        show: shows a frame to this process's operators.
    """

    __slots__ = (
        "_announce", "_asked_at", "_asked_until", "_elsewhere", "_gateway_id", "_is_watching", "_looking", "_own",
        "_rhythm", "_show", "_shown", "_telling",
    )  # fmt: skip

    def __init__(
        self, gateway_id: str, own: Callable[[], list[Present]], announce: Callable[[Presence], None],
        show: Callable[[PresenceFrame], None], rhythm: Rhythm = USUAL,
    ) -> None:  # fmt: skip
        self._rhythm = rhythm
        self._gateway_id = gateway_id
        self._own = own
        self._announce = announce
        self._show = show
        self._elsewhere: dict[str, tuple[list[Present], float]] = {}
        self._shown: list[Present] | None = None
        self._is_watching = False
        self._asked_at = 0.0
        self._asked_until = 0.0
        self._looking: asyncio.TimerHandle | None = None
        self._telling: asyncio.TimerHandle | None = None

    def changed(self, *, is_watched: bool, anew: bool = False) -> None:
        """Note that somebody came or went here.

        Args:
            is_watched: whether an operator is connected here.
            anew: whether one has just come, who has seen nothing yet.
        """
        if is_watched and not self._is_watching:
            self._is_watching, self._asked_at = True, 0.0
            self._look()
        elif not is_watched and self._is_watching:
            self._is_watching = False
            self._elsewhere.clear()
            self._looking = _cancel(self._looking)
        if anew:
            self._shown = None
        if self._is_watching or _time() < self._asked_until:
            self._tell_soon()

    def hear(self, told: Presence) -> None:
        """Note what another gateway tells; answer where it asks."""
        if told.gateway_id == self._gateway_id:
            return
        if told.asking:
            self._asked_until = _time() + self._rhythm.asked_s
            if self._own():
                self._announce(self._presence())
        if self._is_watching:
            if told.present:
                self._elsewhere[told.gateway_id] = (told.present, _time())
            else:
                self._elsewhere.pop(told.gateway_id, None)
            self._tell_soon()

    def close(self) -> None:
        """Tell what has not been told, and look at the clock no more."""
        self._looking = _cancel(self._looking)
        if self._telling is not None:
            self._telling.cancel()
            self._tell()

    def _look(self) -> None:
        """Ask the others when it is time, and forget those who have not been heard."""
        now = _time()
        if not self._asked_at or now - self._asked_at >= self._rhythm.ask_s:
            self._asked_at = now
            self._announce(self._presence(asking=True))
        silent = [each for each, (_, heard_at) in self._elsewhere.items() if now - heard_at >= self._rhythm.forgotten_s]
        for gateway_id in silent:
            del self._elsewhere[gateway_id]
        if silent:
            self._tell_soon()
        self._looking = asyncio.get_running_loop().call_later(self._rhythm.look_s, self._look)

    def _tell_soon(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(self._rhythm.together_s, self._tell)

    def _tell(self) -> None:
        self._telling = None
        if _time() < self._asked_until:
            self._announce(self._presence())
        if self._is_watching:
            elsewhere = (present for present, _ in self._elsewhere.values())
            everybody = [each for present in (self._own(), *elsewhere) for each in present]
            everybody.sort(key=lambda each: (each.since, each.client_id))
            if everybody != self._shown:
                self._shown = everybody
                self._show(PresenceFrame(present=everybody))

    def _presence(self, *, asking: bool = False) -> Presence:
        return Presence(gateway_id=self._gateway_id, present=self._own(), asking=asking)


def _time() -> float:
    return asyncio.get_running_loop().time()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
