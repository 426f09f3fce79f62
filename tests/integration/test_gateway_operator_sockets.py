"""Operators over a WebSocket: how they prove themselves, what they may say, what only they see."""

import asyncio
import base64
import re

import pytest

from services.gateway.domain.operators import OPERATOR_CHARACTERS
from tests.unit.gateway.edge import gateway

TOKEN = "s3cret-tøken"


def as_protocol(token):
    return "deskbus.token." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


WAYS = [
    {"headers": {"Authorization": f"Bearer {TOKEN}"}},
    {"headers": {"authorization": f"bearer {TOKEN}"}},
    {"headers": {"X-Admin-Token": TOKEN}},
    {"protocols": ["deskbus.v1", as_protocol(TOKEN)]},
    {"protocols": [as_protocol(TOKEN), "deskbus.v1"]},
]
WRONG = [
    {"headers": {"Authorization": "Bearer wrong"}},
    {"headers": {"Authorization": "Bearer "}},
    {"headers": {"X-Admin-Token": ""}},
    {"headers": {"X-Admin-Token": TOKEN + "x"}},
    {"headers": {"X-Admin-Token": "wrong", "Authorization": f"Bearer {TOKEN}"}},
    {"protocols": ["deskbus.v1", as_protocol("wrong")]},
    {"protocols": ["deskbus.v1", "deskbus.token."]},
    {"protocols": ["deskbus.v1", "deskbus.token.%%"]},
    {"protocols": ["deskbus.v1", "deskbus.token." + TOKEN.encode().hex()]},
]


@pytest.mark.parametrize("way", WAYS)
async def test_an_operator_is_known_by_the_admin_token(way):
    async with gateway(admin_token=TOKEN) as desk:
        session_id = await desk.session()
        desk.desk.rooms[session_id].take_over("Ann")
        async with (
            desk.socket(session_id, query={"operator": "Ann"}, **way) as ann,
            desk.socket(session_id) as customer,
        ):
            connected = await ann.until("connected")
            assert (connected["status"], connected["controller"]) == ("escalated", "operator")
            if "protocols" in way:
                assert ann.socket.protocol == "deskbus.v1"
            await customer.until("connected")
            await ann.socket.send_json({"type": "message", "content": "Hello", "client_message_id": "r1"})
            assert (await ann.until("acknowledged"))["client_message_id"] == "r1"
            message = (await customer.until("message_added"))["message"]
            assert (message["role"], message["metadata"]["operator"]) == ("operator", "Ann")


@pytest.mark.parametrize("way", WRONG)
async def test_a_wrong_credential_is_told_and_closed(way, caplog, capsys):
    async with gateway(admin_token=TOKEN) as desk:
        session_id = await desk.session()
        async with desk.socket(session_id, **way) as talk:
            assert await talk.closed() == 4401
            assert [frame["code"] for frame in talk.frames] == ["not_authenticated"]
        assert len(desk.connections) == 0
    logged = caplog.text + capsys.readouterr().out
    assert "deskbus.token" not in logged
    assert TOKEN not in logged


@pytest.mark.parametrize("way", [*WAYS, *WRONG])
async def test_without_an_admin_token_every_credential_is_refused(way):
    async with gateway() as desk, desk.socket(await desk.session(), **way) as talk:
        assert await talk.closed() == 4401
        assert [frame["code"] for frame in talk.frames] == ["not_authenticated"]


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_whoever_says_to_be_an_operator_must_prove_it(token):
    named = {"operator": "Ann"}
    async with gateway(admin_token=token) as desk, desk.socket(await desk.session(), query=named) as talk:
        assert await talk.closed() == 4401
        assert [frame["code"] for frame in talk.frames] == ["not_authenticated"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (None, "operator"), ("x", "x"), ("  Ann  ", "Ann"), ("ø" * OPERATOR_CHARACTERS, "ø" * OPERATOR_CHARACTERS),
        ("x" * (OPERATOR_CHARACTERS + 1), None), ("", None), (" ", None), ("a\nb", None), ("a\x00b", None),
    ],
)  # fmt: skip
async def test_an_operators_name_has_bounds(name, shown):
    async with gateway(admin_token=TOKEN) as desk:
        session_id = await desk.session()
        desk.desk.rooms[session_id].take_over(shown or "Ann")
        query = {} if name is None else {"operator": name}
        async with desk.socket(session_id, query=query, headers={"X-Admin-Token": TOKEN}) as talk:
            if shown is None:
                assert await talk.closed() == 4401
                assert [frame["code"] for frame in talk.frames] == ["not_authenticated"]
                return
            await talk.socket.send_json({"type": "message", "content": "Hello"})
            await talk.until("acknowledged")
        assert desk.desk.rooms[session_id].messages[-1].metadata == {"operator": shown}


async def test_a_credential_in_place_of_the_sub_protocol_is_refused_and_never_logged(caplog, capsys):
    async with gateway(admin_token=TOKEN) as desk:
        session_id = await desk.session()
        handshake = {
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": as_protocol(TOKEN),
        }  # fmt: skip
        async with desk.client.get(f"/ws?session_id={session_id}", headers=handshake) as answer:
            assert answer.status == 401
            assert (await answer.json())["code"] == "not_authenticated"
    logged = caplog.text + capsys.readouterr().out
    assert as_protocol(TOKEN) not in logged


async def test_other_credentials_are_none_of_ours():
    headers = {"Authorization": "Basic dXNlcjpwYXNz"}
    async with gateway(admin_token=TOKEN) as desk, desk.socket(await desk.session(), headers=headers) as talk:
        await talk.until("connected")


async def test_only_operators_see_notes_and_who_is_there():
    async with gateway(admin_token=TOKEN) as desk:
        session_id = await desk.session()
        room = desk.desk.rooms[session_id]
        operator = {"query": {"operator": "Ann"}, "headers": {"X-Admin-Token": TOKEN}}
        async with desk.socket(session_id) as customer, desk.socket(session_id, **operator) as ann:
            client_id = (await customer.until("connected"))["client_id"]
            own_id = (await ann.until("connected"))["client_id"]
            presence = await ann.until("presence")
            assert {each["client_id"]: each["role"] for each in presence["present"]} == {
                client_id: "user", own_id: "operator",
            }  # fmt: skip
            assert all(re.fullmatch(r"\S+Z", each["since"]) for each in presence["present"])
            room.note("careful")
            assert (await ann.until("note_added"))["note"]["content"] == "careful"
            await ann.socket.send_json({"type": "typing"})
            typing = await customer.until("user_typing")
            assert (typing["client_id"], typing["role"]) == (own_id, "operator")
            await customer.socket.close()
            assert len((await ann.until("presence"))["present"]) == 1
            assert customer.types == ["connected", "user_typing"]


async def test_customers_cannot_shut_an_operator_out():
    async with gateway(admin_token=TOKEN, most_per_session=1) as desk:
        session_id = await desk.session()
        async with desk.socket(session_id) as customer:
            await customer.until("connected")
            async with desk.socket(session_id, headers={"X-Admin-Token": TOKEN}) as ann:
                await ann.until("connected")
                async with desk.socket(session_id) as second:
                    assert await second.closed() == 4429
        await asyncio.sleep(0.05)
        assert desk.connections.of_session(session_id) == 0
        assert len(desk.connections) == 0
