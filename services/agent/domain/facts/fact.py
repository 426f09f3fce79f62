"""One fact, its label, and what follows from it: its kind, how much it matters, whose it is."""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from libs.contracts.agent import MemoryKind

# Whose a fact is: `user` is known in all sessions of the user, `session` in this one only.
Scope = Literal["user", "session"]
# Where in a text a fact stands, its label and its value.
Span: TypeAlias = tuple[tuple[int, int], str, str]
# Characters of a value; what is longer is no fact.
LONGEST_VALUE = 200


class Trait(Struct, frozen=True, kw_only=True):
    """What is so for all facts of a label.

    Attributes:
        importance: 0..1, of a fact that was used just now.
        name: in an answer, behind "your".
        single: whether a customer has one of it, so that the one told last counts.
    """

    kind: MemoryKind
    importance: float
    name: str
    single: bool = True


LABELS: dict[str, Trait] = {
    "name": Trait(kind="user_info", importance=0.9, name="name"),
    "email": Trait(kind="user_info", importance=0.9, name="email address", single=False),
    "phone": Trait(kind="user_info", importance=0.85, name="phone number", single=False),
    "called": Trait(kind="preference", importance=0.8, name="form of address"),
    "preferred_contact": Trait(kind="preference", importance=0.75, name="preferred way of contact"),
    "language": Trait(kind="preference", importance=0.7, name="language"),
    "contact_time": Trait(kind="preference", importance=0.6, name="preferred time of contact"),
    "order": Trait(kind="context", importance=0.7, name="order number", single=False),
    "plan": Trait(kind="fact", importance=0.6, name="plan"),
    "birthday": Trait(kind="user_info", importance=0.6, name="birthday"),
    "diet": Trait(kind="preference", importance=0.6, name="diet"),
    "size": Trait(kind="preference", importance=0.6, name="size"),
    "shoe_size": Trait(kind="preference", importance=0.6, name="shoe size"),
    "employer": Trait(kind="user_info", importance=0.5, name="employer"),
    "pet": Trait(kind="fact", importance=0.4, name="pet", single=False),
    "place": Trait(kind="user_info", importance=0.5, name="place"),
    "device": Trait(kind="fact", importance=0.5, name="device", single=False),
}
# Of a label that is not listed: what a model chose to remember.
OTHER = Trait(kind="fact", importance=0.4, name="note", single=False)


class Fact(Struct, frozen=True, kw_only=True):
    """One fact, as it is remembered. Personal data: never logged.

    Attributes:
        label: what it is: `email`, `order`, `name` and the like (`LABELS`), or a word that a model chose.
        importance: 0..1; of a remembered fact as it was when it was used last.
        seq: of the message that told it last.
        told_at: when that message was sent; None where no message told it.
        memory_id: empty where it is not remembered yet.
    """

    label: str
    value: str
    kind: MemoryKind = "fact"
    importance: float = OTHER.importance
    scope: Scope = "session"
    seq: int = 0
    told_at: datetime | None = None
    memory_id: str = ""


def fact(label: str, value: str, *, seq: int = 0, told_at: datetime | None = None) -> Fact:
    """Make a fact with the kind and importance of its label."""
    trait = LABELS.get(label, OTHER)
    return Fact(label=label, value=value, kind=trait.kind, importance=trait.importance, seq=seq, told_at=told_at)


def owned(facts: Iterable[Fact], user_id: str | None) -> list[Fact]:
    """Say of facts told in a session whose they are: the user's, where there is one, but for what the session is about."""
    return [replace(one, scope="user" if user_id and one.kind != "context" else "session") for one in facts]


def digest(one: Fact) -> bytes:
    """Give the hash by which a fact is told again: SHA-256 of label and value, without case, width and runs of space."""
    normal = " ".join(unicodedata.normalize("NFKC", one.value).casefold().split())
    return hashlib.sha256(f"{one.label}\0{normal}".encode()).digest()


def current(facts: Sequence[Fact]) -> list[Fact]:
    """Leave out what was told again, and of what a customer has one of all but the last; the order stays."""
    kept: dict[str | bytes, Fact] = {}
    for one in facts:
        key = one.label if LABELS.get(one.label, OTHER).single else digest(one)
        kept.pop(key, None)
        kept[key] = one
    return list(kept.values())
