"""Memories, approvals, usage and gaps over HTTP, over a desk in memory: what is passed on, and what is refused."""

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from yarl import URL

from libs.contracts import bus_map
from libs.contracts.agent import (
    Approval,
    ApprovalPage,
    AskUsage,
    DecideApproval,
    EraseMemories,
    ListApprovals,
    ListMemories,
    MemoriesErased,
    MemoryItem,
    MemoryList,
    UsageReport,
    UsageRow,
)
from libs.contracts.errors import Conflict, NotFound, TimedOut, Unavailable
from libs.contracts.knowledge import Gap, GapPage
from libs.runtime.ids import mint
from services.gateway.domain.marks import session_cursor
from tests.integration.test_gateway_http import problem
from tests.unit.gateway.edge import gateway
from tests.unit.gateway.fakes import NOW, message

APPROVAL_ID = "appr_01J9Z3N8Q4V5W6X7Y8Z9A0B1C2"
MEMORY_ID = "mem_01J9Z3N8Q4V5W6X7Y8Z9A0B1C2"
DECISION = {"approve": True, "operator": "Ann"}
ROUTES = [
    ("GET", "/api/users/kim/memories", None, "list_memories"), ("DELETE", "/api/users/kim/memories", None, "erase_memories"),
    ("DELETE", f"/api/users/kim/memories/{MEMORY_ID}", None, "erase_memories"),
    ("GET", "/api/approvals", None, "list_approvals"),
    ("POST", f"/api/approvals/{APPROVAL_ID}", DECISION, "decide_approval"),
    ("GET", "/api/usage", None, "usage"), ("GET", "/api/knowledge/gaps", None, "list_gaps"),
]  # fmt: skip
IDS = ["list memories", "erase all", "erase one", "list approvals", "decide", "usage", "gaps"]


def memory(number=1):
    return MemoryItem(
        memory_id=mint("mem"), kind="preference", label="language", value=f"German {number}", importance=0.5,
        created_at=NOW, last_used_at=NOW, session_id="sess_1",
    )  # fmt: skip


def approval(number=0, **fields):
    return Approval(**{
        "approval_id": mint("appr"), "session_id": "sess_1", "turn_id": "turn_1", "tool": "refund_order",
        "description": "Refund an order", "arguments": {"order": f"A-{number}", "amount": 5.5},
        "requested_at": NOW + timedelta(seconds=number), "expires_at": NOW + timedelta(hours=1), **fields,
    })  # fmt: skip


def gap(number):
    return Gap(
        gap_id=mint("gap"), question=f"Question {number}?", count=200 - number, first_asked_at=NOW, last_asked_at=NOW
    )


def asked_of(desk, **answers):
    """Have the desk answer these channels; gives what they are asked, with the key."""
    asked: list[tuple[str, Any]] = []

    def answering(given):
        def answer(request, key):
            asked.append((key, request))
            return given(request)

        return answer

    for name, given in answers.items():
        desk.desk.answers[name] = answering(given)
    return asked


async def ask(desk, method, path, status=200, **options):
    async with desk.client.request(method, path, **options) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def followed(desk, path):
    """Read a list page by page, as its links lead; gives the pages and the total that the first one told."""
    pages, totals = [], []
    while path:
        async with desk.client.get(path) as response:
            assert response.status == 200, await response.text()
            pages.append(await response.json())
            totals.append(response.headers["X-Total-Count"])
            path = str(response.links["next"]["url"].relative()) if "next" in response.links else None
    return pages, totals


# --- who may, and what is away


@pytest.mark.parametrize(("method", "path", "body", "channel"), ROUTES, ids=IDS)
async def test_administrators_only(method, path, body, channel):
    async with gateway(admin_token="s3cret") as desk:
        asked = asked_of(desk, **{channel: lambda _: pytest.fail("asked")})
        for headers in ({}, {"X-Admin-Token": "s3cre"}, {"Authorization": "Basic s3cret"}):
            async with desk.client.request(method, path, json=body, headers=headers) as response:
                await problem(response, 401, "admin_required")
        assert asked == []


