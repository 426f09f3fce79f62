"""The agent's steps, approvals, ledger and event log in a real Postgres, and their way to a real broker."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from deploy.local.servers import Servers
from libs.contracts import bus_map
from libs.contracts.agent import (
    Approval,
    AskUsage,
    DecideApproval,
    ListApprovals,
    UsageRecorded,
    UsageRow,
)
from libs.contracts.context import Context
from libs.contracts.errors import Conflict, DeskError, NotFound
from libs.contracts.knowledge import Source
from libs.contracts.session import Escalation
from libs.contracts.streams import EVENTS
from libs.runtime.ids import mint
from libs.runtime.migrate import ROOT
from libs.runtime.nats import NatsBus
from libs.runtime.postgres import Database, load_queries
from libs.runtime.relay import Relay
from services.agent.adapters.postgres_approvals import PostgresApprovals
from services.agent.adapters.postgres_journal import PostgresJournal
from services.agent.adapters.postgres_ledger import PostgresLedger
from services.agent.app.approvals import ApprovalDesk
from services.agent.app.spending import Spending
from services.agent.app.usage import UsageDesk
from services.agent.domain.chat import ToolCall, Usage
from services.agent.domain.spending import Budget, Entry, Spend
from services.agent.domain.steps import Step, ToolResult
from tests.unit.agent.fakes import Log

SQL = ROOT / "services/agent/sql"
CALL = ToolCall("call_1", "refund", '{"order": "A-1042"}')
TEXT = ToolResult(text="Refunded")


class Store:
    """All of it, for one tenant that no other test has."""

    def __init__(self, database: Database, admin: "asyncpg.Connection[Any]") -> None:
        self.database, self.admin = database, admin
        self.tenant, self.session_id, self.turn_id = mint("tenant"), mint("sess"), mint("turn")
        self.told = 0
        self.journal = PostgresJournal(database)
        self.approvals = PostgresApprovals(database, self.tell)
        self.ledger = PostgresLedger(database, self.tell)
        self.desk = ApprovalDesk(self.approvals)

    def tell(self) -> None:
        self.told += 1

    async def rows(self, sql: str, *values: Any) -> list[Any]:
        return await self.admin.fetch(sql, self.tenant, *values)

    async def forget(self, session_id: str) -> None:
        async with self.database.begin() as work:
            await work.do("lock_session", self.tenant, session_id)
            for name in ("forget_steps", "forget_approvals", "forget_usage", "forget_events", "mark_forgotten"):
                await work.do(name, self.tenant, session_id)

    async def events(self, session_id: str | None = None) -> list[tuple[str, str | None]]:
        found = await self.rows(
            "select type, payload from agent.agent_events where tenant = $1 and session_id = $2 order by id",
            session_id or self.session_id,
        )
        return [(row["type"], row["payload"]) for row in found]

    async def spent(self, key: str | None = None) -> tuple[int, float]:
        key = key or datetime.now(UTC).date().isoformat()
        found = await self.rows("select tokens, cost from agent.spent where tenant = $1 and key = $2", key)
        return (found[0]["tokens"], float(found[0]["cost"])) if found else (0, 0.0)

    # --- steps

    async def begin(self, number: int, attempt: int = 1, **more: Any) -> None:
        step = Step(number=number, attempt=attempt, call=more.get("call", CALL), idempotent=False)
        await self.journal.begin(self.tenant, self.session_id, more.get("turn_id", self.turn_id), step)

    # --- approvals

    async def ask(self, call: ToolCall = CALL, **more: Any) -> Approval:
        now = datetime.now(UTC)
        wanted = Approval(
            approval_id=mint("appr"), session_id=self.session_id, turn_id=self.turn_id, tool=call.name,
            description="Refund an order", arguments=msgspec.json.decode(call.arguments), requested_at=now,
            expires_at=now,
        )  # fmt: skip
        return await self.approvals.request(self.tenant, replace(wanted, **more), call)

    async def decide(self, approval: Approval | str, approve: bool = True, **more: Any) -> Approval:
        key = approval if isinstance(approval, str) else approval.approval_id
        request = DecideApproval(approve=approve, operator=more.pop("operator", "ann"), **more)
        return await self.desk.decide(request, Context(tenant=self.tenant, key=key))

    async def listed(self, **query: Any) -> list[str]:
        page = await self.desk.list_approvals(ListApprovals(**query), Context(tenant=self.tenant))
        return [approval.approval_id for approval in page.approvals]

    async def make_late(self, approval: Approval) -> None:
        await self.admin.execute(
            "update agent.approvals set expires_at = now() - interval '1 second' where approval_id = $1",
            approval.approval_id,
        )

    # --- the ledger

    def entry(self, usage_id: str | None = None, **fields: Any) -> Entry:
        told: dict[str, Any] = {
            "session_id": self.session_id, "turn_id": self.turn_id, "attempt": 1, "call": 1, "model": "test/model",
            "outcome": "completed", "prompt_tokens": 50, "completion_tokens": 10, "cost_usd": 0.06,
        }  # fmt: skip
        return Entry(tenant=self.tenant, usage=UsageRecorded(usage_id=usage_id or mint("use"), **{**told, **fields}))

    async def reserve(self, tokens: int = 100, cost: float = 0.1, **more: Any) -> tuple[str, str | None]:
        usage_id = mint("use")
        passed = await self.ledger.reserve(
            self.tenant, more.pop("session_id", self.session_id), usage_id, Spend(tokens=tokens, cost_usd=cost), more
        )
        return usage_id, passed


@pytest.fixture
async def store(servers: Servers) -> AsyncIterator[Store]:
    url = servers.environment["DESKBUS_DATABASE_URL"]
    admin = await asyncpg.connect(url)
    async with Database.connect(url, "agent", SQL, pool_size=24) as database:
        yield Store(database, admin)
    await admin.close()


async def test_every_statement_prepares(store: Store) -> None:
    assert await store.database.probe_tables()


# --- steps


async def test_steps_come_back_as_they_were(store: Store) -> None:
    passage = Source(content="Thirty days.", metadata={"title": "Returns", "n": [1, None]}, relevance_score=0.5, rank=7)
    whole = ToolResult(
        text="It\x00 said “no”", passages=[passage], failed=True,
        escalation=Escalation(reasons=["legal"], category="legal", score=0.7, evidence=["sue"]),
    )  # fmt: skip
    odd = ToolCall("call_2", "look_up", "{no JSON\x00")
    await store.begin(2, call=odd)
    await store.begin(1)
    await store.journal.end(store.tenant, store.turn_id, 1, whole)
    steps = await store.journal.steps(store.tenant, store.turn_id)
    assert steps == [
        Step(number=1, attempt=1, call=CALL, idempotent=False, result=whole),
        Step(number=2, attempt=1, call=replace(odd, arguments="{no JSON\ufffd"), idempotent=False),
    ]
    assert await store.journal.steps("somebody_else", store.turn_id) == []
    assert await store.journal.steps(store.tenant, mint("turn")) == []


async def test_the_first_word_on_how_a_step_ended_counts(store: Store) -> None:
    await store.begin(1)
    await store.journal.end("somebody_else", store.turn_id, 1, ToolResult(text="not mine"))
    for text in ("first", "second"):
        await store.journal.end(store.tenant, store.turn_id, 1, ToolResult(text=text))
    await store.journal.end(store.tenant, store.turn_id, 2, TEXT)  # never begun
    assert [step.result for step in await store.journal.steps(store.tenant, store.turn_id)] == [
        ToolResult(text="first")
    ]


@pytest.mark.parametrize(
    ("number", "attempt", "refused"),
    [(2, 1, True), (2, 2, True), (2, 3, True), (3, 1, True), (3, 2, False), (3, 3, False), (1, 2, False)],
)
async def test_a_step_is_begun_once_and_by_no_earlier_attempt(
    store: Store, number: int, attempt: int, refused: bool
) -> None:
    await store.begin(2, 2)
    await store.begin(9, 9, turn_id=mint("turn"))
    try:
        await store.begin(number, attempt)
        code = ""
    except Conflict as fault:
        code = fault.code
    assert code == ("step_taken" if refused else "")
    assert len(await store.journal.steps(store.tenant, store.turn_id)) == (1 if refused else 2)


async def test_of_many_that_begin_one_step_one_does(store: Store) -> None:
    done = await asyncio.gather(*(store.begin(1, n % 3 + 1) for n in range(20)), return_exceptions=True)
    refused = [fault for fault in done if isinstance(fault, Conflict)]
    assert {fault.code for fault in refused} == {"step_taken"}
    assert (len(refused), len(await store.journal.steps(store.tenant, store.turn_id))) == (19, 1)


async def test_two_attempts_that_begin_different_steps_are_never_out_of_order(store: Store) -> None:
    for number in range(10):
        turn_id = mint("turn")
        await asyncio.gather(
            store.begin(2, 1, turn_id=turn_id), store.begin(1 + 2 * (number % 2), 2, turn_id=turn_id),
            return_exceptions=True,
        )  # fmt: skip
        begun = await store.rows(
            "select attempt from agent.steps where tenant = $1 and turn_id = $2 order by begun_at", turn_id
        )
        assert [row["attempt"] for row in begun] in ([2], [1, 2])


# --- approvals


async def test_an_action_is_asked_for_once_and_told_of(store: Store) -> None:
    asked = await store.ask()
    assert (asked.status, asked.expires_at - asked.requested_at) == ("pending", timedelta(days=1))
    again = await store.ask(ToolCall("another_id", "refund", '{"order":"A-1042"}'))
    assert again == asked
    assert await store.approvals.get(store.tenant, asked.approval_id) == (asked, CALL)
    assert await store.approvals.get("somebody_else", asked.approval_id) is None
    ((kind, payload),) = await store.events()
    assert kind == "approval_requested"
    assert bus_map.APPROVAL_REQUESTED.decode((payload or "").encode()).approval == asked
    assert store.told == 1
    others = [
        await store.ask(ToolCall("call_1", "refund", '{"order": "A-1043"}')),
        await store.ask(ToolCall("call_1", "cancel", CALL.arguments)),
        await store.ask(turn_id=mint("turn")),
    ]
    assert len({asked.approval_id, *(other.approval_id for other in others)}) == 4


async def test_the_order_of_arguments_makes_no_other_action(store: Store) -> None:
    one = await store.ask(ToolCall("1", "refund", '{"a": 1, "b": {"c": 2, "d": 3}}'))
    assert await store.ask(ToolCall("2", "refund", '{"b": {"d": 3, "c": 2}, "a": 1}')) == one


async def test_of_many_that_ask_at_once_one_asks(store: Store) -> None:
    asked = await asyncio.gather(*(store.ask() for _ in range(20)))
    assert {approval.approval_id for approval in asked} == {asked[0].approval_id}
    assert len(await store.events()) == 1


@pytest.mark.parametrize("approve", [True, False])
async def test_a_decision_is_kept_and_told_of_once(store: Store, approve: bool) -> None:
    asked = await store.ask()
    decided = await store.decide(asked, approve, comment="as\x00 you like")
    assert (decided.status, decided.operator) == ("approved" if approve else "refused", "ann")
    assert decided.comment == "as\ufffd you like"
    assert decided.decided_at is not None
    assert await store.decide(asked, approve, operator="ben", comment="too") == decided
    with pytest.raises(Conflict) as caught:
        await store.decide(asked, not approve)
    assert caught.value.code == "already_decided"
    assert await store.ask() == decided  # a later attempt learns of it
    kinds = await store.events()
    assert [kind for kind, _ in kinds] == ["approval_requested", "approval_decided"]
    assert bus_map.APPROVAL_DECIDED.decode((kinds[1][1] or "").encode()).approval == decided


async def test_of_many_that_decide_the_first_does(store: Store) -> None:
    asked = await store.ask()
    said = await asyncio.gather(
        *(store.decide(asked, n % 2 == 0, operator=f"operator_{n}") for n in range(20)), return_exceptions=True
    )
    kept, _ = await store.approvals.get(store.tenant, asked.approval_id) or pytest.fail("it is gone")
    agreed = [one for one in said if isinstance(one, Approval)]
    assert agreed == [kept] * 10
    assert {one.code for one in said if isinstance(one, Conflict)} == {"already_decided"}
    assert len(await store.events()) == 2


async def test_nobody_elses_approval_can_be_decided(store: Store, servers: Servers) -> None:
    asked = await store.ask()
    for tenant, key in (("somebody_else", asked.approval_id), (store.tenant, mint("appr"))):
        with pytest.raises(NotFound) as caught:
            await store.desk.decide(DecideApproval(approve=True, operator="eve"), Context(tenant=tenant, key=key))
        assert caught.value.code == "approval_not_found"
    assert await store.listed(status="pending") == [asked.approval_id]


async def test_what_nobody_decided_in_time_is_expired_before_and_after_the_sweep(store: Store) -> None:
    late, waiting = await store.ask(), await store.ask(turn_id=mint("turn"))
    await store.make_late(late)
    for swept in (False, True):
        if swept:
            told = store.told
            await store.desk.sweep()
            assert store.told == told + 1
        assert await store.listed(status="expired") == [late.approval_id]
        assert await store.listed(status="pending") == [waiting.approval_id]
        with pytest.raises(Conflict) as caught:
            await store.decide(late)
        assert caught.value.code == "approval_expired"
        kept, _ = await store.approvals.get(store.tenant, late.approval_id) or pytest.fail("it is gone")
        assert (kept.status, kept.operator, kept.decided_at) == ("expired", None, kept.expires_at)
    decided = [payload for kind, payload in await store.events() if kind == "approval_decided"]
    assert [bus_map.APPROVAL_DECIDED.decode((text or "").encode()).approval for text in decided] == [kept]
    assert (await store.decide(waiting)).status == "approved"


async def test_how_long_an_action_waits_can_be_set(store: Store) -> None:
    store.approvals = PostgresApprovals(store.database, store.tell, lasts_s=0.0)
    assert (await store.ask()).status == "pending"  # as it was written
    assert await store.listed(status="pending") == []
    store.approvals = PostgresApprovals(store.database, store.tell, lasts_s=60.0)
    asked = await store.ask(turn_id=mint("turn"))
    assert asked.expires_at - asked.requested_at == timedelta(seconds=60)
    assert await store.listed(status="pending") == [asked.approval_id]


async def test_pages_are_the_list(store: Store) -> None:
    ids = [
        (await store.ask(turn_id=mint("turn"), approval_id=f"appr_{n}{store.turn_id}")).approval_id for n in range(7)
    ]
    ctx = Context(tenant=store.tenant)
    for limit in (1, 3, 6, 7, 8):
        found: list[str] = []
        after = None
        while True:
            page = await store.desk.list_approvals(ListApprovals(limit=limit, after=after), ctx)
            assert page.total == 7
            found += [approval.approval_id for approval in page.approvals]
            if not page.more:
                break
            after = found[-1]
        assert found == ids
    await store.decide(ids[3])
    assert await store.listed(status="approved") == [ids[3]]
    assert await store.listed(status="pending", session_id=store.session_id) == ids[:3] + ids[4:]
    assert await store.listed(session_id=mint("sess")) == []
    assert (await store.desk.list_approvals(ListApprovals(), Context(tenant="somebody_else_again"))).total == 0


async def test_what_waits_is_found_by_its_own_index(store: Store) -> None:
    """However much was decided, and though plans are made for any parameters."""
    await store.rows(
        "insert into agent.approvals (approval_id, tenant, session_id, turn_id, fingerprint, call, tool, description,"
        " arguments, status, expires_at) select 'appr_' || $1 || i, $1, 's', $1 || i, 'f', '{}', 'refund', 'd', '{}',"
        " 'approved', now() from generate_series(1, 3000) i"
    )
    asked = await store.ask()
    await store.admin.execute("analyze agent.approvals")
    statements = load_queries(SQL / "queries.sql")
    async with store.admin.transaction():
        await store.admin.execute("set local plan_cache_mode = force_generic_plan; set local search_path to agent")
        for name, arguments in (("list", "$1, null, null, 11"), ("count", "$1, null")):
            text = statements[f"{name}_pending_approvals"]
            await store.admin.execute(f"prepare {name}_waiting as {text}")
            filled = arguments.replace("$1", f"'{store.tenant}'")
            lines = await store.admin.fetch(f"explain execute {name}_waiting({filled})")
            plan = "\n".join(line[0] for line in lines)
            assert "approvals_waiting" in plan, plan
            assert "Seq Scan" not in plan, plan
    assert await store.listed(status="pending") == [asked.approval_id]
    assert await store.listed(status="pending", after=asked.approval_id) == []


# --- the ledger


@pytest.mark.parametrize("scope", ["session", "tenant"])
@pytest.mark.parametrize(
    "budget",
    [Budget(tokens=300), Budget(cost_usd=0.3), Budget(tokens=300, cost_usd=9), Budget(tokens=999, cost_usd=0.3)],
)
async def test_a_budget_is_used_up_to_its_edge_and_never_beyond(store: Store, scope: str, budget: Budget) -> None:
    done = await asyncio.gather(*(store.reserve(**{scope: budget}) for _ in range(20)))
    assert [passed for _, passed in done if passed] == [scope] * 17
    assert await store.spent() == await store.spent(store.session_id) == (300, pytest.approx(0.3))
    kept = await store.rows("select usage_id from agent.usage where tenant = $1")
    assert {row["usage_id"] for row in kept} == {usage_id for usage_id, passed in done if not passed}


@pytest.mark.parametrize(
    ("tokens", "cost", "passed"), [(100, 0.1, None), (101, 0.1, "session"), (100, 0.1001, "session")]
)
async def test_a_first_call_may_take_all_and_no_more(
    store: Store, tokens: int, cost: float, passed: str | None
) -> None:
    budget = Budget(tokens=100, cost_usd=0.1)
    assert (await store.reserve(tokens, cost, session=budget))[1] == passed
    assert await store.spent() == ((0, 0.0) if passed else (tokens, cost))


async def test_where_one_budget_is_passed_the_other_is_left_alone(store: Store) -> None:
    await store.reserve(50)
    both = {"session": Budget(tokens=100), "tenant": Budget(tokens=100)}
    assert (await store.reserve(51, **both))[1] == "session"
    assert (await store.reserve(51, session_id=mint("sess"), **both))[1] == "tenant"
    assert (await store.reserve(51, session=Budget(tokens=200), tenant=Budget(tokens=100)))[1] == "tenant"
    assert (await store.reserve(51, session=Budget(tokens=100), tenant=Budget(tokens=200)))[1] == "session"
    assert await store.spent() == await store.spent(store.session_id) == (50, pytest.approx(0.1))
    assert (await store.reserve(50, **both))[1] is None


async def test_what_was_taken_replaces_what_was_set_aside_once(store: Store) -> None:
    usage_id, _ = await store.reserve()
    entry = store.entry(usage_id)
    for _ in range(2):
        await store.ledger.settle([entry, entry])
    assert await store.spent() == await store.spent(store.session_id) == (60, pytest.approx(0.06))
    assert [kind for kind, _ in await store.events()] == ["usage_recorded"]
    payload = (await store.events())[0][1] or ""
    assert bus_map.USAGE_RECORDED.decode(payload.encode()) == entry.usage
    await store.ledger.settle([store.entry()])  # nothing was set aside for it
    assert await store.spent() == (120, pytest.approx(0.12))


async def test_what_a_turn_has_taken_is_the_sum_over_its_attempts(store: Store) -> None:
    asked = (store.tenant, store.session_id, store.turn_id)
    assert await store.ledger.spent_in_turn(*asked) == Spend()
    for attempt in (1, 2):
        usage_id, _ = await store.reserve()
        await store.ledger.settle([store.entry(usage_id, attempt=attempt)])
    await store.reserve(100, 0.1)  # of an attempt that died
    await store.ledger.settle([store.entry(turn_id=mint("turn"))])
    await store.ledger.settle([store.entry(session_id=mint("sess"))])
    spent = await store.ledger.spent_in_turn(*asked)
    assert (spent.tokens, spent.cost_usd) == (2 * 60 + 100, pytest.approx(2 * 0.06 + 0.1))


async def test_a_settled_row_holds_the_call(store: Store) -> None:
    usage_id, _ = await store.reserve()
    said = {"attempt": 3, "call": 4, "purpose": "summary", "outcome": "cut", "code": "model_cut", "estimated": True}
    await store.ledger.settle([store.entry(usage_id, **said, first_token_ms=12.5, duration_ms=99.25)])
    (row,) = await store.rows("select * from agent.usage where tenant = $1")
    assert {name: row[name] for name in said} == said
    assert (row["session_id"], row["turn_id"], row["model"]) == (store.session_id, store.turn_id, "test/model")
    assert (row["first_token_ms"], row["duration_ms"], float(row["cost_usd"])) == (12.5, 99.25, 0.06)
    assert (row["reserved_tokens"], row["settled_at"] is None) == (100, False)


async def test_batches_of_many_sessions_side_by_side_add_up(store: Store) -> None:
    sessions = [mint("sess") for _ in range(20)]
    batches = [[store.entry(session_id=session) for session in sessions[n:] + sessions[:n]] for n in range(20)]
    await asyncio.gather(
        *(store.ledger.settle(batch) for batch in batches),
        *(store.reserve(session_id=session) for session in sessions),
        *(store.forget(session) for session in sessions[:5]),
    )
    assert (await store.spent())[0] == 20 * 20 * 60 + 20 * 100
    assert [await store.spent(session) for session in sessions[:5]] == [(0, 0.0)] * 5
    assert {(await store.spent(session))[0] for session in sessions[5:]} == {20 * 60 + 100}


async def test_what_was_never_settled_is_released_in_time(store: Store) -> None:
    old, _ = await store.reserve()
    young, _ = await store.reserve()
    made_old = "update agent.usage set created_at = now() - $2::interval where tenant = $1 and usage_id = $3"
    await store.rows(made_old, timedelta(seconds=590), young)
    await store.rows(made_old, timedelta(seconds=610), old)
    await asyncio.gather(*(store.ledger.sweep() for _ in range(3)))
    assert await store.spent() == await store.spent(store.session_id) == (100, pytest.approx(0.1))
    await store.ledger.settle([store.entry(old), store.entry(young)])  # late, but it was spent
    assert await store.spent() == await store.spent(store.session_id) == (120, pytest.approx(0.12))


async def test_sweeps_drop_what_is_old_and_nothing_else(store: Store) -> None:
    today = datetime.now(UTC).date()
    for days in (0, 6, 8):
        await store.rows(
            "insert into agent.spent (tenant, scope, key, tokens, cost) values ($1, 'tenant', $2, 1, 0)",
            (today - timedelta(days=days)).isoformat(),
        )
    for days, published in ((6, True), (8, True), (8, False)):
        await store.rows(
            "insert into agent.agent_events (tenant, session_id, type, payload, created_at, published)"
            " values ($1, '_', 'usage_recorded', '{}', now() - $2::interval, $3)",
            timedelta(days=days), published,
        )  # fmt: skip
    await store.reserve(1, 0, session_id=mint("sess"))
    await store.ledger.sweep()
    kept = await store.rows("select key from agent.spent where tenant = $1 and scope = 'tenant' order by key desc")
    assert [row["key"] for row in kept] == [(today - timedelta(days=days)).isoformat() for days in (0, 6)]
    assert len(await store.rows("select from agent.spent where tenant = $1 and scope = 'session'")) == 1
    assert len(await store.events("_")) == 2


async def test_usage_is_summed_by_day_and_model(store: Store) -> None:
    today = datetime.now(UTC).date()
    yesterday = today - timedelta(days=1)
    outcomes = ["completed", "failed", "cut", "cancelled"]
    entries = [store.entry(outcome=outcome, cost_usd=0.1) for outcome in outcomes] + [store.entry(model="a/model")]
    await store.ledger.settle(entries)
    await store.reserve()  # no part of it
    await store.rows(
        "update agent.usage set day = $2 where tenant = $1 and usage_id = $3", yesterday, entries[0].usage.usage_id
    )
    desk, ctx = UsageDesk(store.ledger), Context(tenant=store.tenant)

    def row(day: Any, model: str, calls: int, failed: int, cost: float) -> UsageRow:
        return UsageRow(
            day=day, tenant=store.tenant, model=model, calls=calls, failed=failed, prompt_tokens=50 * calls,
            completion_tokens=10 * calls, cost_usd=cost,
        )  # fmt: skip

    first = row(yesterday, "test/model", 1, 0, 0.1)
    then = [row(today, "a/model", 1, 0, 0.06), row(today, "test/model", 3, 2, 0.3)]
    assert (await desk.usage(AskUsage(since=yesterday, until=today), ctx)).rows == [first, *then]
    assert (await desk.usage(AskUsage(since=today, until=today), ctx)).rows == then
    assert (await desk.usage(AskUsage(since=yesterday, until=yesterday), ctx)).rows == [first]
    assert (await desk.usage(AskUsage(since=today, until=today), Context(tenant="nobody"))).rows == []


async def test_calls_of_no_session_are_kept_and_told_of(store: Store) -> None:
    for session_id in ("", "_"):
        usage_id, passed = await store.reserve(session_id=session_id, session=Budget(tokens=1))
        assert passed is None
        await store.ledger.settle([store.entry(usage_id, session_id=session_id)])
    assert await store.spent() == (120, pytest.approx(0.12))
    assert len(await store.events("_")) == 2
    assert len(await store.rows("select from agent.spent where tenant = $1")) == 1


class Priced:
    """A deployment that takes a dollar for a thousand tokens."""

    name = "test/priced"

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens + completion_tokens) / 1000


async def test_spending_over_a_real_ledger(store: Store) -> None:
    log = Log()
    budgets: Any = {"session": Budget(tokens=1000), "tenant": Budget(cost_usd=5)}
    spending = Spending(store.ledger, log, mint, budgets=budgets, sweeps=[store.ledger.sweep, store.desk.sweep])
    running = asyncio.create_task(spending.run())
    turn = spending.turn(store.tenant, store.session_id, store.turn_id, 1)
    model: Any = Priced()
    for _ in range(3):
        reserved = await turn.reserve(model, 100, 100)
        usage = Usage(prompt_tokens=90, completion_tokens=10)
        turn.settle(reserved, "completed", usage=usage, text_tokens=0, first_token_ms=1.0, duration_ms=2.0)
    await spending.drained()
    await stopped(running)
    assert log.lines == []
    assert await store.spent() == await store.spent(store.session_id) == (300, pytest.approx(0.3))
    assert len(await store.events()) == 3


# --- forgetting


async def everything(store: Store) -> list[Any]:
    """Whatever stands anywhere with the session's or the turn's id in it; the mark and the row for the relay aside."""
    found: list[Any] = []
    for table in ("steps", "approvals", "usage", "spent", "agent_events"):
        rows = await store.rows(f"select t::text as said from agent.{table} as t where tenant = $1")
        found += [
            (table, row["said"])
            for row in rows
            if (store.session_id in row["said"] or store.turn_id in row["said"])
            and "session_forgotten" not in row["said"]
        ]
    return found


async def use(store: Store, number: int) -> None:
    """Write all that an answer writes."""
    await store.begin(number)
    await store.journal.end(store.tenant, store.turn_id, number, TEXT)
    asked = await store.ask(ToolCall("1", "refund", f'{{"n": {number}}}'))
    await store.decide(asked)
    usage_id, _ = await store.reserve()
    await store.ledger.settle([store.entry(usage_id), store.entry()])


async def test_nothing_is_left_of_a_session_that_is_forgotten_but_sums(store: Store) -> None:
    await use(store, 1)
    open_call, _ = await store.reserve()
    waiting = await store.ask()
    await store.make_late(waiting)
    assert {table for table, _ in await everything(store)} == {"steps", "approvals", "usage", "spent", "agent_events"}
    for _ in range(2):
        await store.forget(store.session_id)
        assert await everything(store) == []
        assert await store.events() == [("session_forgotten", None)]
    # an answer that is still under way
    for refused in (store.begin(5), store.ask()):
        with pytest.raises(Conflict) as caught:
            await refused
        assert caught.value.code == "session_deleted"
    with pytest.raises(NotFound):
        await store.decide(waiting)
    await store.journal.end(store.tenant, store.turn_id, 1, TEXT)
    await store.desk.sweep()
    usage_id, passed = await store.reserve(session=Budget(tokens=1))
    assert passed is None
    await store.ledger.settle([store.entry(open_call), store.entry(usage_id), store.entry()])
    async with store.database.begin() as work:
        await work.do("log_event", store.tenant, store.session_id, "memory_changed", 1, "{}")
    assert await everything(store) == []
    assert await store.events() == [("session_forgotten", None)]
    (row,) = (await UsageDesk(store.ledger).usage(
        AskUsage(since=datetime.now(UTC).date(), until=datetime.now(UTC).date()), Context(tenant=store.tenant)
    )).rows  # fmt: skip
    assert (row.calls, row.prompt_tokens) == (5, 250)
    assert await store.spent() == (300, pytest.approx(0.3))


async def test_forgetting_in_the_middle_of_everything_leaves_nothing(store: Store) -> None:
    other = mint("sess")
    await store.ledger.settle([store.entry(session_id=other)])
    for _ in range(5):
        store.session_id, store.turn_id = mint("sess"), mint("turn")

        async def forget_soon(delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            await store.forget(store.session_id)

        done = await asyncio.gather(
            *(use(store, number) for number in range(1, 9)), forget_soon(0.004), forget_soon(0.012),
            *(store.ledger.sweep() for _ in range(3)), return_exceptions=True,
        )  # fmt: skip
        faults = {fault.code for fault in done if isinstance(fault, DeskError)}
        assert faults <= {"session_deleted", "approval_not_found"}
        assert [one for one in done if isinstance(one, BaseException) and not isinstance(one, DeskError)] == []
        assert await everything(store) == []
        assert await store.events() == [("session_forgotten", None)]
    assert len(await store.events(other)) == 1


@pytest.mark.parametrize("writer", ["begin", "ask", "decide", "reserve", "settle", "settle reserved"])
async def test_who_writes_while_a_session_is_being_forgotten_waits_and_leaves_nothing(
    store: Store, writer: str
) -> None:
    asked = await store.ask()
    usage_id, _ = await store.reserve()
    writing = {
        "begin": lambda: store.begin(1),
        "ask": lambda: store.ask(ToolCall("1", "refund", "{}")),
        "decide": lambda: store.decide(asked),
        "reserve": store.reserve,
        "settle": lambda: store.ledger.settle([store.entry()]),
        "settle reserved": lambda: store.ledger.settle([store.entry(usage_id)]),
    }[writer]
    async with store.database.begin() as work:
        await work.do("lock_session", store.tenant, store.session_id)
        for name in ("forget_steps", "forget_approvals", "forget_usage", "forget_events", "mark_forgotten"):
            await work.do(name, store.tenant, store.session_id)
        task: asyncio.Task[Any] = asyncio.create_task(writing())  # type: ignore[arg-type]
        await asyncio.wait([task], timeout=0.15)
        assert not task.done()
    (said,) = await asyncio.gather(task, return_exceptions=True)
    assert not isinstance(said, BaseException) or isinstance(said, Conflict | NotFound)
    assert await everything(store) == []
    assert await store.events() == [("session_forgotten", None)]


# --- the way to the broker


@pytest.fixture
async def bus(servers: Servers) -> AsyncIterator[NatsBus]:
    async with NatsBus.connect(servers.environment["DESKBUS_NATS_URL"], "test") as connected:
        yield connected


@pytest.fixture
async def relay(store: Store, bus: NatsBus) -> AsyncIterator[Relay]:
    relaying = Relay("agent", store.database, bus)
    store.tell = relaying.wake  # type: ignore[method-assign]
    store.ledger = PostgresLedger(store.database, relaying.wake)
    task = asyncio.create_task(relaying.run())
    yield relaying
    await stopped(task)


async def stopped(task: asyncio.Task[None]) -> None:
    """End a task as a service does: Python 3.11's `wait_for` can swallow a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.2)


