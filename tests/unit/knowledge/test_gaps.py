"""Which answers leave a gap, and which questions are the same."""

from datetime import UTC, datetime

import pytest

from libs.contracts.context import Context
from libs.contracts.errors import Invalid
from libs.contracts.knowledge import Gap, GapPage, ListGaps
from libs.contracts.session import Message, SessionDeleted, TurnCompleted
from services.knowledge.app import Gaps
from services.knowledge.domain import MAX_QUESTION, Unanswered, normal_form, unanswered

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACME = Context(tenant="acme", key="sess_1")


def completed(**metadata: object) -> TurnCompleted:
    message = Message(
        id="msg_1", seq=2, role="assistant", content="I have not found it.", timestamp=NOON, metadata=metadata
    )
    return TurnCompleted(turn_id="turn_1", attempt=1, answers_seq=[1], message=message)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"abstained": False, "looked_for": "Do you ship to Iceland?"},
        {"abstained": "true", "looked_for": "Do you ship to Iceland?"},
        {"abstained": 1, "looked_for": "Do you ship to Iceland?"},
        {"looked_for": "Do you ship to Iceland?"},
        {"abstained": True},
        {"abstained": True, "looked_for": None},
        {"abstained": True, "looked_for": ["ship"]},
        {"abstained": True, "looked_for": ""},
        {"abstained": True, "looked_for": " ?! … "},
    ],
    ids=str,
)
def test_what_is_no_abstention_with_words_leaves_no_gap(metadata: dict[str, object]) -> None:
    assert unanswered(completed(**metadata)) is None


def test_an_abstention_leaves_its_question_on_one_line() -> None:
    asked = unanswered(completed(abstained=True, looked_for="  Do you\n ship\0to Iceland? "))
    assert asked == Unanswered(turn_id="turn_1", question="Do you ship to Iceland?", asked_at=NOON)


@pytest.mark.parametrize(("length", "cut"), [(MAX_QUESTION, False), (MAX_QUESTION + 1, True)])
def test_a_question_is_bounded(length: int, cut: bool) -> None:
    asked = unanswered(completed(abstained=True, looked_for="x" * (length - 1) + "?"))
    assert asked is not None
    assert len(asked.question) == 500
    assert asked.question.endswith("…") is cut


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Do you ship to Iceland?", "do you SHIP to   iceland"),
        ("Können Sie liefern?", "konnen sie liefern"),
        ("¿Dónde está mi pedido?", "donde esta mi pedido"),
        ("Can't I pay?", "cant i pay!"),
        ("Can’t I pay?", "Can't I pay?"),
        ("Straße", "STRASSE"),
        ("ﬁne e-mail", "fine e mail"),
        ("cafe\u0301", "caf\u00e9"),
        ("Ёлка", "елка"),
        ("東京　まで？", "東京 まで"),
    ],
)
def test_case_accents_punctuation_and_spaces_make_no_other_question(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Do you ship to Iceland?", "Do you ship to Ireland?"),
        ("in 30 days", "in 300 days"),
        ("がき", "かき"),  # the mark is part of the letter, no accent
        ("कि", "का"),
        ("every day", "everyday"),
    ],
)
def test_other_letters_make_another_question(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


def test_the_folded_form_holds_no_words() -> None:
    asked = Unanswered(turn_id="turn_1", question="Iceland?", asked_at=NOON)
    assert len(asked.folded) == 64
    assert set(asked.folded) <= set("0123456789abcdef")


class Notes:
    """A GapStore that writes down what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    async def note(self, tenant: str, session_id: str, asked: Unanswered, new_id: str) -> None:
        self.asked.append(("note", tenant, session_id, asked.question, new_id[:4]))

    async def forget(self, tenant: str, session_id: str) -> None:
        self.asked.append(("forget", tenant, session_id))

    async def most_wanted(self, tenant: str, limit: int, offset: int) -> tuple[list[Gap], int]:
        self.asked.append(("list", tenant, limit, offset))
        return [], 0


async def test_events_reach_the_store_under_their_tenant_and_session() -> None:
    store = Notes()
    gaps = Gaps(store)
    await gaps.note(completed(abstained=True, looked_for="Iceland?"), ACME)
    await gaps.note(completed(), ACME)
    await gaps.forget(SessionDeleted("sess_1"), ACME)
    assert store.asked == [("note", "acme", "sess_1", "Iceland?", "gap_"), ("forget", "acme", "sess_1")]


@pytest.mark.parametrize(("limit", "offset"), [(1, 0), (100, 0), (20, 10**30)])
async def test_a_page_within_its_bounds_is_given(limit: int, offset: int) -> None:
    assert await Gaps(Notes()).list_gaps(ListGaps(limit=limit, offset=offset), ACME) == GapPage([], 0)


@pytest.mark.parametrize(("limit", "offset", "field"), [(0, 0, "limit"), (101, 0, "limit"), (20, -1, "offset")])
async def test_a_page_beyond_its_bounds_is_refused(limit: int, offset: int, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        await Gaps(Notes()).list_gaps(ListGaps(limit=limit, offset=offset), ACME)
    assert caught.value.code == "invalid_request"
    assert caught.value.errors[0].loc == ["query", field]


@pytest.mark.parametrize(
    "text",
    [
        "Danke, das hat geholfen!",
        "I am vegan and my password is hunter2.",
        "That did not help.",
        "aaaa",
        "Still does not work",
        "[1] [2]",
    ],
)
def test_what_asks_for_nothing_is_no_gap(text: str) -> None:
    assert unanswered(completed(abstained=True, looked_for=text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "do you ship to Iceland",
        "Wie lange dauert das",
        "y cuánto cuesta",
        "Combien ça coûte",
        "Iceland?",
        "Hi, how long is it",
    ],
)
def test_what_asks_for_something_is_one_with_and_without_its_mark(text: str) -> None:
    assert unanswered(completed(abstained=True, looked_for=text)) is not None
