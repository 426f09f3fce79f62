"""Budgets and the ledger's queue: what is set aside, what is settled, and what a ledger that is away changes."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from libs.contracts.errors import Unavailable
from services.agent.app import ledger_queue, patience
from services.agent.app.ledger_queue import LedgerQueue
from services.agent.app.patience import Patience
from services.agent.app.spending import BudgetExhausted, Spending
from services.agent.domain.chat import Usage
from services.agent.domain.spending import NOT_CHARGED, Budget, Entry, Scope, Spend, Totals, estimate

from .fakes import Log

AWAY = Unavailable("database_unavailable", "Later")


class Priced:
    """A deployment that takes a dollar for a thousand tokens."""

    name = "test/priced"

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens + completion_tokens) / 1000


MODEL: Any = Priced()


class Books:
    """A ledger in memory; `faults` are raised one after the other, `hang` is waited for."""

    def __init__(self) -> None:
        self.reserved: list[tuple[str, str, str, Spend]] = []
        self.batches: list[list[Entry]] = []
        self.passed: Scope | None = None
        self.faults: list[Exception] = []
        self.poison = ""
        self.hang = False
        self.earlier = Spend()
        self.looked_up: list[tuple[str, str, str]] = []

    async def spent_in_turn(self, tenant: str, session_id: str, turn_id: str) -> Spend:
        self.looked_up.append((tenant, session_id, turn_id))
        if self.hang:
            await asyncio.Event().wait()
        if self.faults:
            raise self.faults.pop(0)
        return self.earlier

    async def reserve(
        self, tenant: str, session_id: str, usage_id: str, spend: Spend, budgets: Mapping[Scope, Budget]
    ) -> Scope | None:
        if self.hang:
            await asyncio.Event().wait()
        if self.faults:
            raise self.faults.pop(0)
        self.reserved.append((tenant, session_id, usage_id, spend))
        return self.passed

    async def settle(self, entries: Sequence[Entry]) -> None:
        if self.faults:
            raise self.faults.pop(0)
        if any(entry.usage.usage_id == self.poison for entry in entries):
            raise ValueError("cannot be written")
        self.batches.append(list(entries))

    @property
    def settled(self) -> list[Entry]:
        return [entry for batch in self.batches for entry in batch]


class Desk:
    """Spending over such a ledger."""

    def __init__(self, budgets: Mapping[Scope, Budget] | None = None, **more: Any) -> None:
        self.books, self.log = Books(), Log()
        numbers = itertools.count(1)
        self.spending = Spending(
            self.books, self.log, lambda prefix: f"{prefix}_{next(numbers)}", budgets=budgets or {}, **more
        )
        self.turn = self.spending.turn("acme", "sess_1", "turn_1", 2)

    async def call(self, prompt: int = 60, completion: int = 40, **settled: Any) -> None:
        reserved = await self.turn.reserve(MODEL, prompt, completion)
        said: dict[str, Any] = {"usage": None, "text_tokens": 0, "first_token_ms": 5.0, "duration_ms": 9.0}
        self.turn.settle(reserved, settled.pop("outcome", "completed"), **{**said, **settled})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.spending.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


async def an_entry() -> Entry:
    desk = Desk()
    async with desk.running():
        await desk.call()
        await desk.spending.drained()
    return desk.books.settled[0]


# --- budgets


@pytest.mark.parametrize(
    ("budget", "spend", "passed"),
    [
        (Budget(), Spend(tokens=10**9, cost_usd=1e6), None),
        (Budget(tokens=100), Spend(tokens=100, cost_usd=1e6), None),
        (Budget(tokens=100), Spend(tokens=101), "tokens"),
        (Budget(cost_usd=0.3), Spend(tokens=10**9, cost_usd=0.1 + 0.2), None),
        (Budget(cost_usd=0.3), Spend(cost_usd=0.300001), "money"),
        (Budget(tokens=100, cost_usd=0.3), Spend(tokens=101, cost_usd=0.4), "tokens"),
    ],
)
def test_a_budget_is_passed_by_what_is_more_than_it(budget: Budget, spend: Spend, passed: str | None) -> None:
    assert budget.passed_by(spend) == passed


@pytest.mark.parametrize(("budget", "what"), [(Budget(tokens=250), "tokens"), (Budget(cost_usd=0.25), "money")])
async def test_a_turns_budget_counts_what_is_set_aside_and_what_was_taken(budget: Budget, what: str) -> None:
    desk = Desk({"turn": budget})
    first = await desk.turn.reserve(MODEL, 60, 40)
    await desk.turn.reserve(MODEL, 60, 90)  # 250 are set aside
    with pytest.raises(BudgetExhausted) as caught:
        await desk.turn.reserve(MODEL, 1, 0)
    assert (caught.value.scope, caught.value.what) == ("turn", what)
    usage = Usage(prompt_tokens=50, completion_tokens=10)
    desk.turn.settle(first, "completed", usage=usage, text_tokens=0, first_token_ms=1.0, duration_ms=2.0)
    await desk.turn.reserve(MODEL, 40, 0)  # 60 were taken, 40 given back
    with pytest.raises(BudgetExhausted):
        await desk.turn.reserve(MODEL, 1, 0)
    assert desk.books.reserved == []


@pytest.mark.parametrize(("earlier", "passed"), [(150, False), (151, True)])
@pytest.mark.parametrize("counted", ["tokens", "money"])
async def test_a_turns_budget_is_one_for_all_of_its_attempts(earlier: int, passed: bool, counted: str) -> None:
    budget = Budget(tokens=250) if counted == "tokens" else Budget(cost_usd=0.25)
    desk = Desk({"turn": budget})  # the second attempt
    desk.books.earlier = Spend(tokens=earlier, cost_usd=earlier / 1000)
    if passed:
        with pytest.raises(BudgetExhausted) as caught:
            await desk.turn.reserve(MODEL, 60, 40)
        assert (caught.value.scope, caught.value.what) == ("turn", counted)
    else:
        await asyncio.gather(*(desk.turn.reserve(MODEL, 30, 20) for _ in range(2)))
    assert desk.books.looked_up == [("acme", "sess_1", "turn_1")]
    assert desk.turn.totals == Totals()


@pytest.mark.parametrize(
    ("attempt", "budget"), [(1, Budget(tokens=100)), (2, Budget())], ids=["a first attempt", "no budget"]
)
async def test_the_ledger_is_not_asked_what_no_attempt_before_can_have_taken(attempt: int, budget: Budget) -> None:
    desk = Desk({"turn": budget})
    await desk.spending.turn("acme", "sess_1", "turn_1", attempt).reserve(MODEL, 60, 40)
    assert desk.books.looked_up == []


async def test_a_ledger_that_is_away_leaves_the_turn_the_budget_of_one_attempt() -> None:
    desk = Desk({"turn": Budget(tokens=100)})
    desk.books.earlier, desk.books.faults = Spend(tokens=100), [AWAY]
    await desk.turn.reserve(MODEL, 60, 40)
    assert desk.log.named("ledger_away") == [{"code": AWAY.code}]
    with pytest.raises(BudgetExhausted):
        await desk.turn.reserve(MODEL, 1, 0)


@pytest.mark.parametrize(
    ("scope", "budget", "what"),
    [
        ("session", Budget(tokens=1), "tokens"),
        ("tenant", Budget(cost_usd=1), "money"),
        ("tenant", Budget(tokens=1, cost_usd=1), "tokens_or_money"),
    ],
)
async def test_what_the_ledger_refuses_is_not_set_aside_in_the_turn(scope: Scope, budget: Budget, what: str) -> None:
    desk = Desk({"turn": Budget(tokens=100), scope: budget})
    desk.books.passed = scope
    with pytest.raises(BudgetExhausted) as caught:
        await desk.turn.reserve(MODEL, 60, 40)
    assert (caught.value.scope, caught.value.what) == (scope, what)
    desk.books.passed = None
    reserved = await desk.turn.reserve(MODEL, 60, 40)
    assert (reserved.call, reserved.usage_id) == (1, "use_2")
    assert desk.books.reserved[-1] == ("acme", "sess_1", "use_2", Spend(tokens=100, cost_usd=0.1))


async def test_without_shared_budgets_the_ledger_is_not_asked() -> None:
    desk = Desk({"turn": Budget(tokens=1000), "session": Budget(), "tenant": Budget()})
    await desk.turn.reserve(MODEL, 60, 40)
    assert desk.books.reserved == []


async def test_a_turn_makes_so_many_tool_calls() -> None:
    desk = Desk()
    for _ in range(8):
        desk.turn.take_tool_call()
    with pytest.raises(BudgetExhausted) as caught:
        desk.turn.take_tool_call()
    assert (caught.value.scope, caught.value.what) == ("turn", "tool_calls")
    Desk(tool_calls=1).turn.take_tool_call()
    with pytest.raises(BudgetExhausted):
        Desk(tool_calls=0).turn.take_tool_call()


async def test_a_reservation_that_is_cancelled_is_taken_back() -> None:
    desk = Desk({"turn": Budget(tokens=100), "session": Budget(tokens=100)})
    desk.books.hang = True
    asking = asyncio.create_task(desk.turn.reserve(MODEL, 60, 40))
    await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    desk.books.hang = False
    await desk.turn.reserve(MODEL, 60, 40)
    assert desk.log.lines == []


# --- settling


def test_what_was_refused_is_not_charged_and_all_else_is_estimated() -> None:
    for code in NOT_CHARGED:
        assert estimate(code, 60, 0) == Usage(prompt_tokens=0, completion_tokens=0)
        assert estimate(code, 60, 3) == Usage(prompt_tokens=60, completion_tokens=3)
    for code in ("", "model_timed_out", "model_cut", "model_malformed"):
        assert estimate(code, 60, 0) == Usage(prompt_tokens=60, completion_tokens=0)


async def test_a_settled_call_is_recorded_as_it_was() -> None:
    desk = Desk()
    async with desk.running():
        await desk.call(usage=Usage(prompt_tokens=58, completion_tokens=12))
        await desk.call(outcome="cut", code="model_cut", text_tokens=7, first_token_ms=None)
        await desk.call(outcome="failed", code="model_rate_limited", first_token_ms=None)
        await desk.spending.drained()
    first, cut, refused = (entry.usage for entry in desk.books.settled)
    assert (first.usage_id, first.session_id, first.turn_id, first.attempt) == ("use_1", "sess_1", "turn_1", 2)
    assert (first.call, first.model, first.purpose, first.outcome) == (1, "test/priced", "answer", "completed")
    assert (first.prompt_tokens, first.completion_tokens, first.estimated, first.cost_usd) == (58, 12, False, 0.07)
    assert (first.first_token_ms, first.duration_ms) == (5.0, 9.0)
    assert (cut.call, cut.outcome, cut.code, cut.first_token_ms) == (2, "cut", "model_cut", None)
    assert (cut.prompt_tokens, cut.completion_tokens, cut.estimated) == (60, 7, True)
    assert (refused.prompt_tokens, refused.completion_tokens, refused.cost_usd) == (0, 0, 0.0)
    assert {entry.tenant for entry in desk.books.settled} == {"acme"}
    assert desk.books.settled[0].reserved == Spend(tokens=100, cost_usd=0.1)
    assert desk.turn.totals == Totals(calls=3, prompt_tokens=118, completion_tokens=19, cost_usd=0.137)


async def test_settling_twice_settles_once() -> None:
    desk = Desk()
    reserved = await desk.turn.reserve(MODEL, 60, 40)
    async with desk.running():
        for outcome in ("completed", "cancelled"):
            desk.turn.settle(reserved, outcome, usage=None, text_tokens=1, first_token_ms=1.0, duration_ms=1.0)  # type: ignore[arg-type]
        await desk.spending.drained()
    assert [entry.usage.outcome for entry in desk.books.settled] == ["completed"]
    assert desk.turn.totals.calls == 1


# --- a ledger that is away


async def test_a_ledger_that_is_away_stops_no_answer_and_is_told_once() -> None:
    desk = Desk({"turn": Budget(tokens=300), "session": Budget(tokens=1)})
    desk.books.faults = [AWAY]
    await desk.turn.reserve(MODEL, 60, 40)
    await desk.turn.reserve(MODEL, 60, 40)  # it is not even asked so soon after
    assert (desk.books.reserved, desk.books.faults) == ([], [])
    assert desk.log.lines == [("ledger_away", {"code": "database_unavailable"})]
    await desk.turn.reserve(MODEL, 60, 40)
    with pytest.raises(BudgetExhausted):  # a turn's budget needs no ledger
        await desk.turn.reserve(MODEL, 1, 0)
    await asyncio.sleep(patience.PAUSE_S)
    waiting = desk.spending.turn("acme", "sess_1", "turn_2", 1)
    await waiting.reserve(MODEL, 60, 40)
    assert len(desk.books.reserved) == 1
    assert [event for event, _ in desk.log.lines] == ["ledger_away", "ledger_back"]


@pytest.mark.parametrize("error", [AWAY, RuntimeError("a bug"), None], ids=["away", "bug", "hangs"])
async def test_whatever_is_wrong_with_the_ledger_an_answer_goes_on(error: Exception | None) -> None:
    log = Log()

    async def ask() -> str:
        if error:
            raise error
        await asyncio.Event().wait()
        return "never"

    assert await Patience(log, 0.02).ask(ask()) is None
    code = {RuntimeError: "RuntimeError", Unavailable: "database_unavailable"}.get(type(error), "timed_out")  # type: ignore[arg-type]
    assert log.lines == [("ledger_away", {"code": code})]


async def test_settled_calls_wait_for_the_ledger_in_their_order() -> None:
    desk = Desk()
    desk.books.faults = [AWAY]
    async with desk.running():
        for _ in range(3):
            await desk.call()
        await desk.spending.drained()
    assert [entry.usage.call for entry in desk.books.settled] == [1, 2, 3]
    assert [event for event, _ in desk.log.lines] == ["ledger_away", "ledger_back"]


async def test_batches_hold_up_to_200() -> None:
    desk = Desk()
    for _ in range(ledger_queue.BATCH * 2 + 1):
        await desk.call()
    async with desk.running():
        await desk.spending.drained()
    assert [len(batch) for batch in desk.books.batches] == [200, 200, 1]


async def test_what_cannot_be_written_keeps_nothing_else_from_it() -> None:
    desk = Desk()
    desk.books.poison = "use_2"
    for _ in range(3):
        await desk.call()
    async with desk.running():
        await desk.spending.drained()
    assert [entry.usage.usage_id for entry in desk.books.settled] == ["use_1", "use_3"]
    assert desk.log.named("usage_unwritable") == [{"usage_id": "use_2", "error": "ValueError"}]


@pytest.mark.parametrize(("number", "dropped"), [(10_000, 0), (10_001, 1), (11_002, 1002)])
async def test_a_full_queue_drops_the_oldest_and_says_how_many(number: int, dropped: int) -> None:
    books, log = Books(), Log()
    queue = LedgerQueue(books, log, Patience(log), ())
    usage = (await an_entry()).usage
    entries = [Entry(tenant="acme", usage=usage) for _ in range(number)]
    for entry in entries:
        queue.put(entry)
    assert queue.left == number - dropped
    writing = asyncio.create_task(queue.run())
    await queue.drained()
    writing.cancel()
    assert len(books.settled) == number - dropped
    assert books.settled[0] is entries[dropped]
    said = [facts["dropped"] for facts in log.named("usage_dropped")]
    assert said == {0: [], 1: [1, 1], 1002: [1, 1001, 1002]}[dropped]


async def test_a_drain_does_not_wait_for_ever() -> None:
    log = Log()
    queue = LedgerQueue(Books(), log, Patience(log), (), drain_s=0.05)
    await queue.drained()
    assert log.lines == []
    queue.put(await an_entry())
    await asyncio.wait_for(queue.drained(), 5)  # nobody writes
    assert log.named("ledger_not_drained") == [{"left": 1}]


async def test_sweeps_run_and_one_that_fails_keeps_none_from_it() -> None:
    swept: list[str] = []

    async def away() -> None:
        swept.append("away")
        raise AWAY

    async def broken() -> None:
        swept.append("broken")
        raise ValueError("a bug")

    async def sound() -> None:
        swept.append("sound")

    desk = Desk(sweeps=[away, broken, sound])
    async with desk.running():
        await asyncio.sleep(0.01)
        await desk.call()
        await desk.spending.drained()
    assert swept == ["away", "broken", "sound"]
    assert [event for event, _ in desk.log.lines] == ["sweep_paused", "sweep_failed"]
    assert len(desk.books.settled) == 1
