"""Turns that are revoked: cancelled by a client, or taken from the agent."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from libs.contracts import bus_map
from libs.contracts.errors import Conflict, Unavailable
from libs.contracts.knowledge import SearchResult
from libs.contracts.session import LeaseRenewed, TurnRevoked, TurnSettled
from services.agent.app import Claim, Limits, Turns
from services.agent.domain.prompt import Prompt
from services.agent.ports import Delta

from .fakes import DONE, FAST, Bus, KeptMemories, Log, SpokenModel, claim, turn, turns, until
from .test_claims import Bell, Queue, claiming

CANCELLED = TurnSettled("cancelled")
# Well under the second that the session service waits for what was said.
AT_ONCE_S = 0.5


def endless() -> SpokenModel:
    return SpokenModel(*(thing for number in range(2000) for thing in (f"t{number} ", 0.004)), DONE)


def revoked(*, wanted: bool, turn_id: str = "turn_1", attempt: int = 1) -> TurnRevoked:
    return TurnRevoked(turn_id=turn_id, attempt=attempt, wanted=wanted)


class Running:
    """A turn under way, and what it says and stores."""

    def __init__(self, model: Any, bus: Bus | None = None, *, limits: Limits = FAST, **fields: Any) -> None:
        self.bus, self.log = bus or Bus(), Log()
        if bus is None:
            self.bus.answer(bus_map.COMPLETE_TURN, CANCELLED)
        self.turns: Turns = turns(self.bus, model, self.log, limits, **fields)

    def begin(self, asked: Claim | None = None) -> asyncio.Task[None]:
        self.task = asyncio.create_task(self.turns.answer(asked or claim()))
        return self.task

    async def ends(self, within_s: float = AT_ONCE_S) -> None:
        """Wait for the turn's end, and hold that no frame follows it."""
        async with asyncio.timeout(within_s):
            await self.task
        told = len(self.bus.told)
        await asyncio.sleep(0.03)
        assert len(self.bus.told) == told

    @property
    def stored(self) -> list[Any]:
        return self.bus.requests(bus_map.COMPLETE_TURN)

    @property
    def ending(self) -> tuple[str, str]:
        [line] = self.log.named("turn")
        return line["outcome"], line["code"]


@pytest.mark.parametrize("interval_s", [0.0, 0.005, 0.05, 5.0])
async def test_a_cancelled_turn_stores_what_was_told_and_nothing_else(interval_s: float) -> None:
    model = endless()
    one = Running(model, limits=Limits(text_interval_s=interval_s))
    one.begin()
    await until(lambda: one.bus.joined)
    await asyncio.sleep(0.05)
    told = one.bus.joined
    one.turns.revoke(revoked(wanted=True), "acme")
    await one.ends()
    [request] = one.stored
    assert (request.outcome, request.turn_id, request.attempt, request.epoch) == ("cancelled", "turn_1", 1, 3)
    assert request.answer.content == one.bus.joined == told
    assert (request.answer.sources, request.answer.confidence, request.answer.tools_used) == ([], None, [])
    assert request.answer.metadata == {"model": "spoken", "attempt": 1}
    assert one.bus.requests(bus_map.FAIL_TURN) == []
    assert one.ending == ("cancelled", "")
    assert model.closed == 1


async def test_a_turn_that_nobody_wants_stops_and_stores_nothing() -> None:
    model = endless()
    one = Running(model)
    one.begin()
    await until(lambda: len(one.bus.texts) > 2)
    told = one.bus.joined
    one.turns.revoke(revoked(wanted=False), "acme")
    await one.ends()
    assert one.bus.joined == told
    assert one.stored == one.bus.requests(bus_map.FAIL_TURN) == []
    assert one.ending == ("revoked", "")
    assert model.closed == 1


async def never(_request: Any) -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_turn_is_stopped_while_it_searches(wanted: bool) -> None:
    one = Running(endless())
    one.bus.answers["search"] = never
    one.begin()
    await until(lambda: one.bus.requests(bus_map.SEARCH))
    one.turns.revoke(revoked(wanted=wanted), "acme")
    await one.ends()
    assert [request.answer.content for request in one.stored] == ([""] if wanted else [])
    assert one.ending == ("cancelled" if wanted else "revoked", "")


async def test_a_turn_is_stopped_while_it_remembers() -> None:
    memories = KeptMemories()
    memories.delay_s = 30.0
    one = Running(endless(), memories=memories, patience_s=20.0)
    one.begin(claim(turn("my email is ann@example.com")))
    await until(lambda: one.bus.requests(bus_map.SEARCH))
    one.turns.revoke(revoked(wanted=True), "acme")
    await one.ends()
    assert [request.answer.content for request in one.stored] == [""]