@pytest.mark.parametrize(("method", "path", "body", "channel"), ROUTES, ids=IDS)
async def test_a_service_that_is_away_is_a_503_and_never_an_empty_list(method, path, body, channel):
    async with gateway() as desk:
        owner = {"list_gaps": "knowledge"}.get(channel, "agent")
        desk.desk.faults[channel] = Unavailable(f"{owner}_unavailable", "away")
        async with desk.client.request(method, path, json=body) as response:
            assert (await problem(response, 503, f"{owner}_unavailable"))["retryable"] is True
            assert response.headers["Retry-After"]


# --- memories


async def test_what_is_remembered_of_a_user():
    async with gateway() as desk:
        known = [memory(1), memory(2)]
        asked = asked_of(desk, list_memories=lambda _: MemoryList(known))
        told = await ask(desk, "GET", "/api/users/kim/memories")
        assert told == {"user_id": "kim", "memories": msgspec.to_builtins(known)}
        assert asked == [("_", ListMemories("kim"))]


@pytest.mark.parametrize(
    ("written", "user_id"),
    [
        ("kim@example.com", "kim@example.com"), ("kim%40example.com", "kim@example.com"), ("a%2Fb", "a/b"),
        ("%C3%84nn%20Lee", "Änn Lee"), ("100%2525", "100%25"), ("a+b", "a+b"), ("a.b*c%3Ed", "a.b*c>d"),
        ("x" * 128, "x" * 128), ("undefined", "undefined"), ("%3F%23", "?#"),
    ],
)  # fmt: skip
async def test_a_user_s_id_may_hold_whatever_a_session_s_may(written, user_id):
    async with gateway() as desk:
        asked = asked_of(desk, list_memories=lambda _: MemoryList([]), erase_memories=lambda _: MemoriesErased(1))
        at = f"/api/users/{written}/memories"
        for method, path in (("GET", at), ("DELETE", at), ("DELETE", f"{at}/{MEMORY_ID}")):
            async with desk.client.request(method, URL(path, encoded=True)) as response:
                assert response.status == 200
                assert (await response.json())["user_id"] == user_id
        assert [request.user_id for _, request in asked] == [user_id] * 3
        # The same text may open a session.
        await desk.session(user_id=user_id)


@pytest.mark.parametrize("written", ["", "%20", "x" * 129, "a%0Ab", "a%00", "a%E2%80%AEb"])
async def test_a_user_s_id_that_no_session_could_have(written):
    async with gateway() as desk:
        at = f"/api/users/{written}/memories"
        for method, path in (("GET", at), ("DELETE", at), ("DELETE", f"{at}/{MEMORY_ID}")):
            async with desk.client.request(method, URL(path, encoded=True)) as response:
                assert (await problem(response, 422, "invalid_request"))["errors"][0]["loc"] == ["path", "user_id"]


async def test_memories_are_erased_all_or_one():
    async with gateway() as desk:
        asked = asked_of(desk, erase_memories=lambda request: MemoriesErased(1 if request.memory_id else 3))
        assert await ask(desk, "DELETE", "/api/users/kim/memories") == {"user_id": "kim", "erased": 3}
        one = await ask(desk, "DELETE", f"/api/users/kim/memories/{MEMORY_ID}")
        assert one == {"user_id": "kim", "erased": 1}
        assert asked == [("_", EraseMemories("kim")), ("_", EraseMemories("kim", MEMORY_ID))]


async def test_a_memory_that_is_none_of_the_user_s():
    async with gateway() as desk:
        asked = asked_of(desk, erase_memories=lambda _: MemoriesErased(0))
        assert await ask(desk, "DELETE", "/api/users/kim/memories") == {"user_id": "kim", "erased": 0}
        async with desk.client.delete(f"/api/users/kim/memories/{MEMORY_ID}") as response:
            await problem(response, 404, "memory_not_found")
        assert len(asked) == 2
        for memory_id in (mint("sess"), "mem_1", "undefined", "*", "%3E"):
            async with desk.client.delete(f"/api/users/kim/memories/{memory_id}") as response:
                await problem(response, 404, "memory_not_found")
        assert len(asked) == 2