async def in_stream(bus: NatsBus, session_id: str) -> dict[str, int]:
    info = await bus.jetstream.stream_info(EVENTS.name, subjects_filter=f"desk.evt.*.*.*.*.{session_id}")
    found: dict[str, int] = info.state.subjects or {}
    return {".".join(subject.split(".")[2:4]): count for subject, count in found.items()}


async def until(bus: NatsBus, session_id: str, wanted: dict[str, int]) -> None:
    async with asyncio.timeout(15):
        while await in_stream(bus, session_id) != wanted:
            await asyncio.sleep(0.02)


async def publish_as_session(bus: NatsBus, store: Store, session_id: str, number: int) -> None:
    subject = bus_map.MESSAGE_ADDED.subject(store.tenant, session_id)
    await bus.jetstream.publish(subject, b"{}", headers={"Nats-Msg-Id": f"{session_id}:{number}"})


async def test_events_reach_the_broker_in_order_and_no_other_owners_id_swallows_them(
    store: Store, bus: NatsBus
) -> None:
    asked = await store.ask()
    await store.decide(asked)
    await store.ledger.settle([store.entry(), store.entry()])
    numbers = [row["id"] for row in await store.rows("select id from agent.agent_events where tenant = $1 order by id")]
    for number in numbers:
        await publish_as_session(bus, store, store.session_id, number)
    relaying = Relay("agent", store.database, bus)
    task = asyncio.create_task(relaying.run())
    told = {"agent.approval_requested": 1, "agent.approval_decided": 1, "agent.usage_recorded": 2}
    await until(bus, store.session_id, {"session.message_added": 4, **told})
    await relaying.drained()
    await stopped(task)
    await store.rows("update agent.agent_events set published = false where tenant = $1")  # as if it had died before
    subscription = await bus.jetstream.subscribe(
        f"desk.evt.agent.*.v1.{store.tenant}.{store.session_id}", ordered_consumer=True
    )
    again = asyncio.create_task(Relay("agent", store.database, bus).run())
    messages = [await subscription.next_msg(timeout=5) for _ in numbers]
    assert [int((message.headers or {})["ce-evseq"]) for message in messages] == numbers
    assert bus_map.APPROVAL_REQUESTED.decode(messages[0].data).approval == asked
    async with asyncio.timeout(5):
        while await store.rows("select from agent.agent_events where tenant = $1 and not published"):
            await asyncio.sleep(0.02)
    await stopped(again)
    await subscription.unsubscribe()
    assert await in_stream(bus, store.session_id) == {"session.message_added": 4, **told}


async def test_forgetting_takes_a_sessions_own_events_out_of_the_broker(
    store: Store, bus: NatsBus, relay: Relay
) -> None:
    other = mint("sess")
    await store.ledger.settle([store.entry(), store.entry(session_id=other), store.entry(session_id="_")])
    for session_id in (store.session_id, other):
        await publish_as_session(bus, store, session_id, 1)
        await until(bus, session_id, {"session.message_added": 1, "agent.usage_recorded": 1})
    await store.ledger.settle([store.entry()])  # perhaps on its way at this moment
    await store.forget(store.session_id)
    await until(bus, store.session_id, {"session.message_added": 1})
    await relay.drained()
    assert await in_stream(bus, store.session_id) == {"session.message_added": 1}
    assert await in_stream(bus, other) == {"session.message_added": 1, "agent.usage_recorded": 1}
