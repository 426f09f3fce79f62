"""Deployments: which model is asked and when again, what is waited for, and that each call is settled once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from msgspec import Struct

from services.agent.adapters.openai_gather import Completion
from services.agent.app.deployments import Chances, Deployments, ModelTimes
from services.agent.app.spending import BudgetExhausted
from services.agent.domain.breaker import BreakerRules
from services.agent.domain.chat import ChatDelta, ChatEnd, ChatMessage, ChatRequest, ToolCall, ToolSpec, Usage
from services.agent.ports import ModelFault

from .fakes import Log

USAGE = Usage(prompt_tokens=10, completion_tokens=2)
END = ChatEnd(usage=USAGE)
REQUEST = ChatRequest(messages=[ChatMessage(role="user", content="secret words")])
# Long enough for a loaded machine to do nothing in, short enough to wait for.
SHORT = ModelTimes(first_token_s=0.2, between_tokens_s=0.2, retry_s=0.0)


def fault(code: str = "model_unavailable", *, retryable: bool = True, after: float | None = None) -> ModelFault:
    return ModelFault(code, retryable=retryable, retry_after_s=after)


class Settled(Struct, frozen=True):
    model: str
    outcome: str
    code: str
    usage: Usage | None
    text_tokens: int
    first: bool


class Purse:
    """A turn's spending that keeps what was reserved and settled; the n-th reservation may be refused."""

    def __init__(self, refuse: int = 0, attempt: int = 1) -> None:
        self.attempt = attempt
        self.reserved: list[tuple[str, int, int]] = []
        self.settled: list[Settled] = []
        self.durations: list[float] = []
        self._refuse = refuse

    async def reserve(self, model: Any, prompt_tokens: int, completion_tokens: int) -> Any:
        await asyncio.sleep(0)
        if len(self.reserved) + 1 == self._refuse:
            raise BudgetExhausted("turn", "tokens")
        self.reserved.append((model.name, prompt_tokens, completion_tokens))
        return len(self.reserved), model.name

    def settle(
        self, reserved: Any, outcome: str, *, code: str = "", usage: Usage | None, text_tokens: int,
        first_token_ms: float | None, duration_ms: float,
    ) -> None:  # fmt: skip
        self.settled.append(Settled(reserved[1], outcome, code, usage, text_tokens, first_token_ms is not None))
        self.durations.append(duration_ms)

    @property
    def outcomes(self) -> list[tuple[str, str, str]]:
        return [(each.model, each.outcome, each.code) for each in self.settled]


class Model:
    """Says one script a call, the last one again and again: text, ends, faults to raise, seconds to wait."""

    def __init__(self, name: str, *scripts: list[Any]) -> None:
        self.name = name
        self.scripts = list(scripts) or [["hello", END]]
        self.calls = 0
        self.closed = 0
        self.gone = False

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        self.calls += 1
        try:
            for thing in self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]:
                if isinstance(thing, Exception):
                    raise thing
                if isinstance(thing, int | float):
                    await asyncio.sleep(thing)
                else:
                    yield thing
        finally:
            self.closed += 1

    def count(self, text: str) -> int:
        return len(text)

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        return 0.0

    async def close(self) -> None:
        self.gone = True


class World:
    """Deployments over some models, with what they leave behind."""

    def __init__(self, *models: Model, times: ModelTimes = SHORT, purse: Purse | None = None) -> None:
        self.log = Log()
        self.purse = purse or Purse()
        self.models = models
        self.now = 0.0
        loop = asyncio.get_running_loop()
        chances = Chances(clock=lambda: loop.time() + self.now, jitter=lambda: 0.5)
        self.deployments = Deployments(models, self.log, times, chances, BreakerRules())

    def stream(self, request: ChatRequest = REQUEST) -> AsyncGenerator[ChatDelta, None]:
        return self.deployments.stream(request, self.purse)

    async def all(self, request: ChatRequest = REQUEST) -> list[ChatDelta]:
        return [piece async for piece in self.stream(request)]

    async def fails(self) -> tuple[str, list[ChatDelta]]:
        told: list[ChatDelta] = []
        with pytest.raises(ModelFault) as caught:
            async for piece in self.stream():
                told.append(piece)  # noqa: PERF401 - what came before the fault is kept
        return caught.value.code, told

    @property
    def warnings(self) -> list[tuple[str, str, int]]:
        return [(line["model"], line["code"], line["attempt"]) for line in self.log.named("model_call_failed")]