# --- approvals


def listed(rows):
    """Answer as the agent service does: after an id, so many, and whether there are more."""

    def page(request):
        start = 0 if request.after is None else 1 + [row.approval_id for row in rows].index(request.after)
        return ApprovalPage(rows[start : start + request.limit], len(rows), start + request.limit < len(rows))

    return page


async def test_approvals_are_paged_by_a_cursor():
    async with gateway() as desk:
        rows = [approval(number) for number in range(5)]
        asked = asked_of(desk, list_approvals=listed(rows))
        session_id = mint("sess")
        pages, totals = await followed(desk, f"/api/approvals?status=pending&session_id={session_id}&limit=2")
        assert [len(page) for page in pages] == [2, 2, 1]
        assert [each for page in pages for each in page] == msgspec.to_builtins(rows)
        assert totals == ["5"] * 3
        assert asked[0] == ("_", ListApprovals(status="pending", session_id=session_id, limit=2))
        assert [request.after for _, request in asked] == [None, rows[1].approval_id, rows[3].approval_id]


async def test_a_large_page_of_approvals_is_asked_for_in_pieces():
    async with gateway() as desk:
        rows = [approval(number) for number in range(70)]
        asked = asked_of(desk, list_approvals=listed(rows))
        pages, _ = await followed(desk, "/api/approvals?limit=60")
        assert [len(page) for page in pages] == [60, 10]
        assert [each["approval_id"] for page in pages for each in page] == [row.approval_id for row in rows]
        assert [request.limit for _, request in asked] == [25, 25, 10, 25]


async def test_approvals_that_cannot_be_listed():
    async with gateway() as desk:
        asked_of(desk, list_approvals=listed([]))
        assert (
            await ask(desk, "GET", "/api/approvals?limit=1") == await ask(desk, "GET", "/api/approvals?limit=100") == []
        )
        for query in ("limit=0", "limit=101", "status=open", "status="):
            async with desk.client.get(f"/api/approvals?{query}") as response:
                await problem(response, 422, "invalid_request")
        for cursor in ("nonsense", "", session_cursor(NOW, mint("sess"))):
            async with desk.client.get("/api/approvals", params={"cursor": cursor}) as response:
                await problem(response, 422, "invalid_cursor")
        for session_id, status, code in (
            ("undefined", 400, "invalid_session_id"), ("sess_1", 404, "session_not_found"),
        ):  # fmt: skip
            async with desk.client.get(f"/api/approvals?session_id={session_id}") as response:
                await problem(response, status, code)


async def test_a_decision_is_passed_on():
    async with gateway() as desk:
        row = approval(approval_id=APPROVAL_ID, status="approved", operator="Ann", comment="go", decided_at=NOW)
        asked = asked_of(desk, decide_approval=lambda _: row)
        path = f"/api/approvals/{APPROVAL_ID}"
        told = await ask(desk, "POST", path, json={"approve": True, "operator": " Ann ", "comment": " go "})
        assert told == msgspec.to_builtins(row)
        await ask(desk, "POST", path, json={"approve": False, "operator": "Ben", "comment": "  "})
        await ask(desk, "POST", path, json={"approve": False, "operator": "B" * 80, "comment": "x" * 1000})
        assert asked == [
            (APPROVAL_ID, DecideApproval(approve=True, operator="Ann", comment="go")),
            (APPROVAL_ID, DecideApproval(approve=False, operator="Ben")),
            (APPROVAL_ID, DecideApproval(approve=False, operator="B" * 80, comment="x" * 1000)),
        ]


