"""What is said on the bus: the grammar, the map, and the samples that must decode for ever."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts import bus_map
from libs.contracts.channels import Event, Live, Rpc, encode, parse_subject
from libs.contracts.errors import FAMILIES, DeskError, Malformed, from_body
from libs.contracts.ids import is_id
from libs.contracts.streams import CONSUMERS, STREAMS

ROOT = Path(__file__).parents[2]
SAMPLES = Path(__file__).parent / "samples"
CHANNELS = {name: value for name, value in vars(bus_map).items() if isinstance(value, Rpc | Event | Live)}
TOKEN = st.text("abcXYZ019_-", min_size=1, max_size=12)


def test_the_map_is_one_screen() -> None:
    assert len(Path(bus_map.__file__).read_text().splitlines()) <= 120


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=list(CHANNELS))
def test_channel_names_follow_the_grammar(channel: Rpc | Event | Live) -> None:
    subject = parse_subject(channel.subject("acme", "sess_01"))
    assert (subject.kind, subject.owner, subject.name) == (channel.kind, channel.owner, channel.name)
    assert re.fullmatch(r"[a-z][a-z_]*", channel.name)


def test_channels_have_names_of_their_own() -> None:
    patterns = [channel.pattern() for channel in CHANNELS.values()]
    assert len(patterns) == len(set(patterns))


@given(tenant=TOKEN, key=TOKEN)
def test_subjects_come_apart_as_they_were_made(tenant: str, key: str) -> None:
    text = bus_map.POST_MESSAGE.subject(tenant, key)
    subject = parse_subject(text)
    assert (subject.tenant, subject.key, str(subject)) == (tenant, key, text)


@given(st.text().filter(lambda text: not re.fullmatch(r"[A-Za-z0-9_-]+", text)))
def test_nothing_unsafe_reaches_a_subject(text: str) -> None:
    with pytest.raises(Malformed):
        bus_map.POST_MESSAGE.subject("default", text)
    with pytest.raises(Malformed):
        bus_map.POST_MESSAGE.subject(text, "sess_1")


@given(st.text())
def test_parsing_a_subject_never_crashes(text: str) -> None:
    try:
        assert str(parse_subject(text)) == text
    except Malformed:
        pass


def test_each_rpc_is_answered_by_its_owner_only() -> None:
    for name, channel in CHANNELS.items():
        for service in ("gateway", "session", "agent", "knowledge", "attachments"):
            for path in (ROOT / "services" / service).rglob("*.py"):
                if re.search(rf"\.serve\(\s*(bus_map\.)?{name}\b", path.read_text()):
                    assert service == channel.owner, f"{path} answers {name}"


@pytest.mark.parametrize("name", [name for name, channel in CHANNELS.items() if isinstance(channel, Rpc)])
def test_each_rpc_is_answered_by_somebody(name: str) -> None:
    folder = ROOT / "services" / CHANNELS[name].owner
    assert any(re.search(rf"\b{name}\b", path.read_text()) for path in folder.rglob("*.py"))


@pytest.mark.parametrize("name", list(CHANNELS))
def test_golden_samples_decode(name: str) -> None:
    channel = CHANNELS[name]
    decoders = (
        {"request": channel.decode_request, "response": channel.decode_response}
        if isinstance(channel, Rpc)
        else {"payload": channel.decode}
    )
    for part, decode in decoders.items():
        sample = SAMPLES / f"{channel.kind}.{channel.owner}.{channel.name}.v{channel.version}.{part}.json"
        value = decode(sample.read_bytes())
        # an old sample has at least the fields that it had: none may vanish from what we write
        assert set(msgspec.json.decode(sample.read_bytes())) <= set(msgspec.json.decode(encode(value)))


def test_unknown_fields_are_ignored_and_wrong_types_refused() -> None:
    assert bus_map.GET_SESSION.decode_request(b'{"surprise": 1}') is not None
    with pytest.raises(msgspec.ValidationError):
        bus_map.POST_MESSAGE.decode_request(b'{"message_id": 1, "client_message_id": "a", "content": "b"}')


@pytest.mark.parametrize("family", FAMILIES.values())
def test_errors_survive_the_wire(family: type[DeskError]) -> None:
    error = family("some_code", "What to do next")
    again = from_body(msgspec.json.decode(msgspec.json.encode(error.body()), type=type(error.body())))
    assert type(again) is family
    assert (again.code, again.detail, again.retryable) == (error.code, error.detail, error.retryable)


def test_streams_are_bounded() -> None:
    assert all(stream.max_age_s > 0 and stream.max_bytes > 0 for stream in STREAMS)
    assert len({consumer.durable for consumer in CONSUMERS}) == len(CONSUMERS)


def test_ids() -> None:
    assert is_id("sess", "sess_01M7WFKX817W324VZC06MW7WMX")
    for bad in (
        "",
        "sess_",
        "undefined",
        "msg_01M7WFKX817W324VZC06MW7WMX",
        "sess_01M7WFKX817W324VZC06MW7WM.",
        "sess_>",
    ):
        assert not is_id("sess", bad)
