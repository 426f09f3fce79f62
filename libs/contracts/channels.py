"""Channels: what may be said on the bus, and the grammar of its subjects.

A subject always has seven tokens, `desk.<kind>.<owner>.<name>.v<n>.<tenant>.<key>`: the kind says how it is
delivered, the owner who answers for it, the key which conversation or thing it is about.

| kind | says                         | delivered                                                       |
|------|------------------------------|-----------------------------------------------------------------|
| rpc  | do or tell me now, I wait    | core request, queue group of the owner, with a deadline         |
| evt  | this happened                | JetStream, from the owner's event log: at least once, in order  |
| live | look, it is happening        | core publish, best effort                                       |
"""

from typing import Generic, Literal, Protocol, TypeVar, get_args

import msgspec

from .errors import Malformed
from .ids import is_token

Kind = Literal["rpc", "evt", "live"]
Req = TypeVar("Req")
Res = TypeVar("Res")
Payload = TypeVar("Payload")

ROOT = "desk"
NO_KEY = "_"
_TOKENS = 7
_encoder = msgspec.json.Encoder()


class Subject(msgspec.Struct, frozen=True):
    """A subject taken apart."""

    kind: Kind
    owner: str
    name: str
    version: int
    tenant: str
    key: str

    def __str__(self) -> str:
        return f"{ROOT}.{self.kind}.{self.owner}.{self.name}.v{self.version}.{self.tenant}.{self.key}"


def parse_subject(text: str) -> Subject:
    """Take a subject apart.

    Raises:
        Malformed: it does not follow the grammar.
    """
    tokens = text.split(".")
    well_formed = (
        len(tokens) == _TOKENS
        and tokens[0] == ROOT
        and tokens[1] in get_args(Kind)
        and tokens[4][:1] == "v"
        and tokens[4][1:].isdecimal()
        and all(map(is_token, tokens))
    )
    if not well_formed:
        raise Malformed("bad_subject", "the subject is not of the form desk.<kind>.<owner>.<name>.v<n>.<tenant>.<key>")
    _, kind, owner, name, version, tenant, key = tokens
    return Subject(msgspec.convert(kind, Kind), owner, name, int(version[1:]), tenant, key)


class _Channel:
    """What all channels have: a kind, an owner, a name, a version, and the subjects that follow from them."""

    kind: Kind

    def __init__(self, owner: str, name: str, version: int) -> None:
        self.owner = owner
        self.name = name
        self.version = version
        self._head = f"{ROOT}.{self.kind}.{owner}.{name}.v{version}"

    def __repr__(self) -> str:
        return f"<{self._head}>"

    def subject(self, tenant: str, key: str = NO_KEY) -> str:
        """Give the subject to publish on.

        Raises:
            Malformed: tenant or key could not stand in a subject.
        """
        if not (is_token(tenant) and is_token(key)):
            raise Malformed("bad_subject", "tenant and key may hold only letters, digits, '_' and '-'")
        return f"{self._head}.{tenant}.{key}"

    def pattern(self, tenant: str = "*", key: str = "*") -> str:
        """Give the subject to subscribe to; `*` stands for any."""
        return f"{self._head}.{tenant}.{key}"


class Rpc(_Channel, Generic[Req, Res]):
    """A question or command that somebody waits for.

    Args:
        timeout: seconds that a caller waits where nothing shorter was asked for.
        retry_safe: whether sending it twice does what sending it once does, so that the bus may send it again
            when a process died before it answered.
        quiet: asked so often that only its failures are worth a log line.
    """

    kind = "rpc"

    def __init__(
        self,
        owner: str,
        name: str,
        request: type[Req],
        response: type[Res],
        *,
        version: int = 1,
        timeout: float = 5.0,
        retry_safe: bool = True,
        quiet: bool = False,
    ) -> None:
        super().__init__(owner, name, version)
        self.request = request
        self.response = response
        self.timeout = timeout
        self.retry_safe = retry_safe
        self.quiet = quiet
        self._requests = msgspec.json.Decoder(request)
        self._responses = msgspec.json.Decoder(response)

    def decode_request(self, data: bytes) -> Req:
        """Read a request; unknown fields are ignored, wrong types raise `msgspec.ValidationError`."""
        return self._requests.decode(data)

    def decode_response(self, data: bytes) -> Res:
        """Read a response; unknown fields are ignored, wrong types raise `msgspec.ValidationError`."""
        return self._responses.decode(data)


class _Published(_Channel, Generic[Payload]):
    """A channel that carries one payload type one way."""

    def __init__(self, owner: str, name: str, payload: type[Payload], *, version: int = 1) -> None:
        super().__init__(owner, name, version)
        self.payload = payload
        self._payloads = msgspec.json.Decoder(payload)

    def decode(self, data: bytes) -> Payload:
        """Read a payload; unknown fields are ignored, wrong types raise `msgspec.ValidationError`."""
        return self._payloads.decode(data)


class Event(_Published[Payload]):
    """Something that happened, from its owner's event log."""

    kind = "evt"


class Live(_Published[Payload]):
    """Something that is happening, told once and not kept."""

    kind = "live"


def encode(payload: object) -> bytes:
    """Write a payload as JSON."""
    return _encoder.encode(payload)


class Caller(Protocol):
    """The verb by which a core asks another service."""

    async def call(
        self, channel: Rpc[Req, Res], request: Req, *, tenant: str, key: str = NO_KEY, timeout: float | None = None
    ) -> Res:
        """Ask and wait for the answer.

        Raises:
            DeskError: what the other side answered; `Unavailable` where nobody answers, `TimedOut` when it takes
                longer than `timeout` seconds (the channel's own by default).
        """
        ...


class Announcer(Protocol):
    """The verb by which a core lets others watch."""

    async def announce(self, channel: Live[Payload], payload: Payload, *, tenant: str, key: str = NO_KEY) -> None:
        """Tell whoever listens; lost where nobody does. Never raises for a broker that is away."""
        ...
