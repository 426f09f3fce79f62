"""Steps: what a model did wrong is told to it, what it asks for happens at most once, and actions wait for a person."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from libs.contracts.agent import Approval
from libs.contracts.errors import Unavailable
from libs.contracts.session import Escalation
from services.agent.app.steps import Unconfirmed
from services.agent.domain.steps import Step, ToolResult
from services.agent.domain.tools import MAX_ARGUMENT_BYTES

from .fakes import source, until
from .tool_fakes import AWAY, NOON, CountingTool, Stage, asks


async def begun_and_broken_off(stage: Stage, tool: CountingTool, attempt: int = 1) -> None:
    """Have an attempt begin a step and be cancelled in its middle, as when its process dies."""
    tool.stuck = asyncio.Event()
    before = len(tool.calls)
    running = asyncio.create_task(stage.attempt(attempt).run(asks(), 1))
    await until(lambda: len(tool.calls) > before)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    tool.stuck = None


# --- what a model does wrong


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ("{", "not valid JSON"),
        ("order=A-1", "not valid JSON"),
        ('{"order": NaN}', "not valid JSON"),
        ("[" * 5000, "not valid JSON"),
        ('["A-1"]', "JSON object"),
        ('"A-1"', "JSON object"),
        ("", "order is missing"),
        ("{}", "order is missing"),
        ('{"order": 7}', "order must be of type string"),
        ('{"order": "A"}', "order must have at least 2 characters"),
        ('{"order": "A-1042"}', "order must have at most 5 characters"),
        ('{"order": "A-1", "user_id": "bob"}', "user_id: no such parameter"),
    ],
    ids=range(12),
)
async def test_arguments_that_cannot_be_used_are_told_and_not_journaled(arguments: str, word: str) -> None:
    tool = CountingTool()
    stage = Stage(tool)
    result = await stage.attempt().run(asks(arguments), 1)
    assert result.failed
    assert word in result.text
    assert "bob" not in result.text
    assert (tool.calls, stage.journal.asked) == ([], [])


@pytest.mark.parametrize("order", ["A1", "A-104"])
async def test_arguments_at_their_bounds_are_taken(order: str) -> None:
    tool = CountingTool()
    assert not (await Stage(tool).attempt().run(asks(f'{{"order": "{order}"}}'), 1)).failed
    assert tool.calls[0][0] == {"order": order}


@pytest.mark.parametrize("over", [0, 1])
async def test_arguments_have_a_length(over: int) -> None:
    padded = '{"order": "A-1"}'.ljust(MAX_ARGUMENT_BYTES + over)
    result = await Stage(CountingTool()).attempt().run(asks(padded), 1)
    assert result.failed == bool(over)


async def test_the_length_of_arguments_is_counted_in_bytes() -> None:
    padded = '{"order": "' + "é" * (MAX_ARGUMENT_BYTES // 2) + '"}'
    result = await Stage(CountingTool()).attempt().run(asks(padded), 1)
    assert "longer than" in result.text


async def test_a_tool_that_is_not_there_is_told_with_those_that_are() -> None:
    stage = Stage(CountingTool("find_order"), CountingTool("find_invoice"))
    result = await stage.attempt().run(asks(name="drop_tables"), 1)
    assert result == ToolResult(text="There is no such tool. There are: find_order, find_invoice.", failed=True)
    assert stage.journal.asked == []


async def test_what_a_tool_refuses_is_told_and_not_journaled() -> None:
    tool = CountingTool()
    tool.words = "Needs a user."
    stage = Stage(tool)
    assert await stage.attempt().run(asks(), 1) == ToolResult(text="Needs a user.", failed=True)
    assert (tool.calls, stage.journal.asked) == ([], [])


# --- what it asks for


async def test_a_step_is_journaled_before_and_after() -> None:
    tool = CountingTool()
    stage = Stage(tool)
    steps = stage.attempt()
    first = await steps.run(asks('{ "order" : "A-1" }'), 4)
    await steps.run(asks('{"order": "A-2"}', call_id="call_2"), 6)
    assert first == ToolResult(text="on its way")
    assert stage.journal.asked == ["begin", "end", "begin", "end"]
    kept = [stage.journal.kept["turn_1", number] for number in (1, 2)]
    assert [step.call.arguments for step in kept] == ['{"order":"A-1"}', '{"order":"A-2"}']
    assert [step.result for step in kept] == [tool.result, tool.result]
    assert tool.keys == ["turn_1-1", "turn_1-2"]
    ctx = tool.calls[0][1]
    assert (ctx.tenant, ctx.session_id, ctx.turn_id, ctx.user_id, ctx.next_rank) == (
        "acme",
        "sess_1",
        "turn_1",
        "ann",
        4,
    )


async def test_calls_at_once_get_numbers_of_their_own() -> None:
    tool = CountingTool()
    stage = Stage(tool)
    for attempt in (1, 2):
        steps = stage.attempt(attempt)
        results = await asyncio.gather(*(steps.run(asks(f'{{"order": "A-{n}"}}'), 1) for n in range(4)))
        assert not any(result.failed for result in results)
    assert sorted(tool.keys) == [f"turn_1-{number}" for number in range(1, 9)]


async def test_a_tool_that_breaks_is_a_failed_result_and_its_words_are_nowhere() -> None:
    tool = CountingTool()
    tool.fault = RuntimeError("ann@example.com")
    stage = Stage(tool)
    result = await stage.attempt().run(asks(), 1)
    assert result.failed
    assert stage.journal.kept["turn_1", 1].result == result
    assert stage.log.named("tool_broke") == [{"turn": "turn_1", "tool": "find_order", "code": "RuntimeError"}]
    assert "ann@example.com" not in repr((result, stage.log.lines))


async def test_a_tool_that_hangs_is_not_waited_for() -> None:
    tool = CountingTool()
    tool.stuck = asyncio.Event()
    stage = Stage(tool, call_s=0.05)
    assert (await stage.attempt().run(asks(), 1)).failed
    assert stage.log.named("tool_broke")[0]["code"] == "TimeoutError"


# --- at most once


async def test_an_idempotent_step_that_broke_off_is_repeated_with_its_key() -> None:
    tool = CountingTool()
    stage = Stage(tool)
    await begun_and_broken_off(stage, tool)
    assert stage.journal.kept["turn_1", 1].result is None
    (step,) = await stage.attempt(2).done_before()
    assert (step.number, step.attempt, step.result) == (1, 1, tool.result)
    assert tool.keys == ["turn_1-1", "turn_1-1"]
    assert stage.journal.kept["turn_1", 1].result == tool.result


async def test_another_step_that_broke_off_ends_with_a_person() -> None:
    tool = CountingTool(idempotent=False)
    stage = Stage(tool)
    await begun_and_broken_off(stage, tool)
    for attempt in (2, 3):
        with pytest.raises(Unconfirmed) as raised:
            await stage.attempt(attempt).done_before()
        assert (raised.value.step.number, raised.value.step.call.name) == (1, "find_order")
    assert tool.keys == ["turn_1-1"]
    assert stage.log.named("step_unconfirmed")[0] == {
        "turn": "turn_1", "tool": "find_order", "number": 1, "attempt": 1,
    }  # fmt: skip


async def test_finished_steps_are_given_and_not_repeated() -> None:
    tool = CountingTool(idempotent=False)
    tool.result = ToolResult(text="found", passages=[source("One", rank=3), source("Two", rank=4)])
    stage = Stage(tool)
    first = stage.attempt()
    await first.run(asks(), 3)
    await first.run(asks('{"order": "A-2"}'), 5)
    there = [source("Other", rank=1), source("Fresh", rank=2), source("Third", rank=3)]
    steps = stage.attempt(2, passages=there)
    done = await steps.done_before()
    assert [step.call.arguments for step in done] == ['{"order":"A-1"}', '{"order":"A-2"}']
    ranks = [[passage.rank for passage in step.result.passages] for step in done if step.result]
    assert ranks == [[4, 5], [6, 7]]
    await steps.run(asks('{"order": "A-3"}'), 8)
    assert tool.keys == ["turn_1-1", "turn_1-2", "turn_1-3"]


async def test_the_first_attempt_asks_the_journal_for_nothing() -> None:
    stage = Stage(CountingTool())
    assert await stage.attempt().done_before() == []
    assert stage.journal.asked == []


async def test_a_step_of_a_tool_that_is_gone_is_given_as_failed() -> None:
    tool = CountingTool()
    stage = Stage(tool)
    await begun_and_broken_off(stage, tool)
    other = Stage()
    other.journal.kept = stage.journal.kept
    (step,) = await other.attempt(2).done_before()
    assert step.result
    assert step.result.failed


async def test_a_step_of_a_tool_that_may_not_be_repeated_any_more_ends_with_a_person() -> None:
    tool = CountingTool()
    stage = Stage(tool)
    await begun_and_broken_off(stage, tool)
    tool.kind = replace(tool.kind, access="approval")
    changed = Stage(tool)
    changed.journal.kept = stage.journal.kept
    with pytest.raises(Unconfirmed):
        await changed.attempt(2).done_before()


async def test_an_attempt_that_was_stopped_for_a_while_can_begin_nothing_any_more() -> None:
    tool = CountingTool(idempotent=False)
    stage = Stage(tool)
    older, newer = stage.attempt(1), stage.attempt(2)
    assert await newer.done_before() == []
    assert not (await newer.run(asks(), 1)).failed
    stale = await older.run(asks(), 1)
    assert stale.failed
    assert "anew elsewhere" in stale.text
    assert tool.keys == ["turn_1-1"]
    assert stage.log.named("step_refused") == [{"turn": "turn_1", "tool": "find_order", "attempt": 1}]


async def test_an_older_attempt_that_begins_in_between_takes_its_number_and_not_the_newer_ones_right() -> None:
    tool = CountingTool()
    stage = Stage(tool)
    steps = stage.attempt(2)
    await steps.done_before()
    late = Step(number=1, attempt=1, call=asks(), idempotent=True)
    stage.journal.before_begin = lambda: stage.journal.kept.setdefault(("turn_1", 1), late) and None
    assert not (await steps.run(asks(), 1)).failed
    assert tool.keys == ["turn_1-2"]
    assert stage.journal.kept["turn_1", 2].attempt == 2


async def test_two_attempts_at_once_begin_each_number_once() -> None:
    tool = CountingTool()
    stage = Stage(tool)
    older, newer = stage.attempt(1), stage.attempt(2)
    await asyncio.gather(*(steps.run(asks(), 1) for steps in (older, newer) for _ in range(3)))
    attempts = [step.attempt for _, step in sorted(stage.journal.kept.items())]
    assert sorted(set(tool.keys)) == sorted(tool.keys)
    assert attempts == sorted(attempts)
    assert attempts.count(2) == 3


# --- a journal that is away


async def test_only_what_can_be_repeated_runs_without_a_journal_and_one_line_tells_of_it() -> None:
    looks, books = CountingTool(), CountingTool("book_visit", idempotent=False)
    stage = Stage(looks, books)
    stage.journal.fault = AWAY
    steps = stage.attempt(2)
    assert await steps.done_before() == []
    assert not (await steps.run(asks(), 1)).failed
    refused = await steps.run(asks(name="book_visit"), 1)
    assert (refused.failed, "right now" in refused.text, books.calls) == (True, True, [])
    assert stage.log.named("journal_away") == [{"code": "database_unavailable"}]
    # A key that no journaled step can have: the call is perhaps another one than that step's.
    assert looks.keys[0].startswith("turn_1-2-step")
    stage.journal.fault = None
    assert not (await steps.run(asks(name="book_visit"), 1)).failed
    stage.journal.fault = AWAY
    await steps.run(asks(), 1)
    assert [name for name, _ in stage.log.lines if name.startswith("journal")] == [
        "journal_away", "journal_back", "journal_away",
    ]  # fmt: skip


async def test_a_journal_that_hangs_is_not_waited_for() -> None:
    tool = CountingTool()
    stage = Stage(tool, patience_s=0.05)
    stage.journal.delay_s = 30.0
    async with asyncio.timeout(5):
        assert not (await stage.attempt().run(asks(), 1)).failed
    assert stage.log.named("journal_away") == [{"code": "timed_out"}]


async def test_a_journal_that_fails_in_a_drivers_words_is_away() -> None:
    tool = CountingTool()
    stage = Stage(tool)
    stage.journal.fault = ConnectionResetError("ann@example.com")
    assert not (await stage.attempt().run(asks(), 1)).failed
    assert stage.log.named("journal_away") == [{"code": "ConnectionResetError"}]


async def test_a_result_that_cannot_be_journaled_is_given_all_the_same() -> None:
    tool = CountingTool(idempotent=False)
    stage = Stage(tool)
    tool.stuck = asyncio.Event()
    running = asyncio.create_task(stage.attempt().run(asks(), 1))
    await until(lambda: tool.calls)
    stage.journal.fault = AWAY
    tool.stuck.set()
    assert await running == tool.result
    assert stage.log.named("step_not_ended")[0]["number"] == 1


# --- actions


REFUND = "refund_order"


def refunds(*, idempotent: bool = False, call_s: float = 5.0) -> tuple[Stage, CountingTool]:
    tool = CountingTool(REFUND, access="approval", idempotent=idempotent)
    return Stage(tool, call_s=call_s), tool


async def asked(stage: Stage) -> Approval:
    await stage.attempt().run(asks(name=REFUND), 1)
    (approval,) = [approval for approval, _ in stage.approvals.kept.values()]
    return approval


async def test_an_action_is_put_before_a_person_and_not_done() -> None:
    stage, tool = refunds()
    result = await stage.attempt().run(asks(name=REFUND), 1)
    assert "colleague must allow it first" in result.text
    assert (result.failed, tool.calls, stage.journal.kept) == (False, [], {})
    (approval, call), = stage.approvals.kept.values()  # fmt: skip
    assert approval == Approval(
        approval_id="appr_1", session_id="sess_1", turn_id="turn_1", tool=REFUND,
        description="What refund_order is for", arguments={"order": "A-1"},
        requested_at=NOON, expires_at=NOON + timedelta(hours=1),
    )  # fmt: skip
    assert call.arguments == '{"order":"A-1"}'


async def test_an_action_is_asked_for_once_also_by_another_attempt() -> None:
    stage, _ = refunds()
    await asked(stage)
    again = await stage.attempt(2).run(asks('{ "order": "A-1" }', REFUND, "call_9"), 1)
    assert list(stage.approvals.kept) == ["appr_1"]
    assert "colleague must allow it first" in again.text
    stage.approvals.decide("appr_1", "refused")
    refused = await stage.attempt(3).run(asks(name=REFUND), 1)
    assert (refused.failed, "refused" in refused.text) == (True, True)


async def test_an_action_with_wrong_arguments_is_put_before_nobody() -> None:
    stage, _ = refunds()
    assert (await stage.attempt().run(asks('{"order": ""}', REFUND), 1)).failed
    assert stage.approvals.kept == {}


async def test_an_action_is_not_asked_for_where_approvals_are_away() -> None:
    stage, tool = refunds()
    stage.approvals.fault = AWAY
    result = await stage.attempt().run(asks(name=REFUND), 1)
    assert (result.failed, tool.calls) == (True, [])


async def test_an_allowed_action_is_done_under_its_own_key() -> None:
    stage, tool = refunds()
    await asked(stage)
    stage.approvals.decide("appr_1", "approved")
    decided = await stage.attempt(turn_id="turn_2").approved("appr_1", 1)
    assert decided.result == tool.result
    assert decided.call == asks('{"order":"A-1"}', REFUND)
    assert tool.keys == ["appr_1"]


async def test_an_allowed_action_is_done_once_whatever_turns_and_attempts_name_it() -> None:
    stage, tool = refunds()
    await asked(stage)
    stage.approvals.decide("appr_1", "approved")
    tool.stuck = asyncio.Event()
    here = [asyncio.create_task(stage.attempt(1, turn_id=turn).approved("appr_1", 1)) for turn in ("turn_2", "turn_3")]
    await until(lambda: tool.calls)
    apart = [stage.attempt(2, turn_id=turn, elsewhere=True) for turn in ("turn_2", "turn_3")]
    ended = await asyncio.gather(*(steps.approved("appr_1", 1) for steps in apart), return_exceptions=True)
    assert [type(result).__name__ for result in ended] == ["Unconfirmed"] * 2
    tool.stuck.set()
    # Who asks where it runs waits for its end.
    assert [done.result for done in await asyncio.gather(*here)] == [tool.result] * 2
    assert tool.keys == ["appr_1"]
    # Afterwards everybody is given what it came to.
    later = await stage.attempt(3, turn_id="turn_4").approved("appr_1", 1)
    assert (later.result, tool.keys) == (tool.result, ["appr_1"])


@pytest.mark.parametrize("idempotent", [True, False])
async def test_an_allowed_action_that_broke_off(idempotent: bool) -> None:
    stage, tool = refunds(idempotent=idempotent)
    await asked(stage)
    stage.approvals.decide("appr_1", "approved")
    tool.stuck = asyncio.Event()
    running = asyncio.create_task(stage.attempt(turn_id="turn_2").approved("appr_1", 1))
    await until(lambda: tool.calls)
    running.cancel()
    await asyncio.wait([running])
    tool.stuck = None
    again = stage.attempt(2, turn_id="turn_2", elsewhere=True)
    if idempotent:
        assert (await again.approved("appr_1", 1)).result == tool.result
        assert tool.keys == ["appr_1", "appr_1"]
    else:
        with pytest.raises(Unconfirmed) as raised:
            await again.approved("appr_1", 1)
        assert raised.value.step.call.name == REFUND
        assert tool.keys == ["appr_1"]


@pytest.mark.parametrize("idempotent", [True, False])
async def test_an_allowed_action_goes_on_where_its_turn_is_stopped(idempotent: bool) -> None:
    stage, tool = refunds(idempotent=idempotent)
    await asked(stage)
    stage.approvals.decide("appr_1", "approved")
    tool.stuck = asyncio.Event()
    running = asyncio.create_task(stage.attempt(turn_id="turn_2").approved("appr_1", 1))
    await until(lambda: tool.calls)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert stage.log.named("action_outlives_turn") == [{"approval": "appr_1"}]
    outcome = asyncio.create_task(stage.steps.outcome("acme", "appr_1"))
    later = asyncio.create_task(stage.attempt(2, turn_id="turn_2").approved("appr_1", 1))
    await asyncio.sleep(0.01)
    assert [outcome.done(), later.done()] == [False, False]
    tool.stuck.set()
    step = await outcome
    assert step is not None
    assert step.result == (await later).result == tool.result
    assert (tool.keys, stage.journal.kept["appr_1", 1].result) == (["appr_1"], tool.result)


async def test_an_allowed_action_that_outlives_its_turn_ends_by_its_own_limit() -> None:
    stage, tool = refunds(call_s=0.05)
    await asked(stage)
    stage.approvals.decide("appr_1", "approved")
    tool.stuck = asyncio.Event()
    running = asyncio.create_task(stage.attempt(turn_id="turn_2").approved("appr_1", 1))
    await until(lambda: tool.calls)
    running.cancel()
    await asyncio.wait_for(stage.steps.carrying.drained(), 2.0)
    assert not stage.steps.carrying.runs("acme", "appr_1")
    assert await stage.steps.outcome("acme", "appr_1") is None


async def test_nothing_is_known_of_an_action_where_the_journal_is_away_or_says_nothing() -> None:
    stage, _ = refunds()
    assert await stage.steps.outcome("acme", "appr_1") is None
    stage.journal.fault = AWAY
    assert await stage.steps.outcome("acme", "appr_1") is None


@pytest.mark.parametrize("idempotent", [True, False])
async def test_an_allowed_action_whose_tool_breaks_ends_with_a_person(idempotent: bool) -> None:
    stage, tool = refunds(idempotent=idempotent)
    await asked(stage)
    stage.approvals.decide("appr_1", "approved")
    tool.fault = RuntimeError("what it did is not known")
    with pytest.raises(Unconfirmed):
        await stage.attempt(turn_id="turn_2").approved("appr_1", 1)
    assert stage.journal.kept["appr_1", 1].result is None


async def test_a_result_that_calls_for_a_person_is_the_same_in_each_attempt() -> None:
    stage, tool = refunds()
    await asked(stage)
    stage.approvals.decide("appr_1", "approved")
    tool.result = ToolResult(text="?", failed=True, escalation=Escalation(reasons=["action_unconfirmed"]))
    for attempt in (1, 2):
        decided = await stage.attempt(attempt, turn_id="turn_2").approved("appr_1", 1)
        assert decided.result.escalation == Escalation(reasons=["action_unconfirmed"])
    assert tool.keys == ["appr_1"]


@pytest.mark.parametrize(
    ("status", "word"), [("refused", "refused"), ("expired", "in time"), ("pending", "decided about this yet")]
)
async def test_an_action_that_nobody_allowed_is_not_done(status: str, word: str) -> None:
    stage, tool = refunds()
    await asked(stage)
    stage.approvals.decide("appr_1", status)
    decided = await stage.attempt(turn_id="turn_2").approved("appr_1", 1)
    assert decided.result.failed
    assert word in decided.result.text
    assert (tool.calls, stage.journal.asked) == ([], [])


@pytest.mark.parametrize("over_s", [-1, 0])
async def test_an_action_waits_for_its_time(over_s: int) -> None:
    stage, _ = refunds()
    approval = await asked(stage)
    kept, call = stage.approvals.kept["appr_1"]
    stage.approvals.kept["appr_1"] = (replace(kept, expires_at=NOON - timedelta(seconds=over_s)), call)
    decided = await stage.attempt(turn_id="turn_2").approved(approval.approval_id, 1)
    assert ("in time" in decided.result.text) == (over_s == 0)


async def test_an_action_that_was_allowed_in_time_is_done_later() -> None:
    stage, tool = refunds()
    await asked(stage)
    kept, call = stage.approvals.kept["appr_1"]
    stage.approvals.kept["appr_1"] = (replace(kept, status="approved", expires_at=NOON - timedelta(days=1)), call)
    assert (await stage.attempt(turn_id="turn_2").approved("appr_1", 1)).result == tool.result


@pytest.mark.parametrize(("approval_id", "session_id"), [("appr_9", "sess_1"), ("appr_1", "sess_2")])
async def test_an_approval_of_another_session_is_none(approval_id: str, session_id: str) -> None:
    stage, tool = refunds()
    await asked(stage)
    stage.approvals.decide("appr_1", "approved")
    decided = await stage.attempt(turn_id="turn_2", session_id=session_id).approved(approval_id, 1)
    assert (decided.call, decided.result.failed, tool.calls) == (None, True, [])


async def test_an_allowed_action_is_not_done_without_a_journal() -> None:
    stage, tool = refunds(idempotent=True)
    await asked(stage)
    stage.approvals.decide("appr_1", "approved")
    stage.journal.fault = AWAY
    with pytest.raises(Unconfirmed):
        await stage.attempt(turn_id="turn_2").approved("appr_1", 1)
    assert tool.calls == []


async def test_where_approvals_are_away_the_caller_is_told() -> None:
    stage, tool = refunds()
    stage.approvals.fault = AWAY
    with pytest.raises(Unavailable):
        await stage.attempt(turn_id="turn_2").approved("appr_1", 1)
    assert tool.calls == []


async def test_an_allowed_action_is_checked_again() -> None:
    stage, tool = refunds()
    await asked(stage)
    stage.approvals.decide("appr_1", "approved")
    tool.words = "Not any more."
    decided = await stage.attempt(turn_id="turn_2").approved("appr_1", 1)
    assert (decided.result.text, tool.calls) == ("Not any more.", [])


async def test_an_allowed_action_of_a_tool_that_is_gone_is_not_done() -> None:
    stage, _ = refunds()
    await asked(stage)
    stage.approvals.decide("appr_1", "approved")
    other = Stage()
    other.approvals, other.journal = stage.approvals, stage.journal
    other.steps.journal = stage.steps.journal
    decided = await other.attempt(turn_id="turn_2").approved("appr_1", 1)
    assert decided.result.failed
    assert "not there any more" in decided.result.text