@pytest.mark.parametrize(
    "other",
    [
        (revoked(wanted=True, turn_id="turn_2"), "acme"),
        (revoked(wanted=True, attempt=2), "acme"),
        (revoked(wanted=False, attempt=0), "acme"),
        (revoked(wanted=True), "other"),
    ],
)
async def test_what_is_not_under_way_here_is_not_touched(other: tuple[TurnRevoked, str]) -> None:
    one = Running(SpokenModel("a ", 0.05, "b", DONE), Bus())
    one.begin()
    await until(lambda: one.bus.texts)
    one.turns.revoke(*other)
    await one.ends(1.0)
    assert [(request.outcome, request.answer.content) for request in one.stored] == [("completed", "a b")]
    assert one.ending == ("answered", "")


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_revocation_before_the_reply_to_the_claim_stops_the_attempt_as_it_begins(wanted: bool) -> None:
    model = endless()
    one = Running(model)
    one.turns.revoke(revoked(wanted=wanted), "acme")
    one.begin()
    await one.ends()
    assert model.prompts == []
    assert one.bus.told == []
    assert [request.answer.content for request in one.stored] == ([""] if wanted else [])


async def test_only_so_many_revocations_of_unknown_turns_are_kept() -> None:
    one = Running(SpokenModel("a", DONE), Bus())
    for number in range(1, 258):
        one.turns.revoke(revoked(wanted=False, turn_id=f"turn_{number}"), "acme")
    one.begin(claim(turn(turn_id="turn_1")))
    await one.ends(1.0)
    one.begin(claim(turn(turn_id="turn_2")))
    await one.ends(1.0)
    assert [line["outcome"] for line in one.log.named("turn")] == ["answered", "revoked"]


@pytest.mark.parametrize("wanted", [True, False])
async def test_an_answer_on_its_way_is_not_called_back(wanted: bool) -> None:
    bus, go_on = Bus(), asyncio.Event()

    async def slowly(_request: Any) -> TurnSettled:
        await go_on.wait()
        return TurnSettled("completed")

    bus.answers["complete_turn"] = slowly
    one = Running(SpokenModel("a ", "b", DONE), bus)
    one.begin()
    await until(lambda: one.stored)
    one.turns.revoke(revoked(wanted=wanted), "acme")
    await asyncio.sleep(0.02)
    go_on.set()
    await one.ends()
    assert [(request.outcome, request.answer.content) for request in one.stored] == [("completed", "a b")]
    assert one.ending == ("answered", "")


async def test_an_answer_that_came_too_late_is_reported_as_what_became_of_it() -> None:
    one = Running(SpokenModel("a", DONE))
    one.begin()
    await one.ends(1.0)
    assert one.stored[0].outcome == "completed"
    assert one.ending == ("cancelled", "")


async def test_what_was_told_is_offered_again_while_the_lease_holds() -> None:
    bus = Bus()
    bus.answer(bus_map.COMPLETE_TURN, Unavailable("session_unavailable", ""), CANCELLED)
    one = Running(endless(), bus)
    one.begin()
    await until(lambda: bus.texts)
    one.turns.revoke(revoked(wanted=True), "acme")
    await one.ends(1.0)
    first, second = one.stored
    assert first == second
    assert one.ending == ("cancelled", "")


async def test_what_was_told_is_not_offered_beyond_the_lease() -> None:
    bus = Bus()
    bus.answer(bus_map.COMPLETE_TURN, Unavailable("session_unavailable", ""))
    bus.answer(bus_map.RENEW_LEASE, LeaseRenewed(0.2), Conflict("lease_lost", ""))
    one = Running(endless(), bus)
    one.begin(claim(turn(lease_s=0.3)))
    await until(lambda: bus.texts)
    one.turns.revoke(revoked(wanted=True), "acme")
    await one.ends(1.0)
    assert len(one.stored) == 1
    assert one.ending == ("lease_lost", "")


async def test_what_was_told_comes_too_late() -> None:
    bus = Bus()
    bus.answer(bus_map.COMPLETE_TURN, Conflict("lease_lost", "sealed"))
    one = Running(endless(), bus)
    one.begin()
    await until(lambda: bus.texts)
    one.turns.revoke(revoked(wanted=True), "acme")
    await one.ends()
    assert one.ending == ("refused", "lease_lost")
    assert bus.requests(bus_map.FAIL_TURN) == []


async def test_being_revoked_twice_is_being_revoked_once() -> None:
    one = Running(endless())
    one.begin()
    await until(lambda: one.bus.texts)
    for wanted in (True, True, False):
        one.turns.revoke(revoked(wanted=wanted), "acme")
    await one.ends()
    assert [request.outcome for request in one.stored] == ["cancelled"]


class Stubborn:
    """A model that lets a cancellation pass, as drivers do that use `asyncio.wait_for`, or is slow to close."""

    name = about = "stubborn"

    def __init__(self, *, swallows: int = 0, closes_s: float = 0.0) -> None:
        self.swallows = swallows
        self.closes_s = closes_s
        self.closed = False

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        try:
            yield "word "
            while True:
                try:
                    await asyncio.sleep(30)
                except asyncio.CancelledError:
                    if not self.swallows:
                        raise
                    self.swallows -= 1
                    yield "too late "
        finally:
            await asyncio.sleep(self.closes_s)
            self.closed = True