async def test_text_goes_through_and_the_end_names_the_deployment() -> None:
    world = World(Model("one", ["a", "b", END]), Model("two"))
    assert await world.all() == ["a", "b", ChatEnd(usage=USAGE, model="one")]
    assert world.purse.settled == [Settled("one", "completed", "", USAGE, 0, first=True)]
    assert (world.models[0].closed, world.models[1].calls, world.log.lines) == (1, 0, [])
    assert world.deployments.name == "one"


async def test_what_a_call_may_take_is_set_aside_before_it() -> None:
    world = World(Model("one"))
    tools = [ToolSpec(name="find", description="Finds.", parameters={})]
    await world.all(ChatRequest(messages=REQUEST.messages, max_tokens=77))
    await world.all(ChatRequest(messages=REQUEST.messages, tools=tools))
    (_, prompt, completion), (_, more, unbounded) = world.purse.reserved
    assert (prompt, completion) == (len("secret words") + 4, 77)
    assert more > prompt + len("findFinds.")
    assert unbounded == 1_000


async def test_tool_calls_are_a_first_piece() -> None:
    end = ChatEnd(finish="tool_calls", tool_calls=[ToolCall("c", "find", "{}")])
    world = World(Model("one", ["", end]))
    (told,) = await world.all()
    assert isinstance(told, ChatEnd)
    assert told.tool_calls == end.tool_calls
    assert world.purse.settled == [Settled("one", "completed", "", None, len("find{}"), first=True)]


# --- retry and fallbacks


async def test_the_first_call_is_made_again_once() -> None:
    world = World(Model("one", [fault()], ["a", END]), Model("two"))
    assert (await world.all())[0] == "a"
    assert world.purse.outcomes == [("one", "failed", "model_unavailable"), ("one", "completed", "")]
    assert world.warnings == [("one", "model_unavailable", 1)]