@pytest.mark.parametrize(("body", "field"), [
    ({}, "approve"), ({"approve": True}, "operator"), ({"operator": "Ann"}, "approve"),
    ({"approve": "yes", "operator": "Ann"}, "approve"), ({"approve": 1, "operator": "Ann"}, "approve"),
    ({"approve": True, "operator": " "}, "operator"), ({"approve": True, "operator": "x" * 81}, "operator"),
    ({"approve": True, "operator": "a\nb"}, "operator"), ({"approve": True, "operator": None}, "operator"),
    ({**DECISION, "comment": "x" * 1001}, "comment"), ({**DECISION, "comment": "a\0b"}, "comment"),
    ({**DECISION, "comment": 5}, "comment"),
], ids=str)  # fmt: skip
async def test_decisions_that_are_refused(body, field):
    async with gateway() as desk:
        asked = asked_of(desk, decide_approval=lambda _: approval())
        async with desk.client.post(f"/api/approvals/{APPROVAL_ID}", json=body) as response:
            assert (await problem(response, 422, "invalid_request"))["errors"][0]["loc"] == ["body", field]
        assert asked == []


@pytest.mark.parametrize(("fault", "status"), [
    (NotFound("approval_not_found", "no such action"), 404), (Conflict("already_decided", "Ben has refused it"), 409),
    (Conflict("approval_expired", "nobody decided in time"), 409), (TimedOut("timed_out", "too slow"), 504),
], ids=["not found", "decided", "expired", "timed out"])  # fmt: skip
async def test_what_the_agent_says_of_a_decision_is_told(fault, status):
    async with gateway() as desk:
        desk.desk.faults["decide_approval"] = fault
        async with desk.client.post(f"/api/approvals/{APPROVAL_ID}", json=DECISION) as response:
            assert (await problem(response, status, fault.code))["detail"] == fault.detail


async def test_approvals_that_are_none():
    async with gateway() as desk:
        asked = asked_of(desk, decide_approval=lambda _: approval())
        for approval_id in (mint("sess"), "appr_1", "undefined", "*", "%3E", "a.b"):
            async with desk.client.post(f"/api/approvals/{approval_id}", json=DECISION) as response:
                await problem(response, 404, "approval_not_found")
        assert asked == []


# --- usage


def used(day, model, cost=0.25):
    return UsageRow(
        day=day,
        tenant="default",
        model=model,
        calls=2,
        failed=1,
        prompt_tokens=100,
        completion_tokens=10,
        cost_usd=cost,
    )


async def test_usage_is_summed_by_what_is_asked_for():
    async with gateway() as desk:
        rows = [used(date(2026, 5, 3), "b"), used(date(2026, 5, 4), "a"), used(date(2026, 5, 4), "b")]
        asked = asked_of(desk, usage=lambda _: UsageReport(rows))
        told = await ask(desk, "GET", "/api/usage?since=2026-05-01&until=2026-05-04&by=model")
        figures = {"calls": 2, "failed": 1, "prompt_tokens": 100, "completion_tokens": 10, "cost_usd": 0.25}
        assert told == {
            "since": "2026-05-01", "until": "2026-05-04", "by": ["model"],
            "rows": [{"model": "a", **figures}, {"model": "b", **{name: 2 * of for name, of in figures.items()}}],
            "total": {name: 3 * of for name, of in figures.items()},
        }  # fmt: skip
        assert asked == [("_", AskUsage(since=date(2026, 5, 1), until=date(2026, 5, 4)))]


async def test_usage_of_the_last_thirty_days_by_the_gateway_s_clock():
    async with gateway() as desk:
        asked = asked_of(desk, usage=lambda _: UsageReport([used(NOW.date(), "a")]))
        told = await ask(desk, "GET", "/api/usage")
        assert (told["since"], told["until"], told["by"]) == ("2026-04-05", "2026-05-04", ["day", "model"])
        assert [(row["day"], row["model"]) for row in told["rows"]] == [("2026-05-04", "a")]
        assert "tenant" not in told["rows"][0]
        assert asked == [("_", AskUsage(since=date(2026, 4, 5), until=date(2026, 5, 4)))]


