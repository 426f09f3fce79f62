"""What a client may send is what the settings say: both sides of each limit, and what holds where nothing is set."""

import io
import json

import pytest
from aiohttp import FormData

from libs.contracts.errors import Unavailable
from libs.runtime.ids import mint
from libs.runtime.settings import BadSettings, load
from services.gateway.domain.limits import Limits, size
from services.gateway.settings import Settings
from tests.integration.test_gateway_http import problem
from tests.unit.gateway.edge import gateway

LATER = {"Prefer": "respond-async"}
NAMES = ["MESSAGE_CHARACTERS", "FRAME_BYTES", "BODY_BYTES", "JSON_DEPTH", "FILES_PER_MESSAGE"]
PING = '{"type":"ping","id":"p","pad":"%s"}'


# --- the settings


def test_the_defaults_are_what_the_documentation_promises():
    usual = Limits(message_characters=4000, frame_bytes=65536, body_bytes=1048576, json_depth=32, files_per_message=5)
    assert Settings().limits == Limits() == usual


def test_each_limit_is_a_setting_of_its_own():
    settings = load(Settings, {f"DESKBUS_MAX_{name}": str(place) for place, name in enumerate(NAMES, 11)})
    assert settings.limits == Limits(
        message_characters=11, frame_bytes=12, body_bytes=13, json_depth=14, files_per_message=15
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_is_at_least_one(name):
    variable = f"DESKBUS_MAX_{name}"
    assert load(Settings, {variable: "1"})
    for text in ("0", "-1", "many", "1.5"):
        with pytest.raises(BadSettings, match=variable):
            load(Settings, {variable: text})


@pytest.mark.parametrize(
    ("count", "words"),
    [(2, "2 bytes"), (1023, "1023 bytes"), (1024, "1 KiB"), (1025, "1025 bytes"), (65536, "64 KiB"),
     (1048576, "1 MiB"), (1572864, "1536 KiB")],
)  # fmt: skip
def test_sizes_are_told_without_rounding(count, words):
    assert size(count) == words


# --- messages


@pytest.mark.parametrize("most", [7, 4000, 9000])
@pytest.mark.parametrize("kind", ["json", "urlencoded", "multipart"])
async def test_a_message_has_so_many_characters_over_http(most, kind):
    def options(text):
        if kind == "json":
            return {"json": {"message": text}}
        return {"data": FormData({"message": text}, default_to_multipart=kind == "multipart")}

    async with gateway(limits=Limits(message_characters=most)) as desk:
        path = f"/api/chat/sessions/{await desk.session()}/messages"
        async with desk.client.post(path, headers=LATER, **options(" " + "x" * most + " ")) as response:
            assert response.status == 202
        async with desk.client.post(path, headers=LATER, **options("x" * (most + 1))) as response:
            body = await problem(response, 422, "invalid_message")
            assert f"at most {most} characters" in body["detail"]


@pytest.mark.parametrize("most", [7, 4000, 9000])
async def test_a_message_has_so_many_characters_over_a_socket(most):
    async with gateway(limits=Limits(message_characters=most)) as desk, desk.socket(await desk.session()) as talk:
        await talk.socket.send_json({"type": "message", "content": " " + "x" * most + " "})
        await talk.until("acknowledged")
        await talk.socket.send_json({"type": "message", "content": "x" * (most + 1)})
        told = await talk.until("error")
        assert told["code"] == "invalid_message"
        assert f"at most {most} characters" in told["message"]


# --- frames, bodies, their depth


@pytest.mark.parametrize("most", [100, 65536, 200_000])
async def test_a_frame_has_so_many_bytes(most):
    async with gateway(limits=Limits(frame_bytes=most)) as desk, desk.socket(await desk.session()) as talk:
        fits = PING % ("x" * (most - len(PING % "")))
        assert len(fits) == most
        await talk.socket.send_str(fits)
        await talk.until("pong")
        await talk.socket.send_str(fits + " ")
        assert await talk.closed() == 1009


@pytest.mark.parametrize(
    ("most", "words"), [(100, "100 bytes"), (2048, "2 KiB"), (1048576, "1 MiB"), (2097152, "2 MiB")]
)
async def test_a_body_has_so_many_bytes(most, words):
    async with gateway(limits=Limits(body_bytes=most)) as desk:
        async with desk.client.post("/api/sessions", data=io.BytesIO(b"{}".ljust(most))) as response:
            assert response.status == 200
        async with desk.client.post("/api/sessions", data=io.BytesIO(b"{}".ljust(most + 1))) as response:
            assert words in (await problem(response, 413, "body_too_large"))["detail"]


async def test_a_form_without_files_has_so_many_bytes():
    async with gateway(limits=Limits(body_bytes=100)) as desk:
        path = f"/api/chat/sessions/{await desk.session()}/messages"
        for length, status in ((100, 202), (101, 413)):
            text = "x" * (length - len("message="))
            async with desk.client.post(path, headers=LATER, data={"message": text}) as response:
                assert response.status == status


async def test_files_have_a_limit_of_their_own():
    async with gateway(limits=Limits(body_bytes=10)) as desk:
        path = f"/api/chat/sessions/{await desk.session()}/messages"
        form = FormData({"message": "x" * 500}, default_to_multipart=True)
        async with desk.client.post(path, headers=LATER, data=form) as response:
            assert response.status == 202


@pytest.mark.parametrize("most", [3, 32, 64])
async def test_json_is_nested_so_deep(most):
    def nested(depth):
        return ('{"metadata":' + '{"a":' * (depth - 2) + "{}" + "}" * (depth - 1)).encode()

    async with gateway(limits=Limits(json_depth=most)) as desk:
        async with desk.client.post("/api/sessions", data=io.BytesIO(nested(most))) as response:
            assert response.status == 200
        async with desk.client.post("/api/sessions", data=io.BytesIO(nested(most + 1))) as response:
            assert f"{most} levels" in (await problem(response, 400, "json_too_deep"))["detail"]


# --- files of a message


@pytest.mark.parametrize("most", [1, 5, 8])
async def test_a_message_names_so_many_files(most):
    named = [mint("att") for _ in range(most + 1)]
    async with gateway(limits=Limits(files_per_message=most)) as desk:
        desk.desk.faults["resolve"] = Unavailable("attachments_unavailable", "asked for")
        session_id = await desk.session()
        path = f"/api/chat/sessions/{session_id}/messages"
        async with desk.client.post(path, json={"message": "Hi", "attachments": named[:most]}) as response:
            await problem(response, 503, "attachments_unavailable")
        async with desk.client.post(path, json={"message": "Hi", "attachment_ids": named}) as response:
            assert f"at most {most} a message" in (await problem(response, 422, "invalid_attachment"))["detail"]
        async with desk.socket(session_id) as talk:
            for ids, code in ((named[:most], "attachments_unavailable"), (named, "invalid_attachment")):
                await talk.socket.send_json({"type": "message", "content": "Hi", "attachment_ids": ids})
                assert (await talk.until("error"))["code"] == code


@pytest.mark.parametrize("most", [1, 5, 8])
async def test_a_message_brings_so_many_files(most):
    def form(files, named=0):
        data = FormData([("message", "Hi"), *(("attachment_ids", mint("att")) for _ in range(named))])
        for number in range(files):
            data.add_field("attachments", b"text", filename=f"{number}.txt", content_type="text/plain")
        return data

    async with gateway(limits=Limits(files_per_message=most)) as desk:
        for name in ("register", "discard"):
            desk.desk.faults[name] = Unavailable("attachments_unavailable", "asked for")
        path = f"/api/chat/sessions/{await desk.session()}/messages"
        async with desk.client.post(path, data=form(most)) as response:
            await problem(response, 503, "attachments_unavailable")
        for brought in (form(most + 1), form(1, named=most)):
            async with desk.client.post(path, data=brought) as response:
                assert f"at most {most} a message" in (await problem(response, 422, "invalid_attachment"))["detail"]


# --- what is told


@pytest.mark.parametrize("limits", [
    Limits(),
    Limits(message_characters=123, frame_bytes=2048, body_bytes=3072, json_depth=9, files_per_message=3),
], ids=["usual", "others"])  # fmt: skip
async def test_the_documents_tell_the_limits_in_force(limits):
    async with gateway(limits=limits) as desk:
        async with desk.client.get("/openapi.json") as response:
            openapi = await response.json()
        async with desk.client.get("/asyncapi.json") as response:
            asyncapi = await response.json()
    length = f"1 to {limits.message_characters} characters after trimming"
    schemas = openapi["components"]["schemas"]
    assert schemas["NewMessage"]["properties"]["message"]["description"] == length
    for document in (openapi, asyncapi):
        content = document["components"]["schemas"]["ClientMessage"]["properties"]["content"]
        assert content["description"] == length
    body = openapi["paths"]["/api/chat/sessions/{id}/messages"]["post"]["requestBody"]
    assert body["description"].startswith(
        f"As JSON at most {size(limits.body_bytes)}, nested at most {limits.json_depth} "
    )
    form = body["content"]["multipart/form-data"]["schema"]["properties"]
    assert form["attachments"]["maxItems"] == limits.files_per_message
    assert form["message"]["description"] == f"1 to {limits.message_characters} characters"
    assert "attachments" not in body["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    assert openapi["paths"]["/ws"]["get"]["x-frames"]["client_max_bytes"] == limits.frame_bytes
    if limits != Limits():
        del schemas["NewNote"]  # its limit is no setting
        assert "4000" not in json.dumps([openapi, asyncapi])
