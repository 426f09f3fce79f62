"""Lists, black box: pages by cursor are disjoint and complete whatever happens meanwhile, on any replica."""

import asyncio
import re
from typing import Any

import asyncpg
import pytest

from libs.runtime.ids import mint
from tests.e2e.test_contract import another_gateway
from tests.support.client import Client
from tests.support.system import System

NEXT = re.compile(r'<([^>]+)>; rel="next"')


async def page(client: Client, path: str, **query: Any) -> tuple[Any, str | None, int]:
    """Read a page; give its items, where the next one is, and how many there are in all."""
    status, body, headers = await client.request("GET", path, params=query or None)
    assert status == 200, body
    found = NEXT.fullmatch(headers.get("Link", ""))
    return body, found[1] if found else None, int(headers.get("X-Total-Count", -1))


async def everything(client: Client, path: str | None, **query: Any) -> list[str]:
    seen: list[str] = []
    while path:
        rows, path, _ = await page(client, path, **query)
        query = {}
        seen += [row["session_id"] for row in rows]
    return seen


async def test_pages_stay_disjoint_and_complete_while_sessions_are_opened(client: Client) -> None:
    before = [await client.create(user_id="lists") for _ in range(30)]
    going = True

    async def open_more() -> int:
        count = 0
        while going:
            await client.create(user_id="lists")
            count += 1
        return count

    opening = [asyncio.create_task(open_more()) for _ in range(3)]
    seen = [await everything(client, "/api/sessions", user_id="lists", limit=3) for _ in range(3)]
    going = False
    opened = sum(await asyncio.gather(*opening))
    assert opened > 10
    for rows in seen:
        assert len(rows) == len(set(rows))
        assert [row for row in rows if row in before] == before[::-1]
    assert len(await everything(client, "/api/sessions", user_id="lists", limit=100)) == 30 + opened


async def test_sessions_of_one_moment_are_told_apart(client: Client, system: System) -> None:
    made = [await client.create(user_id="moment") for _ in range(9)]
    connection = await asyncpg.connect(system.environment["DESKBUS_DATABASE_URL"])
    try:
        await connection.execute("update session.sessions set created_at = now() where id = any($1)", made)
    finally:
        await connection.close()
    assert sorted(await everything(client, "/api/sessions", user_id="moment", limit=2)) == sorted(made)


async def test_a_deleted_session_is_no_stumbling_block(client: Client) -> None:
    made = [await client.create(user_id="gone") for _ in range(6)]
    rows, path, total = await page(client, "/api/sessions", user_id="gone", limit=2)
    assert ([row["session_id"] for row in rows], total) == (made[:3:-1], 6)
    assert path
    await client.request("DELETE", f"/api/sessions/{made[4]}")  # the one that the cursor stands on
    assert await everything(client, path) == made[3::-1]


async def test_a_cursor_holds_on_every_replica(client: Client, system: System) -> None:
    made = [await client.create(user_id="replicas") for _ in range(4)]
    _, path, _ = await page(client, "/api/sessions", user_id="replicas", limit=2)
    with another_gateway(system) as url:
        async with Client.at(url) as other:
            rows, last, _ = await page(other, str(path))
    assert ([row["session_id"] for row in rows], last) == (made[1::-1], None)


async def test_filters_hold_on_every_page(client: Client) -> None:
    made = [await client.create(user_id="filters") for _ in range(6)]
    for session_id in made[::2]:
        await client.request("PATCH", f"/api/sessions/{session_id}/status", json={"status": "ended"})
    assert await everything(client, "/api/sessions", user_id="filters", status="ended", limit=1) == made[::2][::-1]