async def test_a_year_of_usage_is_asked_for_in_pieces():
    async with gateway() as desk:
        asked = asked_of(desk, usage=lambda request: UsageReport([used(request.since, "a"), used(request.until, "a")]))
        told = await ask(desk, "GET", "/api/usage?since=2025-01-01&until=2025-12-31&by=tenant")
        assert len(asked) == 12
        assert (told["total"]["calls"], told["rows"][0]["tenant"]) == (48, "default")


@pytest.mark.parametrize(
    "query",
    ["by=week", "by=day,", "since=2026-05-05", "since=x", "until=2026-02-30", "since=2024-01-01&until=2025-01-01"],
)
async def test_usage_that_cannot_be_summed(query):
    async with gateway() as desk:
        asked = asked_of(desk, usage=lambda _: UsageReport([]))
        async with desk.client.get(f"/api/usage?{query}") as response:
            await problem(response, 422, "invalid_request")
        assert asked == []


# --- gaps


async def test_gaps_are_paged_by_an_offset():
    async with gateway() as desk:
        rows = [gap(number) for number in range(70)]
        asked = asked_of(desk, list_gaps=lambda each: GapPage(rows[each.offset : each.offset + each.limit], len(rows)))
        pages, totals = await followed(desk, "/api/knowledge/gaps?limit=60")
        assert [len(page) for page in pages] == [60, 10]
        assert [each for page in pages for each in page] == msgspec.to_builtins(rows)
        assert totals == ["70", "70"]
        assert [(each.offset, each.limit) for _, each in asked] == [(0, 25), (25, 25), (50, 10), (60, 25)]
        assert {key for key, _ in asked} == {"_"}
        assert len(await ask(desk, "GET", "/api/knowledge/gaps")) == 20
        assert await ask(desk, "GET", "/api/knowledge/gaps?offset=70") == []


async def test_gaps_that_cannot_be_listed():
    async with gateway() as desk:
        for query in ("limit=0", "limit=101", "offset=-1", "offset=x"):
            async with desk.client.get(f"/api/knowledge/gaps?{query}") as response:
                await problem(response, 422, "invalid_request")
        desk.desk.faults["list_gaps"] = TimedOut("timed_out", "too slow")
        async with desk.client.get("/api/knowledge/gaps") as response:
            await problem(response, 503, "knowledge_unavailable")


# --- what an answer tells of itself, and what is nobody's message


async def test_an_answer_s_metadata_is_told():
    facts = {"degraded": {"reason": "models_unavailable"}, "abstained": True, "error": {"code": "turn_failed"}}
    async with gateway() as desk:

        def answer(room):
            room.start()
            room.complete("I do not know.").metadata.update(facts)

        desk.desk.script = answer
        path = f"/api/chat/sessions/{await desk.session()}/messages"
        told = await ask(desk, "POST", path, json={"message": "Hi", "client_message_id": "c1"})
        again = await ask(desk, "POST", path, json={"message": "Hi", "client_message_id": "c1"})
        assert {name: again["metadata"][name] for name in facts} == facts
        assert {"message_count", "tools_used"} <= set(told["metadata"])


async def test_a_decision_s_message_is_shown_to_sockets_and_exported_as_the_system_s():
    async with gateway() as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        row = message(
            1, "system", "A colleague allowed the requested action: Refund an order.",
            metadata={"approval_id": APPROVAL_ID, "decision": "approved"},
        )  # fmt: skip
        async with desk.socket(session_id) as talk:
            await talk.until("connected")
            room.messages.append(row)
            room.happen(bus_map.MESSAGE_ADDED, bus_map.MESSAGE_ADDED.payload(row))
            assert (await talk.until("message_added"))["message"] == msgspec.to_builtins(row)
        async with desk.client.get(f"/api/sessions/{session_id}/export?format=markdown") as response:
            text = await response.text()
        assert "## 1. System, 2026-05-04 12:30:00 UTC\n\n> A colleague allowed the requested action" in text