async def test_after_the_retry_the_fallbacks_are_asked_once_each() -> None:
    world = World(Model("one", [fault()]), Model("two", [fault("model_unreachable")]), Model("three", ["c", END]))
    assert await world.all() == ["c", ChatEnd(usage=USAGE, model="three")]
    assert [model.calls for model in world.models] == [2, 1, 1]
    assert world.warnings == [
        ("one", "model_unavailable", 1), ("one", "model_unavailable", 2), ("two", "model_unreachable", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(("attempt", "asked"), [(1, "one"), (2, "two"), (3, "three"), (4, "one")])
async def test_a_later_attempt_begins_with_the_next_model(attempt: int, asked: str) -> None:
    """The attempt before it broke off in the middle."""
    models = [Model(name, ["a", END]) for name in ("one", "two", "three")]
    world = World(*models, purse=Purse(attempt=attempt))
    await world.all()
    assert [model.name for model in models if model.calls] == [asked]


async def test_a_later_attempt_asks_the_first_model_again_where_the_next_cannot() -> None:
    world = World(Model("one", ["a", END]), Model("two", [fault("model_unreachable")]), purse=Purse(attempt=2))
    assert (await world.all())[-1] == ChatEnd(usage=USAGE, model="one")


async def test_the_last_attempt_asks_no_model() -> None:
    world = World(Model("one", ["a", END]), purse=Purse(attempt=5))
    assert await world.fails() == ("models_unavailable", [])
    assert (await World(Model("one", ["a", END]), purse=Purse(attempt=4)).all())[0] == "a"


async def test_readiness_tells_of_the_last_call_that_failed() -> None:
    world = World(Model("one", [fault("model_key_refused", retryable=False)], ["a", END]))
    await world.fails()
    assert "last call of one: model_key_refused" in await world.deployments.probe()
    await world.all()
    assert "last call" not in await world.deployments.probe()


async def test_when_all_fail_the_last_reason_is_in_the_log() -> None:
    world = World(Model("one", [fault()]), Model("two", [fault("model_rate_limited")]))
    assert await world.fails() == ("models_unavailable", [])
    assert world.log.lines[-1] == ("models_unavailable", {"code": "model_rate_limited", "calls": 3})
    assert len(world.purse.settled) == 3
    assert "secret" not in str(world.log.lines)


async def test_what_cannot_go_better_is_not_tried_again() -> None:
    world = World(Model("one", [fault("model_key_refused", retryable=False)]), Model("two"))
    await world.all()
    assert [model.calls for model in world.models] == [1, 1]


@pytest.mark.parametrize(("after", "calls"), [(0.0, 2), (0.05, 2), (0.051, 1), (30.0, 1)])
async def test_a_provider_is_waited_for_as_long_as_it_asks_up_to_a_bound(after: float, calls: int) -> None:
    times = ModelTimes(retry_s=0.0, patience_s=0.05)
    world = World(Model("one", [fault("model_rate_limited", after=after)]), Model("two"), times=times)
    began = asyncio.get_running_loop().time()
    await world.all()
    assert (world.models[0].calls, world.models[1].calls) == (calls, 1)
    if calls == 2:
        assert asyncio.get_running_loop().time() - began >= after


async def test_without_an_own_wish_the_retry_waits_a_little() -> None:
    world = World(Model("one", [fault()], ["a", END]), times=ModelTimes(retry_s=0.05))
    began = asyncio.get_running_loop().time()
    await world.all()
    assert asyncio.get_running_loop().time() - began >= 0.05


async def test_an_end_without_text_is_no_answer() -> None:
    world = World(Model("one", [END], [ChatEnd(finish="length", usage=USAGE)]), Model("two"))
    assert (await world.all())[0] == "hello"
    assert world.purse.outcomes[:2] == [("one", "failed", "model_empty")] * 2
    assert world.purse.settled[0].usage == USAGE, "it is to be paid all the same"


async def test_an_end_by_the_content_filter_is_told() -> None:
    end = ChatEnd(finish="content_filter")
    assert await World(Model("one", [end])).all() == [ChatEnd(finish="content_filter", model="one")]


async def test_a_mistake_of_an_adapter_is_a_fault_and_not_told_on() -> None:
    world = World(Model("one", [ValueError("secret words")]))
    assert await world.fails() == ("models_unavailable", [])
    assert world.purse.outcomes == [("one", "failed", "model_failed")] * 2
    assert "secret" not in str(world.log.lines)


async def test_a_stream_without_an_end_was_cut() -> None:
    world = World(Model("one", ["a"]))
    assert await world.fails() == ("model_cut", ["a"])


# --- after text has left


async def test_after_text_has_left_nothing_is_tried_again() -> None:
    world = World(Model("one", ["ab", "c", fault("model_cut")]), Model("two"))
    assert await world.fails() == ("model_cut", ["ab", "c"])
    assert world.purse.settled == [Settled("one", "cut", "model_cut", None, 3, first=True)]
    assert (world.models[1].calls, world.warnings) == (0, [("one", "model_cut", 1)])


async def test_a_sign_of_life_is_no_text() -> None:
    world = World(Model("one", ["", fault("model_cut")], ["a", END]))
    assert (await world.all())[0] == "a"
    assert world.purse.settled[0] == Settled("one", "failed", "model_cut", None, 0, first=True)


# --- while none of the text can leave


class Held:
    """What makes the trials of calls: the text of each can leave once it is so long."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.heard: list[str] = []

    def trial(self) -> Callable[[str], bool]:
        place = len(self.heard)
        self.heard.append("")

        def hear(piece: str) -> bool:
            self.heard[place] += piece
            return len(self.heard[place]) >= self.length

        return hear


async def held(world: World, length: int) -> list[ChatDelta]:
    return [piece async for piece in world.deployments.stream(REQUEST, world.purse, Held(length).trial)]


@pytest.mark.parametrize(
    ("length", "given"),
    [(1, ["a", "b", "c"]), (2, ["ab", "c"]), (3, ["abc"]), (4, ["abc"])],
    ids=["at once", "two", "all", "never"],
)
async def test_text_is_given_once_some_can_leave_or_it_has_ended(length: int, given: list[str]) -> None:
    world = World(Model("one", ["a", "b", "c", END]))
    assert await held(world, length) == [*given, ChatEnd(usage=USAGE, model="one")]
    assert world.purse.outcomes == [("one", "completed", "")]


async def test_what_breaks_off_before_any_of_it_can_leave_is_tried_again_and_then_by_others() -> None:
    cut = ["ab", fault("model_cut")]
    world = World(Model("one", cut), Model("two", cut), Model("three", ["xy", "z", END]))
    assert await held(world, 3) == ["xyz", ChatEnd(usage=USAGE, model="three")]
    assert [model.calls for model in world.models] == [2, 1, 1]
    assert world.purse.settled == [
        *[Settled(name, "cut", "model_cut", None, 2, first=True) for name in ("one", "one", "two")],
        Settled("three", "completed", "", USAGE, 0, first=True),
    ]


async def test_where_all_break_off_like_that_nothing_was_given() -> None:
    world = World(Model("one", ["ab", fault("model_cut")]), Model("two", ["ab", 30.0]))
    with pytest.raises(ModelFault, match="models_unavailable"):
        await held(world, 3)
    assert world.purse.outcomes == [*[("one", "cut", "model_cut")] * 2, ("two", "cut", "model_timed_out")]


async def test_each_call_has_a_trial_of_its_own() -> None:
    words = Held(2)
    world = World(Model("one", ["a", fault("model_cut")]), Model("two", ["b", fault("model_cut")]))
    with pytest.raises(ModelFault):
        [piece async for piece in world.deployments.stream(REQUEST, world.purse, words.trial)]
    assert words.heard == ["a", "a", "b"]


async def test_text_of_which_some_could_leave_is_not_begun_anew() -> None:
    world = World(Model("one", ["ab", "c", "d", fault("model_cut")]), Model("two"))
    given: list[ChatDelta] = []
    with pytest.raises(ModelFault, match="model_cut"):
        async for piece in world.deployments.stream(REQUEST, world.purse, Held(3).trial):
            given.append(piece)  # noqa: PERF401 - what came before the fault is kept
    assert (given, world.models[1].calls) == (["abc", "d"], 0)


# --- text that comes together


class Arriving:
    """Waits for nothing, and keeps for how long it was to be waited and how much had been given by then."""

    def __init__(self, given: list[ChatDelta]) -> None:
        self.given = given
        self.waits: list[tuple[float, int]] = []

    async def gather(self, seconds: float) -> None:
        self.waits.append((seconds, len(self.given)))


class Sleeping(Arriving):
    """Waits as long as it is told to."""

    async def gather(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class GatheringModel(Model):
    """A model whose streams can be gathered."""

    def __init__(self, *scripts: list[Any], arriving: type[Arriving] = Arriving) -> None:
        super().__init__("one", *scripts)
        self.arriving = arriving([])

    def stream(self, request: ChatRequest) -> AsyncGenerator[ChatDelta, None]:
        return Completion(super().stream(request), self.arriving)  # type: ignore[arg-type]


async def test_text_is_gathered_once_some_has_left_and_not_before() -> None:
    model = GatheringModel(["a", "b", "c", END])
    world = World(model, times=ModelTimes(gather_s=7.0))
    async for piece in world.deployments.stream(REQUEST, world.purse, Held(2).trial):
        model.arriving.given.append(piece)
    assert model.arriving.given == ["ab", "c", ChatEnd(usage=USAGE, model="one")]
    assert model.arriving.waits == [(7.0, 1), (7.0, 2)]


async def test_who_stops_while_text_is_gathered_leaves_nothing_behind() -> None:
    world = World(GatheringModel(["a", "b", END], arriving=Sleeping), times=ModelTimes(gather_s=60.0))
    async with aclosing(world.stream()) as stream:
        assert await anext(stream) == "a"
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert (world.purse.outcomes, world.models[0].closed) == ([("one", "cancelled", "")], 1)


async def test_the_time_of_gathering_is_not_the_models() -> None:
    times = ModelTimes(first_token_s=0.2, between_tokens_s=0.05, gather_s=0.1)
    assert len(await World(GatheringModel(["a", "b", END], arriving=Sleeping), times=times).all()) == 3


async def test_pieces_that_cannot_come_together_are_not_waited_for() -> None:
    world = World(Model("one", ["a", "b", END]), times=ModelTimes(gather_s=60.0))
    async with asyncio.timeout(5.0):
        assert (await world.all())[:2] == ["a", "b"]


# --- time


async def test_the_first_token_is_waited_for_so_long() -> None:
    world = World(Model("one", [30.0, "late", END]), Model("two"))
    assert (await world.all())[0] == "hello"
    assert world.purse.outcomes == [("one", "failed", "model_timed_out"), ("two", "completed", "")]
    assert world.models[0].closed == 1


async def test_who_was_waited_for_in_vain_is_asked_again_where_there_is_nobody_else() -> None:
    world = World(Model("one", [30.0], ["a", END]))
    assert (await world.all())[0] == "a"


async def test_each_further_token_is_waited_for_so_long() -> None:
    world = World(Model("one", ["a", 0.02, "b", 30.0, "c", END]))
    assert await world.fails() == ("model_timed_out", ["a", "b"])
    assert world.purse.outcomes == [("one", "cut", "model_timed_out")]


async def test_a_long_answer_may_take_longer_than_one_token() -> None:
    times = ModelTimes(first_token_s=0.3, between_tokens_s=0.3)
    world = World(Model("one", [0.1, "a", 0.1, "b", 0.1, "c", 0.1, "d", END]), times=times)
    assert len(await world.all()) == 5


async def test_the_time_that_the_consumer_takes_is_not_the_models() -> None:
    world = World(Model("one", ["a", "b", END]), times=ModelTimes(first_token_s=0.1, between_tokens_s=0.05))
    told: list[ChatDelta] = []
    async for piece in world.stream():
        told.append(piece)
        await asyncio.sleep(0.1)
    assert len(told) == 3


# --- who goes away


async def test_closing_the_stream_cancels_the_call_and_settles_it() -> None:
    world = World(Model("one", ["ab", "c", END]))
    async with aclosing(world.stream()) as stream:
        assert await anext(stream) == "ab"
    assert world.purse.settled == [Settled("one", "cancelled", "", None, 2, first=True)]
    assert (world.models[0].closed, world.warnings) == (1, [])


async def test_closing_it_after_the_end_changes_nothing() -> None:
    world = World(Model("one"))
    async with aclosing(world.stream()) as stream:
        while not isinstance(await anext(stream), ChatEnd):
            pass
    assert world.purse.outcomes == [("one", "completed", "")]


@pytest.mark.parametrize("script", [[30.0, END], ["a", 30.0, END]], ids=["before", "after"])
async def test_a_cancelled_consumer_leaves_nothing_behind(script: list[Any]) -> None:
    world = World(Model("one", script), Model("two"), times=ModelTimes())
    task = asyncio.create_task(world.all())
    while not world.models[0].calls:
        await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.purse.outcomes == [("one", "cancelled", "")]
    assert (world.models[0].closed, world.models[1].calls) == (1, 0)


async def test_a_cancelled_retry_settles_no_second_call() -> None:
    world = World(Model("one", [fault()]), times=ModelTimes(retry_s=30.0))
    task = asyncio.create_task(world.all())
    while not world.purse.settled:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.purse.outcomes == [("one", "failed", "model_unavailable")]


async def test_a_timeout_around_the_consumer_stays_the_consumers() -> None:
    world = World(Model("one", [30.0, END]), times=ModelTimes())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await world.all()
    assert world.purse.outcomes == [("one", "cancelled", "")]


# --- budgets and breakers


@pytest.mark.parametrize("refused", [1, 2])
async def test_a_used_up_budget_ends_the_stream(refused: int) -> None:
    world = World(Model("one", [fault()]), Model("two"), purse=Purse(refuse=refused))
    with pytest.raises(BudgetExhausted):
        await world.all()
    assert (world.models[0].calls, len(world.purse.settled)) == (refused - 1, refused - 1)


async def broken(*others: Model) -> World:
    """Give a world whose first model's breaker is open: it has failed ten turns, twice each."""
    world = World(Model("one", [fault()]), *others)
    for _ in range(10):
        try:
            await world.all()
        except ModelFault:
            pass
    assert world.models[0].calls == 20
    return world


async def test_a_model_that_fails_half_its_calls_is_left_alone_and_tried_again_later() -> None:
    world = await broken(Model("two"))
    assert (await world.deployments.probe()).partition("; last")[0] == "one, 1 fallback; breakers open, closed"
    await world.all()
    assert world.models[0].calls == 20
    world.now = 30.1
    world.models[0].scripts = [["a", END]]
    assert (await world.deployments.probe()).partition("; last")[0] == "one, 1 fallback; breakers half-open, closed"
    assert (await world.all())[0] == "a"
    assert (await world.deployments.probe()).partition("; last")[0] == "one, 1 fallback; breakers closed, closed"


async def test_with_all_breakers_open_nobody_is_asked() -> None:
    world = await broken()
    assert await world.fails() == ("models_unavailable", [])
    assert world.models[0].calls == 20
    assert world.log.lines[-1] == ("models_unavailable", {"code": "breakers_open", "calls": 0})
    assert (await world.deployments.probe()).partition("; last")[0] == "one; breaker open"


async def test_a_probe_is_given_back_where_the_budget_or_the_consumer_ends_it() -> None:
    world = await broken()
    world.now = 30.1
    world.purse._refuse = len(world.purse.reserved) + 1
    with pytest.raises(BudgetExhausted):
        await world.all()
    world.purse._refuse = 0
    world.models[0].scripts = [["a", END]]
    async with aclosing(world.stream()) as stream:
        await anext(stream)
    assert (await world.deployments.probe()).partition("; last")[0] == "one; breaker half-open"
    assert (await world.all())[0] == "a"
    assert (await world.deployments.probe()).partition("; last")[0] == "one; breaker closed"


async def test_while_a_probe_is_on_its_way_others_go_to_the_fallback() -> None:
    world = await broken(Model("two"))
    world.now = 30.1
    world.models[0].scripts = [["a", 0.05, END]]
    async with aclosing(world.stream()) as probing:
        assert await anext(probing) == "a"
        assert (await world.all())[0] == "hello"
        assert [piece async for piece in probing] == [ChatEnd(usage=USAGE, model="one")]


@pytest.mark.parametrize(
    ("code", "state"), [("model_key_refused", "open"), ("model_request_refused", "closed"), ("model_cut", "open")]
)
async def test_what_counts_against_a_model(code: str, state: str) -> None:
    world = World(Model("one", [fault(code, retryable=False)]), Model("two"))
    for _ in range(20):
        await world.all()
    assert (await world.deployments.probe()).partition("; last")[0] == f"one, 1 fallback; breakers {state}, closed"


async def test_closing_closes_all_models() -> None:
    world = World(Model("one"), Model("two"))
    await world.deployments.close()
    assert all(model.gone for model in world.models)
    assert world.deployments.count("abc") == 3


async def test_there_must_be_a_model() -> None:
    with pytest.raises(ValueError, match="no model"):
        World()