@pytest.mark.parametrize(("wanted", "outcome"), [(True, "cancelled"), (False, "revoked")])
async def test_a_model_that_swallows_a_cancellation_is_stopped_all_the_same(wanted: bool, outcome: str) -> None:
    model = Stubborn(swallows=2)
    one = Running(model)
    one.begin()
    await until(lambda: one.bus.texts)
    one.turns.revoke(revoked(wanted=wanted), "acme")
    await one.ends(1.0)
    assert one.bus.joined == "word "
    assert [request.answer.content for request in one.stored] == (["word "] if wanted else [])
    assert one.ending == (outcome, "")
    assert model.closed


async def test_storing_does_not_wait_for_a_model_that_is_slow_to_close() -> None:
    model = Stubborn(closes_s=1.0)
    one = Running(model)
    one.begin()
    await until(lambda: one.bus.texts)
    one.turns.revoke(revoked(wanted=True), "acme")
    await until(lambda: one.stored, AT_ONCE_S)
    assert not model.closed
    await one.ends(2.0)


async def test_a_person_who_was_asked_for_comes_though_the_answer_is_cancelled() -> None:
    bus, memories = Bus(), KeptMemories()
    memories.delay_s = 0.05
    one = Running(endless(), bus, memories=memories)
    one.begin(claim(turn("talk to a human, my email is ann@example.com")))
    await until(lambda: bus.told)
    one.turns.revoke(revoked(wanted=True), "acme")
    await one.ends(1.0)
    [request] = one.stored
    assert request.outcome == "completed"
    assert request.answer.escalation is not None
    assert request.answer.content == bus.joined
    assert one.ending == ("handed_over", "")


async def test_a_hand_over_stops_where_a_person_has_taken_over_already() -> None:
    memories = KeptMemories()
    memories.delay_s = 0.05
    one = Running(endless(), memories=memories)
    one.begin(claim(turn("talk to a human")))
    await until(lambda: one.bus.told)
    one.turns.revoke(revoked(wanted=False), "acme")
    await one.ends()
    assert one.stored == one.bus.texts == []
    assert one.ending == ("revoked", "")


async def test_a_stopping_agent_does_not_give_back_what_was_revoked() -> None:
    one = Running(Stubborn(closes_s=30.0))
    one.begin()
    await until(lambda: one.bus.texts)
    one.turns.revoke(revoked(wanted=False), "acme")
    await asyncio.sleep(0.02)
    one.task.cancel()
    await asyncio.wait([one.task], timeout=1.0)
    assert one.bus.requests(bus_map.FAIL_TURN) == []


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_revoked_turn_frees_its_slot(wanted: bool) -> None:
    bus, bell = Bus(), Bell()
    bus.answer(bus_map.COMPLETE_TURN, CANCELLED)
    working = turns(bus, endless())
    queue = Queue(bus)
    queue.add(2)
    async with claiming(bus, bell, working.answer, slots=1) as claimer:
        for number in range(2):
            await until(lambda number=number: any(told.turn_id == f"turn_{number}" for told in bus.told))
            assert claimer.taken == 1
            working.revoke(revoked(wanted=wanted, turn_id=f"turn_{number}"), "acme")
        await until(lambda: claimer.taken == 0)


async def test_an_attempt_that_follows_on_the_same_agent_is_the_one_that_is_revoked() -> None:
    one = Running(endless())
    first = one.begin(claim(turn(lease_s=30.0)))
    await until(lambda: one.bus.texts)
    second = one.begin(claim(replace(turn(), attempt=2)))
    await until(lambda: any(told.attempt == 2 for told in one.bus.told))
    one.turns.revoke(revoked(wanted=True, attempt=2), "acme")
    async with asyncio.timeout(AT_ONCE_S):
        await second
    assert [request.attempt for request in one.stored] == [2]
    assert not first.done()
    first.cancel()
    await asyncio.wait([first])


async def test_a_search_that_ends_as_it_is_stopped_is_stopped() -> None:
    """The reply and the revocation in one step of the event loop, which a driver may take for the reply alone."""
    bus, found = Bus(), asyncio.get_running_loop().create_future()
    bus.answer(bus_map.COMPLETE_TURN, CANCELLED)

    async def swallowing(_request: Any) -> SearchResult:
        try:
            return await asyncio.shield(found)
        except asyncio.CancelledError:
            return found.result()

    answers: dict[str, Callable[[Any], Awaitable[Any]]] = bus.answers
    answers["search"] = swallowing
    model = SpokenModel("never", DONE)
    one = Running(model, bus)
    one.begin()
    await until(lambda: bus.requests(bus_map.SEARCH))
    one.turns.revoke(revoked(wanted=True), "acme")
    found.set_result(SearchResult(sources=[], method="dense", model="test"))
    await one.ends()
    assert model.prompts == []
    assert bus.texts == []
    assert [request.answer.content for request in one.stored] == [""]
