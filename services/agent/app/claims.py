"""Claims: free slots ask the session service for work."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct

from libs.contracts.bus_map import CLAIM_TURN
from libs.contracts.channels import Caller
from libs.contracts.errors import DeskError
from libs.contracts.session import ClaimedTurn, ClaimTurn
from services.agent.ports import Doorbell, Log, Mint

# How long a stopping agent waits for the claims that are under way, in seconds.
_CLAIM_GRACE_S = 1.0
# Claims belong to no tenant: the reply names the one of the turn.
_NO_TENANT = "_"


class Claim(Struct, frozen=True, kw_only=True):
    """A claimed turn.

    Attributes:
        asked_at: the event loop's time just before the claim was answered at last: the lease began after it.
        repeated: whether it was asked for more than once; then the lease may have begun with a reply that was lost.
    """

    turn: ClaimedTurn
    asked_at: float
    repeated: bool = False


class Capacity(Struct, frozen=True, kw_only=True):
    """How much an agent takes on.

    Attributes:
        slots: turns at once.
        in_flight: claims at once.
        poll_s: how often an idle agent asks without a ring, and asks again where nobody answered.
        history: messages before the questions.
    """

    slots: int = 64
    in_flight: int = 4
    poll_s: float = 0.5
    history: int = 10


Answering: TypeAlias = Callable[[Claim], Awaitable[None]]


class Claimer:
    """Fills free slots with turns.

    A ring asks once. A claim that finds a turn asks again, so that a queue is drained by as many claims as are
    allowed in flight; one that finds nothing waits for the next ring. A slot is taken from the moment it asks.
    """

    def __init__(
        self,
        *,
        caller: Caller,
        doorbell: Doorbell,
        answer: Answering,
        log: Log,
        mint: Mint,
        agent_id: str,
        capacity: Capacity,
    ) -> None:
        self._caller = caller
        self._doorbell = doorbell
        self._answer = answer
        self._log = log
        self._mint = mint
        self._agent_id = agent_id
        self._capacity = capacity
        self._group: asyncio.TaskGroup | None = None
        self._claims: set[asyncio.Task[None]] = set()
        self._turns: set[asyncio.Task[None]] = set()
        self._wanted = 0
        self._draining = False
        self._changed = asyncio.Event()

    @property
    def taken(self) -> int:
        """How many turns are being answered."""
        return len(self._turns)

    async def run(self) -> None:
        """Claim and answer until drained or cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._poll())
            try:
                await self._watch_door()
            finally:
                # A group on its way out takes no more tasks.
                self._draining = True

    def ring(self) -> None:
        """Ask for work as soon as a slot is free."""
        self._wanted = min(self._wanted + 1, self._capacity.in_flight)
        self._fill()

    async def drain(self, patience_s: float) -> None:
        """Claim no more and leave the doorbell; let turns finish, then have the others given back."""
        self._draining = True
        self._changed.set()
        clock = asyncio.get_running_loop().time
        deadline = clock() + patience_s
        # A claim that is under way may still bring a turn; one that nobody answers must not hold up the stop.
        await _end(self._claims, min(_CLAIM_GRACE_S, patience_s))
        await _end(self._turns, deadline - clock())

    def _fill(self) -> None:
        """Start the claims that are wanted and allowed."""
        capacity = self._capacity
        while (
            self._group is not None
            and not self._draining
            and self._wanted
            and len(self._claims) < capacity.in_flight
            and len(self._turns) + len(self._claims) < capacity.slots
        ):
            self._wanted -= 1
            task = self._group.create_task(self._claim(self._group))
            self._claims.add(task)
            task.add_done_callback(self._claimed)

    async def _claim(self, group: asyncio.TaskGroup) -> None:
        claim = await self._ask()
        if claim is None:
            return
        task = group.create_task(self._hand(claim))
        self._turns.add(task)
        task.add_done_callback(self._finished)
        self._wanted = min(self._wanted + 1, self._capacity.in_flight)

    async def _hand(self, claim: Claim) -> None:
        await self._answer(claim)

    def _claimed(self, task: asyncio.Task[None]) -> None:
        self._claims.discard(task)
        self._changed.set()
        if not _broken(task):
            self._fill()

    def _finished(self, task: asyncio.Task[None]) -> None:
        was_full = len(self._turns) + len(self._claims) >= self._capacity.slots
        self._turns.discard(task)
        self._changed.set()
        if _broken(task):
            return
        if was_full:
            self.ring()  # rings that came meanwhile went to others, or to nobody
        else:
            self._fill()

    async def _ask(self) -> Claim | None:
        """Ask until there is an answer, always with the same id: a turn whose reply was lost comes again."""
        request = ClaimTurn(agent_id=self._agent_id, claim_id=self._mint("claim"), history_limit=self._capacity.history)
        clock, repeated = asyncio.get_running_loop().time, False
        while True:
            asked_at = clock()
            try:
                reply = await self._caller.call(CLAIM_TURN, request, tenant=_NO_TENANT)
            except DeskError as error:
                if not repeated:
                    self._log.warning("claim_unanswered", code=error.code)
                if self._draining:
                    return None
                repeated = True
                await asyncio.sleep(self._capacity.poll_s)
            else:
                return Claim(turn=reply.turn, asked_at=asked_at, repeated=repeated) if reply.turn else None

    async def _poll(self) -> None:
        """Ask now and then without a ring: rings can be lost."""
        while not self._draining:
            if not self._claims:
                self.ring()
            await asyncio.sleep(self._capacity.poll_s)

    async def _watch_door(self) -> None:
        """Hear the doorbell only while a slot is free, so that rings go to agents that can follow them."""
        joined = False
        try:
            while not self._draining:
                self._changed.clear()
                # A claim in flight may take the last slot: an agent that has left waits for its end.
                if joined and len(self._turns) >= self._capacity.slots:
                    await self._doorbell.leave()
                    joined = False
                elif not joined and len(self._turns) + len(self._claims) < self._capacity.slots:
                    await self._doorbell.join(self.ring)
                    joined = True
                    self.ring()  # what came while nobody listened
                await self._changed.wait()
        finally:
            await self._doorbell.leave()


async def _end(tasks: set[asyncio.Task[None]], patience_s: float) -> None:
    """Wait until tasks have ended, and cancel those that have not in time."""
    left = set(tasks)
    if left:
        _, left = await asyncio.wait(left, timeout=max(0.0, patience_s))
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)


def _broken(task: asyncio.Task[None]) -> bool:
    """Say whether a task was cancelled or has failed: then its group is ending, and takes no more tasks."""
    return task.cancelled() or task.exception() is not None
