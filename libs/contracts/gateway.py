"""What gateways tell each other about the people who are connected to a session."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

ClientRole = Literal["user", "operator"]


class Typing(Struct, frozen=True, kw_only=True):
    """Somebody is writing, or has stopped; void after some seconds without a further word."""

    client_id: str
    role: ClientRole
    is_typing: bool


class Present(Struct, frozen=True, kw_only=True):
    """One connected client."""

    client_id: str
    role: ClientRole
    since: datetime


class Presence(Struct, frozen=True, kw_only=True):
    """Who is connected to a session at one gateway.

    Attributes:
        gateway_id: the gateway's instance.
        present: its clients of the session.
        asking: whether the other gateways are asked to say the same.
    """

    gateway_id: str
    present: list[Present]
    asking: bool = False
