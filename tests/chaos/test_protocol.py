"""The socket protocol under garbage: every frame is answered or closed as documented, and nobody else notices."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.gateway.domain.rates import FRAMES_A_SECOND, FRAMES_AT_ONCE
from tests.support.client import Client, Socket

from .stage import Stage
from .wire import BINARY, CLOSE, CONTINUATION, PING, PONG, Closed, Wire, frame

# What may end a socket: docs/api.md, and what RFC 6455 (section 7.4.1) has for a peer that breaks its rules.
DOCUMENTED = {4001, 4004, 4403, 4408, 4409, 4429, 1009, 1011, 1012, 1013}
OF_THE_PROTOCOL = {1000, 1002, 1003, 1007}
PATIENCE_S = 8.0
EXAMPLES = 60
REPLIES = {"error", "acknowledged", "pong", "cancelled"}
SILENT = re.compile(rb'"type":"(typing|cancel)"')  # where all is well with them nothing is said

NESTED = "[" * 5_000 + "]" * 5_000
CORPUS: list[bytes] = [
    b"", b" ", b"null", b"0", b'""', b"[]", b"{}", b"{", b"}", b"nan", b"NaN", b"Infinity", b"-1e999", b"\0", b"\xff\xfe",
    b"\xef\xbb\xbf{}", b"\xed\xa0\x80", b'{"type":"\xff"}', b'{"type":"message","content":"\xed\xa0\x80"}',
    b'{"type":"message","content":"\\ud800"}', b'{"type":"message","content":"\\u0000"}', b'{"type":"message"}',
    b'{"type":"message","content":""}', b'{"type":"message","content":"   "}', b'{"type":"message","content":null}',
    b'{"type":"message","content":7}', b'{"type":"message","content":["a"]}', b'{"type":"message","content":{"a":1}}',
    b'{"type":"message","content":"a","client_message_id":7}', b'{"type":"message","content":"a","client_message_id":""}',
    b'{"type":"message","content":"a","client_message_id":"' + b"x" * 5_000 + b'"}',
    b'{"type":"message","content":"' + b"x" * 4_001 + b'"}', b'{"type":"message","content":"a","attachments":"../../etc"}',
    b'{"type":"message","content":"a","attachments":["../../etc/passwd"]}',
    b'{"type":"message","content":"a","attachment_ids":[1,2]}', b'{"type":"message","content":NaN}',
    b'{"type":"ping","id":NaN}', b'{"type":"ping","id":1e400}', b'{"type":"ping","id":' + b"9" * 400 + b"}",
    b'{"type":"ping","id":"\\udfff"}', b'{"type":"ping","id":{}}', b'{"type":"ping","type":"message"}',
    b'{"type":"message","type":"ping"}', b'{"type":"pong"}', b'{"type":null}', b'{"type":["message"]}', b'{"type":""}',
    b'{"type":"complete","turn_id":"turn_1"}', b'{"type":"acknowledged"}', b'{"type":"__proto__"}', b'{"type":"cancel"}',
    b'{"type":"cancel","turn_id":"turn_nobody"}', b'{"type":"cancel","turn_id":7}', b'{"type":"typing"}',
    b'{"type":"typing","isTyping":"yes"}', b'{"type":"typing","isTyping":true,"is_typing":false}',
    b'{"type":"feedback"}', b'{"type":"feedback","message_id":"msg_nobody","rating":"up"}',
    b'{"type":"feedback","message_id":"msg_nobody","rating":"sideways"}',
    b'{"type":"feedback","message_id":"' + b"m" * 9_000 + b'","rating":"down","comment":"c"}',
    b'{"type":"ping","deep":' + NESTED.encode() + b"}", NESTED.encode(), b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    b'{"type":"message","role":"operator","operator":"me","content":"I am staff [tokens=1]"}',
    b'{"type":"note","content":"private"}', b'{"type":"takeover"}', b"'" * 100, b'{"type":"ping"}{"type":"ping"}',
]  # fmt: skip

KINDS = ["message", "ping", "feedback", "typing", "cancel", "pong", "start", "", "MESSAGE", 0, None]
FIELDS = ["content", "client_message_id", "attachments", "attachment_ids", "id", "message_id", "rating", "comment",
          "turn_id", "isTyping", "is_typing", "cursor", "role"]  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.just("x" * 4_100),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.builds(
    lambda kind, fields: json.dumps({"type": kind, **fields}).encode("utf-8", "surrogatepass"),
    st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4),
)  # fmt: skip
PAYLOADS = (
    st.sampled_from(CORPUS)
    | OBJECTS
    | st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
# What keeps to RFC 6455, so that the socket must stay open, whatever is in it.
POLITE = st.one_of(
    PAYLOADS.map(frame),
    PAYLOADS.map(lambda data: frame(data, BINARY)),
    PAYLOADS.map(lambda data: frame(data[:1], final=False) + frame(b"", PING) + frame(data[1:], CONTINUATION)),
    st.binary(max_size=125).map(lambda data: frame(data, PING)),
    st.binary(max_size=125).map(lambda data: frame(data, PONG)),
)
# What breaks it, so that the socket may be closed.
RUDE = st.one_of(
    PAYLOADS.map(lambda data: frame(data, CONTINUATION)),
    PAYLOADS.map(lambda data: frame(data, final=False) + frame(data)),
    PAYLOADS.map(lambda data: frame(data, masked=False)),
    st.tuples(PAYLOADS, st.integers(1, 7)).map(lambda made: frame(made[0], reserved=made[1])),
    st.tuples(PAYLOADS, st.sampled_from([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])).map(lambda made: frame(*made)),
    st.binary(min_size=126, max_size=200).map(lambda data: frame(data, PING)),
    st.binary(max_size=4).map(lambda data: frame(data, CLOSE)),
    st.just(frame(b"x" * 70_000)),
    st.just(frame(b"x", PING, final=False)),
    st.just(b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"),
    st.binary(min_size=1, max_size=60),
)


@pytest.fixture
async def client(stage: Stage) -> AsyncIterator[Client]:
    async with Client.at(stage.url) as opened:
        yield opened


@pytest.fixture(autouse=True)
def nothing_unexpected(stage: Stage) -> Iterator[None]:
    """No service logs a fault of its own, whatever it was sent."""
    before = len(stage.complaints())
    yield
    assert stage.complaints()[before:] == []


async def answers_to(wire: Wire, name: str) -> list[dict[str, Any]]:
    """Read until the socket answers to a ping of this name.

    Raises:
        Closed: it is closed before.
    """
    frames: list[dict[str, Any]] = []
    await wire.say(type="ping", id=name)
    async with asyncio.timeout(PATIENCE_S):
        while not frames or (frames[-1]["type"], frames[-1].get("id")) != ("pong", name):
            frames.append(await wire.read_json())
    return frames


def assert_sound(frames: list[dict[str, Any]]) -> None:
    for told in frames:
        assert isinstance(told["type"], str)
        if told["type"] == "error":
            assert told["code"] != "internal", told
            assert told["message"]


async def try_all(pieces: st.SearchStrategy[list[bytes]], attempt: Callable[[list[bytes]], Awaitable[None]]) -> None:
    """Draw examples, and try each in this event loop."""
    loop = asyncio.get_running_loop()

    # What fails is printed as it is: to shrink it would take longer than to read it.
    @settings(
        max_examples=EXAMPLES, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        database=None,
    )  # fmt: skip
    @given(pieces)
    def each(drawn: list[bytes]) -> None:
        asyncio.run_coroutine_threadsafe(attempt(drawn), loop).result(60)

    await asyncio.to_thread(each)


async def alive(bystander: Socket) -> None:
    await bystander.ws.send_json({"type": "ping", "id": "b"})
    await bystander.until("pong", PATIENCE_S)


async def ask(wire: Wire, own_id: str) -> None:
    """Talk sense on a socket that has seen nonsense."""
    await wire.say(type="message", content="and you? [tokens=3]", client_message_id=own_id)
    seq = 0
    while not seq:
        told = await wire.read_json()
        seq = told["seq"] if told.get("client_message_id") == own_id else 0
    while told["type"] != "complete" or told["message"]["seq"] <= seq:
        told = await wire.read_json()


async def test_each_frame_of_the_corpus_is_answered_and_the_socket_stays_open(stage: Stage, client: Client) -> None:
    async with client.socket(await client.create()) as bystander, Wire.to(stage.url, await client.create()) as wire:
        for number, data in enumerate(CORPUS):
            await wire.send(frame(data))
            frames = await answers_to(wire, f"after {number}")
            # What asks others is answered when they have answered.
            while not {told["type"] for told in frames[:-1]} & REPLIES and not SILENT.search(data):
                async with asyncio.timeout(PATIENCE_S):
                    frames.insert(0, await wire.read_json())
            assert_sound(frames)
        async with asyncio.timeout(PATIENCE_S):
            await ask(wire, "sane")
        await bystander.ask("are you all right? [tokens=3]")


async def test_whatever_is_well_framed_leaves_the_socket_open(stage: Stage, client: Client) -> None:
    session_id = await client.create()
    async with client.socket(await client.create()) as bystander:

        async def attempt(pieces: list[bytes]) -> None:
            async with Wire.to(stage.url, session_id) as wire:
                for piece in pieces:
                    await wire.send(piece)
                assert_sound(await answers_to(wire, "still there?"))
                await alive(bystander)

        await try_all(st.lists(POLITE, min_size=1, max_size=12), attempt)
        await bystander.ask("are you all right? [tokens=3]")


async def test_whatever_breaks_the_framing_ends_that_socket_alone(stage: Stage, client: Client) -> None:
    session_id = await client.create()
    async with client.socket(await client.create()) as bystander:

        async def attempt(pieces: list[bytes]) -> None:
            async with Wire.to(stage.url, session_id) as wire:
                for piece in pieces:
                    await wire.send(piece)
                await wire.say(type="ping", id="still there?")
                # A frame that announces more than it brings takes all that follows for its own, up to the end.
                wire.finish()
                with pytest.raises(Closed) as end:
                    async with asyncio.timeout(PATIENCE_S):
                        while True:
                            assert_sound([await wire.read_json()])
                assert end.value.code in {None, *DOCUMENTED, *OF_THE_PROTOCOL}
                await alive(bystander)

        await try_all(st.lists(POLITE | RUDE, min_size=1, max_size=8), attempt)
        await bystander.ask("are you all right? [tokens=3]")
    async with client.socket(session_id) as afterwards:
        await afterwards.ask("and here? [tokens=3]")


async def test_a_flood_waits_on_its_own_socket_and_on_no_other(stage: Stage, client: Client) -> None:
    clock = asyncio.get_running_loop().time
    bursts, extra = FRAMES_AT_ONCE, 2 * FRAMES_A_SECOND
    async with client.socket(await client.create()) as bystander, Wire.to(stage.url, await client.create()) as wire:
        began = clock()
        # As frames of ours, and as pings of the protocol.
        await wire.send(frame(b'{"type":"ping","id":"f"}') * (bursts // 2) + frame(b"", PING) * (bursts // 2 + extra))
        asked = clock()
        await alive(bystander)
        assert clock() - asked < 1.0
        await answers_to(wire, "last")
        assert 0.9 * extra / FRAMES_A_SECOND <= clock() - began < PATIENCE_S
