"""How free slots are filled with turns."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from libs.contracts import bus_map
from libs.contracts.errors import TimedOut, Unavailable
from libs.contracts.session import ClaimReply
from services.agent.app import Capacity, Claim, Claimer

from .fakes import Bell, Bus, Log, minter, turn, until


class Work:
    """Turns that end when the test says so."""

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.cancelled: list[str] = []
        self.go_on = asyncio.Event()

    async def answer(self, claim: Claim) -> None:
        self.claims.append(claim)
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.append(claim.turn.turn_id)
            raise


class Queue:
    """The session service's turns that wait."""

    def __init__(self, bus: Bus) -> None:
        self.waiting: list[str] = []
        self.in_flight = self.most_in_flight = 0
        bus.answers["claim_turn"] = self.give

    def add(self, count: int) -> None:
        start = len(self.waiting)
        self.waiting += [f"turn_{n}" for n in range(start, start + count)]

    async def give(self, _request: Any) -> ClaimReply:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0.002)
        self.in_flight -= 1
        return ClaimReply(turn(turn_id=self.waiting.pop(0)) if self.waiting else None)


@asynccontextmanager
async def claiming(
    bus: Bus, bell: Bell, answer: Callable[[Claim], Awaitable[None]], **capacity: Any
) -> AsyncIterator[Claimer]:
    claimer = Claimer(
        caller=bus, doorbell=bell, answer=answer, log=Log(), mint=minter(), agent_id="agent_1",
        capacity=Capacity(**{"poll_s": 30.0, **capacity}),
    )  # fmt: skip
    running = asyncio.create_task(claimer.run())
    await until(lambda: bell.heard)
    try:
        yield claimer
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_ring_claims_and_drains_the_queue() -> None:
    bus, bell, work = Bus(), Bell(), Work()
    queue = Queue(bus)
    async with claiming(bus, bell, work.answer):
        await until(lambda: len(bus.asked) >= 1 and not queue.in_flight)
        queue.add(20)
        bell.ring()
        await until(lambda: len(work.claims) == 20)
    assert len({claim.turn.turn_id for claim in work.claims}) == 20


async def test_rings_put_several_claims_in_flight_but_never_too_many() -> None:
    bus, bell, work = Bus(), Bell(), Work()
    queue = Queue(bus)
    async with claiming(bus, bell, work.answer, in_flight=4):
        queue.add(60)
        for _ in range(60):
            bell.ring()
        await until(lambda: len(work.claims) == 60)
    assert queue.most_in_flight == 4


async def test_no_more_turns_than_slots_and_a_full_agent_leaves_the_doorbell() -> None:
    bus, bell, work = Bus(), Bell(), Work()
    queue = Queue(bus)
    queue.add(5)
    async with claiming(bus, bell, work.answer, slots=2) as claimer:
        bell.ring()
        await until(lambda: claimer.taken == 2 and not bell.heard)
        await asyncio.sleep(0.02)
        assert len(work.claims) == 2
        assert not queue.in_flight
        work.go_on.set()
        await until(lambda: len(work.claims) == 5 and bell.heard)


async def test_an_idle_agent_asks_without_a_ring() -> None:
    bus, bell, work = Bus(), Bell(), Work()
    queue = Queue(bus)
    async with claiming(bus, bell, work.answer, poll_s=0.02):
        await until(lambda: len(bus.asked) >= 2)
        queue.add(1)
        await until(lambda: len(work.claims) == 1)


async def test_a_lost_reply_is_asked_for_again_with_the_same_claim_id() -> None:
    bus, bell, work = Bus(), Bell(), Work()
    replies = [TimedOut("timed_out", ""), Unavailable("session_unavailable", ""), ClaimReply(turn()), ClaimReply()]
    bus.answer(bus_map.CLAIM_TURN, *replies)
    async with claiming(bus, bell, work.answer, poll_s=0.02, in_flight=1):
        await until(lambda: len(work.claims) == 1 and len(bus.asked) >= 4)
    first, second, third, fourth = (request.claim_id for _, request in bus.asked[:4])
    assert first == second == third != fourth
    assert work.claims[0].repeated
    assert bus.asked[0][1].agent_id == "agent_1"


async def test_an_answered_claim_is_not_called_repeated() -> None:
    bus, bell, work = Bus(), Bell(), Work()
    Queue(bus).add(1)
    async with claiming(bus, bell, work.answer):
        await until(lambda: len(work.claims) == 1)
    assert not work.claims[0].repeated


async def test_draining_leaves_the_doorbell_and_lets_turns_finish() -> None:
    bus, bell, work = Bus(), Bell(), Work()
    queue = Queue(bus)
    queue.add(3)
    async with claiming(bus, bell, work.answer) as claimer:
        await until(lambda: len(work.claims) == 3)
        draining = asyncio.create_task(claimer.drain(5.0))
        await until(lambda: not bell.heard)
        queue.add(5)
        asyncio.get_running_loop().call_later(0.05, work.go_on.set)
        await draining
        assert claimer.taken == 0
    assert len(work.claims) == 3
    assert work.cancelled == []


async def test_draining_cancels_what_does_not_finish() -> None:
    bus, bell, work = Bus(), Bell(), Work()
    Queue(bus).add(2)
    async with claiming(bus, bell, work.answer) as claimer:
        await until(lambda: len(work.claims) == 2)
        await claimer.drain(0.05)
        assert claimer.taken == 0
    assert sorted(work.cancelled) == ["turn_0", "turn_1"]


async def test_a_turn_that_arrives_while_draining_begins_is_answered_not_lost() -> None:
    bus, bell, work = Bus(), Bell(), Work()
    queue = Queue(bus)
    work.go_on.set()
    async with claiming(bus, bell, work.answer) as claimer:
        await until(lambda: not queue.in_flight and bus.asked)
        queue.add(1)
        bell.ring()
        await asyncio.sleep(0)
        await claimer.drain(1.0)
    assert len(work.claims) == 1


async def test_stopping_without_a_drain_cancels_the_turns() -> None:
    bus, bell, work = Bus(), Bell(), Work()
    Queue(bus).add(2)
    async with claiming(bus, bell, work.answer):
        await until(lambda: len(work.claims) == 2)
    assert sorted(work.cancelled) == ["turn_0", "turn_1"]
    assert not bell.heard


async def test_a_claim_that_nobody_answers_does_not_hold_up_the_stop() -> None:
    bus, bell, work = Bus(), Bell(), Work()

    async def silence(_request: Any) -> ClaimReply:
        await asyncio.sleep(30)
        raise AssertionError

    bus.answers["claim_turn"] = silence
    async with claiming(bus, bell, work.answer) as claimer:
        await until(lambda: bus.asked)
        async with asyncio.timeout(2):
            await claimer.drain(45.0)


async def test_an_agent_with_free_slots_does_not_ask_after_each_turn() -> None:
    bus, bell, work = Bus(), Bell(), Work()
    queue = Queue(bus)
    async with claiming(bus, bell, work.answer) as claimer:
        queue.add(1)
        bell.ring()
        await until(lambda: claimer.taken == 1 and not queue.in_flight)
        await asyncio.sleep(0.02)
        asked = len(bus.asked)
        work.go_on.set()
        await until(lambda: claimer.taken == 0)
        await asyncio.sleep(0.02)
    assert len(bus.asked) == asked
