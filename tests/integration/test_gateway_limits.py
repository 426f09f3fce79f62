"""How fast clients may come, how long they may take, and what every answer says about it."""

import asyncio
import json

import pytest

from services.gateway.domain.rates import Rate
from tests.integration.test_gateway_http import problem
from tests.unit.gateway.edge import gateway

SHOP = {"Origin": "https://shop.example"}


async def test_r29_a_client_that_is_too_fast_is_told_how_long_to_wait():
    async with gateway(request_rate=Rate(3, 60.0), cors_origins=["https://shop.example"]) as desk:
        for left in (2, 1, 0):
            async with desk.client.get("/api/sessions/null", headers=SHOP) as response:
                assert response.status == 400
                assert response.headers["X-RateLimit-Limit"] == "3"
                assert response.headers["X-RateLimit-Remaining"] == str(left)
                assert 0 < int(response.headers["X-RateLimit-Reset"]) <= 60
        for path in ("/api/sessions/null", "/nowhere", "/"):
            async with desk.client.get(path, headers=SHOP) as response:
                body = await problem(response, 429, "rate_limited")
                assert body["retryable"] is True
                assert 1 <= int(response.headers["Retry-After"]) <= 20
                assert response.headers["X-RateLimit-Remaining"] == "0"
                assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
                assert "X-RateLimit-Limit" in response.headers["Access-Control-Expose-Headers"]
        for _ in range(5):
            asked = SHOP | {"Access-Control-Request-Method": "POST"}
            async with desk.client.options("/api/sessions", headers=asked) as response:
                assert response.status == 204
                assert "X-RateLimit-Limit" not in response.headers
            for path in ("/health", "/health/live", "/health/ready"):
                async with desk.client.get(path) as response:
                    assert response.status == 200


async def test_clients_behind_a_trusted_proxy_are_told_apart():
    async with gateway(request_rate=Rate(1, 60.0), trusted_proxies=["127.0.0.1"]) as desk:
        for address, status in (("192.0.2.1", 200), ("192.0.2.2", 200), ("192.0.2.1", 429)):
            async with desk.client.get("/", headers={"X-Forwarded-For": address}) as response:
                assert response.status == status
    async with gateway(request_rate=Rate(1, 60.0)) as desk:
        for address, status in (("192.0.2.1", 200), ("192.0.2.2", 429)):
            async with desk.client.get("/", headers={"X-Forwarded-For": address}) as response:
                assert response.status == status


async def test_a_socket_too_many_in_a_short_time_is_told_on_the_socket():
    async with gateway(request_rate=Rate(2, 60.0)) as desk:
        session_id = await desk.session()
        async with desk.socket(session_id) as talk:
            await talk.until("connected")
        async with desk.socket(session_id) as talk:
            assert await talk.closed() == 4429
            assert [frame["code"] for frame in talk.frames] == ["rate_limited"]


async def test_messages_of_a_session_are_limited_over_both_transports_together():
    async with gateway(message_rate=Rate(3, 60.0)) as desk:
        session_id, other = await desk.session(), await desk.session()
        path = f"/api/chat/sessions/{session_id}/messages"
        later = {"Prefer": "respond-async"}
        async with desk.client.post(path, json={"message": "One"}, headers=later) as response:
            assert response.status == 202
        async with desk.socket(session_id) as talk:
            for number in range(4):
                await talk.socket.send_json(
                    {"type": "message", "content": str(number), "client_message_id": str(number)}
                )
            await talk.until("error")
            await talk.until("error")
            told = [frame for frame in talk.frames if frame["type"] == "error"]
            assert {(frame["code"], frame["retryable"]) for frame in told} == {("rate_limited", True)}
            await talk.socket.send_json({"type": "ping"})
            await talk.until("pong")
        async with desk.client.post(path, json={"message": "Two"}, headers=later) as response:
            await problem(response, 429, "rate_limited")
            assert int(response.headers["Retry-After"]) >= 1
        async with desk.client.post(
            f"/api/chat/sessions/{other}/messages", json={"message": "Hi"}, headers=later
        ) as response:
            assert response.status == 202
        assert len(desk.desk.rooms[session_id].messages) == 3


async def test_who_goes_on_and_on_is_let_go():
    async with gateway(message_rate=Rate(1, 600.0)) as desk, desk.socket(await desk.session()) as talk:
        await talk.until("connected")
        ended = asyncio.create_task(talk.closed())
        async with asyncio.timeout(15):
            while not ended.done():
                await talk.socket.send_json({"type": "message", "content": "Again"})
                await asyncio.sleep(0.25)
        assert ended.result() == 4429
        assert talk.frames[-1]["code"] == "rate_limited"


async def test_a_body_that_does_not_arrive_is_not_waited_for():
    async with gateway(body_s=0.2) as desk:
        server = desk.client.server
        reader, writer = await asyncio.open_connection(server.host, server.port)
        head = (
            "POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        writer.write(head.encode())
        answer = await asyncio.wait_for(reader.readuntil(b"}"), 3)
        writer.close()
        await writer.wait_closed()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"Connection: close" in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "body_timeout"


async def test_a_hub_lingers_for_the_next_message():
    async with gateway(linger_s=60.0) as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        desk.desk.script = lambda room: room.answer()
        for text in ("One", "Two", "Three"):
            async with desk.client.post(
                f"/api/chat/sessions/{session_id}/messages", json={"message": text}
            ) as response:
                assert response.status == 200
        assert room.asked_after == [None]
        assert len(room.followers) == 1
        assert len(desk.hubs) == 0
        async with desk.client.delete(f"/api/sessions/{session_id}") as response:
            assert response.status == 200
        async with desk.socket(session_id) as talk:
            assert await talk.closed() == 4004
        assert room.followers == []


async def test_lingering_hubs_are_bounded():
    async with gateway(linger_s=0.3) as desk:
        rooms = [desk.desk.rooms[await desk.session()] for _ in range(3)]
        for room in rooms:
            async with desk.socket(room.session_id) as talk:
                await talk.until("connected")
        async with asyncio.timeout(3):
            while any(room.followers for room in rooms):
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("debug", [True, False])
async def test_the_documents_are_there_in_debug_only(debug):
    async with gateway(debug=debug) as desk:
        for path in ("/docs", "/openapi.json", "/asyncapi.json"):
            async with desk.client.get(path) as response:
                assert response.status == (200 if debug else 404)
        if debug:
            async with desk.client.get("/docs") as response:
                assert "sha256-" in response.headers["Content-Security-Policy"]
                page = await response.text()
                assert "http://" not in page
                assert "https://" not in page
            async with desk.client.get("/asyncapi.json") as response:
                document = await response.json()
                assert {"Escalation", "Complete", "ClientFeedback"} <= document["components"]["schemas"].keys()


async def test_the_prefix_of_the_api_may_be_another():
    async with gateway(api="/support/v1") as desk:
        async with desk.client.post("/support/v1/sessions") as response:
            assert response.status == 404 or (await response.json())["session_id"]
        async with desk.client.get("/support/v1/sessions/null") as response:
            await problem(response, 400, "invalid_session_id")
        async with desk.client.get("/api/sessions/null") as response:
            await problem(response, 404, "not_found")