async def test_a_page_of_sessions_with_much_metadata_comes_whole(client: Client) -> None:
    metadata = {"a": "x" * 16_000}
    gate = asyncio.Semaphore(20)

    async def create() -> str:
        async with gate:
            return await client.create(user_id="heavy", metadata=metadata)

    made = await asyncio.gather(*(create() for _ in range(101)))
    rows, path, total = await page(client, "/api/sessions", user_id="heavy", limit=100)
    assert (len(rows), total, {len(row["metadata"]["a"]) for row in rows}) == (100, 101, {16_000})
    last, path, _ = await page(client, str(path))
    assert {row["session_id"] for row in rows + last} == set(made)
    assert path is None
    some, path, _ = await page(client, "/api/sessions", user_id="heavy", limit=60, offset=41)
    assert ([row["session_id"] for row in some], path) == ([row["session_id"] for row in (rows + last)[41:]], None)


async def test_who_pages_by_offset_goes_on_by_offset(client: Client) -> None:
    for _ in range(3):
        await client.create(user_id="offsets")
    _, path, total = await page(client, "/api/sessions", user_id="offsets", limit=2, offset=0)
    assert (total, path is not None and "offset=2" in path and "cursor" not in path) == (3, True)
    rows, path, _ = await page(client, str(path))
    assert (len(rows), path) == (1, None)


async def test_cursors_that_are_none(client: Client) -> None:
    session_id = await client.create(user_id="cursors")
    await client.create(user_id="cursors")
    _, path, _ = await page(client, "/api/sessions", user_id="cursors", limit=1)
    good = str(path).partition("cursor=")[2].partition("&")[0]
    for cursor in ("", "x", good[:-1], good + "A", good[::-1], session_id, mint("sess"), "a" * 3000, "%00", "é"):
        status, body, _ = await client.request("GET", "/api/sessions", params={"cursor": cursor})
        assert (status, body["code"]) == (422, "invalid_cursor"), cursor
        status, body, _ = await client.request("GET", "/api/escalations", params={"cursor": cursor})
        assert (status, body["code"]) == (422, "invalid_cursor"), cursor
    status, body, _ = await client.request("GET", "/api/escalations", params={"cursor": good})
    assert (status, body["code"]) == (422, "invalid_cursor")
    for offset, expected in ((0, 200), (1, 422)):
        status, body, _ = await client.request("GET", "/api/sessions", params={"cursor": good, "offset": offset})
        assert status == expected


# --- the history


@pytest.fixture
async def talk(client: Client) -> str:
    """A session with 25 messages."""
    session_id = await client.create()
    await client.request("PATCH", f"/api/sessions/{session_id}/status", json={"status": "escalated"})
    for number in range(25):
        assert (await client.send(session_id, f"message {number}"))[0] == 200
    return session_id


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 10, 25, 200])
async def test_the_history_is_followed_by_its_links(client: Client, talk: str, order: str, limit: int) -> None:
    path: str | None = f"/api/chat/sessions/{talk}/messages?order={order}&limit={limit}"
    seqs: list[int] = []
    while path:
        body, path, _ = await page(client, path)
        assert body["total"] == 25 - len(seqs)
        seqs += [message["seq"] for message in body["messages"]]
    assert seqs == sorted(range(1, 26), reverse=order == "desc")


async def test_what_stands_above_is_the_same_whatever_is_added_below(client: Client, talk: str) -> None:
    newest = await client.history(talk, order="desc", limit=10)
    top = newest["messages"][-1]["seq"]
    assert top == 16
    await client.send(talk, "one more")
    above = await client.history(talk, order="desc", limit=10, before_seq=top)
    assert [message["seq"] for message in above["messages"]] == list(range(15, 5, -1))
    assert above["total"] == 15
    assert (await client.history(talk, before_seq=1))["messages"] == []
    between = await client.history(talk, after_seq=3, before_seq=6)
    assert ([message["seq"] for message in between["messages"]], between["total"]) == ([4, 5], 2)


@pytest.mark.parametrize("query", ["before_seq=-1", "before_seq=x", "before_seq=2147483648", "after_seq=-1"])
async def test_the_history_keeps_its_bounds(client: Client, query: str) -> None:
    session_id = await client.create()
    status, body, _ = await client.request("GET", f"/api/chat/sessions/{session_id}/messages?{query}")
    assert (status, body["code"]) == (422, "invalid_request")
    assert (await client.history(session_id, before_seq=0, after_seq=2**31 - 1))["messages"] == []
