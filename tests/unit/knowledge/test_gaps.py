"""Which answers leave a gap, and which questions are the same."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from libs.contracts.context import Context
from libs.contracts.documents import DocumentIndexed, PutDocument
from libs.contracts.errors import Conflict, Invalid, NotFound
from libs.contracts.knowledge import AnswerGap, DismissGap, Gap, GapPage, GapState, ListGaps, ReopenGap
from libs.contracts.session import Feedback, FeedbackGiven, Message, MessageAdded, SessionDeleted, TurnCompleted
from services.knowledge.app import Gaps
from services.knowledge.domain import MAX_ANSWER, MAX_QUESTION, Meaning, Unanswered, normal_form, unanswered

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
    """A GapStore that writes down what it is asked, and knows one gap."""

    def __init__(self, **fields: object) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.gap = replace(
            Gap(gap_id="gap_1", question="Iceland?", count=1, first_asked_at=NOON, last_asked_at=NOON), **fields
        )

    async def note(
        self, tenant: str, session_id: str, asked: Unanswered, new_id: str, meaning: Meaning | None = None
    ) -> None:
        self.asked.append(("note", tenant, session_id, asked.question, new_id[:4], meaning))

    async def draft(self, tenant: str, session_id: str, answer: str, at: datetime) -> None:
        self.asked.append(("draft", tenant, session_id, answer, at))

    async def forget(self, tenant: str, session_id: str) -> None:
        self.asked.append(("forget", tenant, session_id))

    async def most_wanted(
        self, tenant: str, limit: int, offset: int, state: GapState = "open"
    ) -> tuple[list[Gap], int]:
        self.asked.append(("list", tenant, limit, offset, state))
        return [], 0

    async def get(self, tenant: str, gap_id: str) -> Gap | None:
        return self.gap if gap_id == self.gap.gap_id else None

    async def answered_by(self, tenant: str, document_id: str) -> list[Gap]:
        return [self.gap] if (self.gap.state, self.gap.document_id) == ("answered", document_id) else []

    async def set_state(self, tenant: str, gap_id: str, state: GapState, document_id: str | None = None) -> Gap | None:
        if gap_id != self.gap.gap_id:
            return None
        self.gap = replace(self.gap, state=state, document_id=document_id or self.gap.document_id)
        return self.gap


class Shelf:
    """Meanings, and a Library that finds what the test says."""

    def __init__(self, *, found: bool = False) -> None:
        self.found = found
        self.added: list[PutDocument] = []

    async def of(self, question: str) -> Meaning | None:
        return Meaning("m", [1.0, 0.0]) if question == "Iceland?" else None

    async def add(self, tenant: str, new: PutDocument) -> str:
        self.added.append(new)
        return new.document_id or "doc_new"

    async def finds(self, tenant: str, question: str, document_id: str) -> bool:
        return self.found


def gaps_over(store: Notes, shelf: Shelf | None = None) -> Gaps:
    shelf = shelf or Shelf()
    return Gaps(store, shelf, shelf)


async def test_events_reach_the_store_under_their_tenant_and_session() -> None:
    store = Notes()
    gaps = gaps_over(store)
    await gaps.note(completed(abstained=True, looked_for="Iceland?"), ACME)
    await gaps.note(completed(), ACME)
    rated = FeedbackGiven(message_id="msg_1", feedback=Feedback(rating="down"), turn_id="turn_1", question="And then?")
    await gaps.note_rated(rated, ACME)
    await gaps.note_rated(replace(rated, feedback=Feedback(rating="up")), ACME)
    await gaps.forget(SessionDeleted("sess_1"), ACME)
    assert store.asked == [
        ("note", "acme", "sess_1", "Iceland?", "gap_", Meaning("m", [1.0, 0.0])),
        ("note", "acme", "sess_1", "And then?", "gap_", None),
        ("forget", "acme", "sess_1"),
    ]


async def test_only_what_operators_say_becomes_a_draft() -> None:
    store = Notes()
    said = Message(id="msg_1", seq=1, role="operator", content="Yes, within 9 days.", timestamp=NOON)
    for message in (said, replace(said, role="user"), replace(said, role="assistant"), replace(said, content=" ")):
        await gaps_over(store).hear_operator(MessageAdded(message), ACME)
    assert store.asked == [("draft", "acme", "sess_1", "Yes, within 9 days.", NOON)]


@pytest.mark.parametrize(("found", "state"), [(False, "answered"), (True, "closed")])
async def test_an_answer_becomes_a_document_and_closes_the_gap_where_it_is_found(found: bool, state: str) -> None:
    store, shelf = Notes(draft="Yes, within 9 days."), Shelf(found=found)
    gap = await gaps_over(store, shelf).answer(AnswerGap(gap_id="gap_1"), ACME)
    assert (gap.state, gap.document_id) == (state, "gap-gap_1")
    [added] = shelf.added
    assert (added.document_id, added.title, added.text) == (
        "gap-gap_1",
        "Iceland?",
        "# Iceland?\n\nYes, within 9 days.\n",
    )


@pytest.mark.parametrize("found", [False, True])
async def test_an_answered_gap_closes_when_its_question_finds_the_document(found: bool) -> None:
    store = Notes(state="answered", document_id="gap-gap_1")
    event = DocumentIndexed(document_id="gap-gap_1", version=1, replaced=None, title="Iceland?", passages=1)
    await gaps_over(store, Shelf(found=found)).close_found(replace(event, document_id="another"), ACME)
    assert store.gap.state == "answered"
    await gaps_over(store, Shelf(found=found)).close_found(event, ACME)
    assert store.gap.state == ("closed" if found else "answered")


@pytest.mark.parametrize("length", [1, MAX_ANSWER])
async def test_an_answer_within_its_bounds_is_taken(length: int) -> None:
    shelf = Shelf()
    await gaps_over(Notes(), shelf).answer(AnswerGap(gap_id="gap_1", answer="x" * length, question="q" * 500), ACME)
    assert len(shelf.added) == 1


@pytest.mark.parametrize(
    "asked",
    [
        AnswerGap(gap_id="gap_1", answer=" "),
        AnswerGap(gap_id="gap_1", answer="x" * (MAX_ANSWER + 1)),
        AnswerGap(gap_id="gap_1", answer="x", question="q" * 501),
    ],
    ids=["blank", "too long", "long question"],
)
async def test_an_answer_beyond_its_bounds_changes_nothing(asked: AnswerGap) -> None:
    store, shelf = Notes(), Shelf()
    with pytest.raises(Invalid):
        await gaps_over(store, shelf).answer(asked, ACME)
    assert (store.gap.state, shelf.added) == ("open", [])


async def test_what_is_not_there_is_told() -> None:
    gaps = gaps_over(Notes())
    for ask in (
        gaps.answer(AnswerGap(gap_id="gap_2", answer="x"), ACME),
        gaps.dismiss(DismissGap("gap_2"), ACME),
        gaps.reopen(ReopenGap("gap_2"), ACME),
    ):
        with pytest.raises(NotFound) as missing:
            await ask
        assert missing.value.code == "gap_not_found"
    with pytest.raises(Conflict) as caught:
        await gaps.answer(AnswerGap(gap_id="gap_1"), ACME)
    assert caught.value.code == "no_draft"


async def test_a_gap_is_dismissed_and_opened_again() -> None:
    gaps = gaps_over(Notes())
    assert (await gaps.dismiss(DismissGap("gap_1"), ACME)).state == "dismissed"
    assert (await gaps.reopen(ReopenGap("gap_1"), ACME)).state == "open"


@pytest.mark.parametrize(("limit", "offset"), [(1, 0), (100, 0), (20, 10**30)])
async def test_a_page_within_its_bounds_is_given(limit: int, offset: int) -> None:
    assert await gaps_over(Notes()).list_gaps(ListGaps(limit=limit, offset=offset), ACME) == GapPage([], 0)


@pytest.mark.parametrize(("limit", "offset", "field"), [(0, 0, "limit"), (101, 0, "limit"), (20, -1, "offset")])
async def test_a_page_beyond_its_bounds_is_refused(limit: int, offset: int, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        await gaps_over(Notes()).list_gaps(ListGaps(limit=limit, offset=offset), ACME)
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
