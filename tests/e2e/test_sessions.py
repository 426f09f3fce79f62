"""Sessions over HTTP, black box: R01, R03, R04, R05, R18."""

import asyncio

import pytest

from tests.support.client import Client, assert_times_aware
from tests.support.system import System


async def test_r01_the_id_that_creation_gives_works_everywhere(client: Client) -> None:
    status, body, _ = await client.request("POST", "/api/sessions", json={"user_id": "u1"})
    assert status == 200
    assert "sessionId" not in body
    session_id = body["session_id"]
    assert (await client.history(session_id))["total"] == 0
    async with client.socket(session_id) as socket:
        assert socket.connected["session_id"] == session_id


@pytest.mark.parametrize("bad", ["undefined", "null", "NaN", "%20", "%20%20"])
async def test_r01_an_id_that_is_none_is_refused_and_creates_nothing(client: Client, bad: str) -> None:
    before = (await client.request("GET", "/api/sessions"))[2]["X-Total-Count"]
    for method, path in (
        ("GET", f"/api/sessions/{bad}"),
        ("GET", f"/api/chat/sessions/{bad}/messages"),
        ("POST", f"/api/chat/sessions/{bad}/messages"),
    ):
        status, body, _ = await client.request(method, path, json={"message": "hi"} if method == "POST" else None)
        assert (status, body["code"]) == (400, "invalid_session_id")
    async with client.http.ws_connect(f"{client.url.replace('http', 'ws')}/ws?session_id={bad}") as ws:
        frame = await ws.receive_json(timeout=5)
        assert (frame["type"], frame["code"]) == ("error", "invalid_session_id")
        await ws.receive(timeout=5)
        assert ws.close_code == 4001
    assert (await client.request("GET", "/api/sessions"))[2]["X-Total-Count"] == before


async def test_r01_an_unknown_session_is_told_with_advice(client: Client) -> None:
    for unknown in ("sess_01M7WFKX817W324VZC06MW7WMX", "nonsense", "sess_>", "a.b"):
        status, body, _ = await client.request("GET", f"/api/sessions/{unknown}")
        assert (status, body["code"]) == (404, "session_not_found")
        assert "POST /api/sessions" in body["detail"]
    async with client.http.ws_connect(f"{client.url.replace('http', 'ws')}/ws?session_id={unknown}") as ws:
        assert (await ws.receive_json(timeout=5))["code"] == "session_not_found"
        await ws.receive(timeout=5)
        assert ws.close_code == 4004


async def test_r03_many_concurrent_creates_all_succeed(client: Client) -> None:
    before = int((await client.request("GET", "/api/sessions"))[2]["X-Total-Count"])
    gate = asyncio.Semaphore(50)

    async def create(number: int) -> tuple[int, str]:
        async with gate:
            return number, await client.create(metadata={"number": number})

    async def metadata(session_id: str) -> object:
        async with gate:
            status, body, _ = await client.request("GET", f"/api/sessions/{session_id}")
            assert status == 200
            return body["metadata"]

    created = await asyncio.gather(*(create(number) for number in range(500)))
    assert len({session_id for _, session_id in created}) == 500
    found = await asyncio.gather(*(metadata(session_id) for _, session_id in created))
    assert found == [{"number": number} for number, _ in created]
    assert int((await client.request("GET", "/api/sessions"))[2]["X-Total-Count"]) == before + 500


METADATA = [
    {"source": "web", "language": "en"},
    {},
    {"nested": {"list": [1, 2.5, None, True], "deep": {"ü": "ß"}}},
    {"z": 1, "a": 2},
]


@pytest.mark.parametrize("field", ["metadata", "tool_metadata"])
@pytest.mark.parametrize("metadata", METADATA)
async def test_r04_metadata_is_taken_and_given_back(client: Client, field: str, metadata: dict[str, object]) -> None:
    status, body, _ = await client.request("POST", "/api/sessions", json={field: metadata})
    assert status == 200
    assert body["metadata"] == metadata
    assert list(body["metadata"]) == list(metadata)


@pytest.mark.parametrize("body", [None, {}, {"metadata": None}, {"surprise": 1}])
async def test_r04_metadata_may_be_absent(client: Client, body: object) -> None:
    status, session, _ = await client.request("POST", "/api/sessions", json=body)
    assert (status, session["metadata"]) == (200, {})


async def test_r04_metadata_has_a_limit_on_both_sides(client: Client) -> None:
    for size, expected in ((16 * 1024, 200), (16 * 1024 + 1, 422)):
        metadata = {"a": "x" * (size - len('{"a":""}'))}
        status, body, _ = await client.request("POST", "/api/sessions", json={"metadata": metadata})
        assert status == expected, body


async def test_r05_metadata_survives_every_way_of_reading(client: Client) -> None:
    metadata = {"plan": "gold", "tags": ["a", "b"]}
    session_id = await client.create(user_id="user_r05", metadata=metadata)
    async with Client.at(client.url) as another:
        status, one, _ = await another.request("GET", f"/api/sessions/{session_id}")
        assert (status, one["metadata"]) == (200, metadata)
        status, some, _ = await another.request("GET", "/api/sessions", params={"user_id": "user_r05"})
        assert (status, [session["metadata"] for session in some]) == (200, [metadata])
        path = f"/api/sessions/{session_id}/status"
        status, patched, _ = await another.request("PATCH", path, json={"status": "ended"})
        assert (status, patched["status"], patched["metadata"]) == (200, "ended", metadata)
        status, body, _ = await another.request("PATCH", path, params={"status": "active"})
        assert (status, body["code"]) == (409, "invalid_transition")
        assert (await another.request("GET", f"/api/sessions/{session_id}"))[1]["status"] == "ended"


async def test_r18_every_time_has_an_offset(client: Client) -> None:
    session_id = await client.create()
    status, answer, _ = await client.send(session_id, "How long does shipping take?")
    assert status == 200
    assert_times_aware(answer)
    assert_times_aware((await client.request("GET", f"/api/sessions/{session_id}"))[1])
    assert_times_aware(await client.history(session_id))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"limit": 1}, 200), ({"limit": 100}, 200), ({"limit": 0}, 422), ({"limit": 101}, 422), ({"offset": -1}, 422),
        ({"status": "asleep"}, 422), ({"limit": "many"}, 422),
    ],
)  # fmt: skip
async def test_the_list_keeps_its_bounds(client: Client, query: dict[str, str], expected: int) -> None:
    status, body, _ = await client.request("GET", "/api/sessions", params=query)
    assert status == expected
    if expected == 422:
        assert body["errors"][0]["loc"]


async def test_an_idempotency_key_gives_one_session(client: Client) -> None:
    headers = {"Idempotency-Key": "two-mounts-of-one-page"}
    answers = await asyncio.gather(
        *(client.request("POST", "/api/sessions", json={}, headers=headers) for _ in range(2))
    )
    assert len({body["session_id"] for _, body, _ in answers}) == 1


def test_nothing_of_this_is_logged_as_an_error(system: System) -> None:
    for name in ("gateway", "session"):
        assert '"level": "error"' not in system.log(name)
