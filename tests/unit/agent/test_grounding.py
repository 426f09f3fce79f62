"""How sentences are matched with passages while they stream; more sentences are in tests/evals/sentences.jsonl."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.agent.domain.citations import Citations
from services.agent.domain.grounding import Grounding, Support
from services.agent.domain.quantities import Quantity, quantities

from .fakes import message, source

RETURNS = source("You can return an item within 30 days for a full refund if it is unused.", title="Returns", score=0.6)
SHIPPING = source(
    "Standard shipping takes 3-5 business days. Cash is not accepted.", title="Shipping", score=0.5, rank=2
)
PREMIUM = source("Premium members get free shipping and early access.", title="Premium", score=0.4, rank=3)
PASSAGES = [RETURNS, SHIPPING, PREMIUM]
ASKED = message("How long do I have to return an item for a refund?")
TRUE = "You can return an unused item within 30 days for a full refund"


def support(text: str, *, cited: list[int] | None = None, size: int = 4, told: str = "", question: str = "") -> Support:
    grounding = Grounding(PASSAGES, [message(question) if question else ASKED], cited=[] if cited is None else cited)
    if told:
        grounding.told(told)
    for at in range(0, len(text), size):
        grounding.hear(text[at : at + size])
    return grounding.finish()


def test_r35_a_well_sourced_answer_is_confident() -> None:
    found = support(f"{TRUE} [1].", cited=[1])
    assert (found.used, found.sentences, found.supported, found.contradicted) == ([], 1, 1, 0)
    assert found.confidence is not None
    assert found.confidence > 0.8


def test_what_the_text_does_not_cite_is_found() -> None:
    found = support(f"{TRUE}. Standard shipping takes 3 to 5 business days.")
    assert (found.used, found.supported) == ([1, 2], 2)
    assert support(f"{TRUE}. Standard shipping takes 3 to 5 business days [1].", cited=[2]).used == [1]


def test_no_more_sources_than_are_shown() -> None:
    more = [replace(PREMIUM, rank=4, content="Gift wrapping is offered in winter.", metadata={"title": "Gifts"})]
    grounding = Grounding([*PASSAGES, *more], [ASKED], cited=[4])
    grounding.hear(
        f"{TRUE}.\nStandard shipping takes 3-5 business days.\nPremium members get free shipping and early access.\n"
    )
    assert len(grounding.finish().used) == 2


@pytest.mark.parametrize(
    "text",
    [
        "You can return an unused item within 14 days for a full refund [1].",
        "You can return an unused item within 30 weeks for a full refund [1].",
        "You can return an unused item within thirty-five days for $30 [1].",
        "An unused item can be returned at 5 pm [1].",
    ],
)
def test_a_quantity_that_nothing_has_makes_a_sentence_unsupported(text: str) -> None:
    found = support(text, cited=[1])
    assert (found.sentences, found.supported, found.contradicted) == (1, 0, 1)
    assert found.confidence == 0


@pytest.mark.parametrize(
    "text",
    [
        "Within thirty days you can return an item for a full refund [1].",
        "There is a 30-day return for an unused item [1].",
    ],
)
def test_a_quantity_may_be_written_otherwise(text: str) -> None:
    assert support(text, cited=[1]).supported == 1


def test_the_customers_own_number_is_no_claim() -> None:
    text = "You can return the item of order 471199 for a full refund [1]."
    assert support(text, cited=[1]).supported == 0
    assert support(text, cited=[1], question="May I return the item of order 471199?").supported == 1


@pytest.mark.parametrize(("text", "supported"), [("Cash is not accepted [1].", 1), ("Cash is accepted [1].", 0)])
def test_a_not_more_or_less_is_the_opposite(text: str, supported: int) -> None:
    assert support(text, cited=[2]).supported == supported


def test_a_not_about_something_else_is_none() -> None:
    text = "You can return an item within 30 days for a full refund if it is unused, not worn [1]."
    assert support(text, cited=[1]).supported == 1


def test_a_wrong_citation_does_not_support() -> None:
    found = support("Parcels fly by drone over the lake at night [1].", cited=[1])
    assert (found.sentences, found.supported, found.contradicted) == (1, 0, 0)


def test_a_sentence_in_another_language_needs_its_citation_and_its_quantities() -> None:
    assert support("Sie können den Artikel innerhalb von 30 Tagen zurückgeben [1].", cited=[1]).supported == 1
    assert support("Sie können den Artikel innerhalb von 14 Tagen zurückgeben [1].", cited=[1]).supported == 0
    assert support("Sie können den Artikel innerhalb von 30 Tagen zurückgeben.").supported == 0


@pytest.mark.parametrize(
    "text",
    [
        "Hello!",
        "Is there anything else that I can help you with?",
        "I'm sorry, I don't know that.",
        "Let me know if you need anything else.",
        "If you like, a person from our team can help you.",
        "Here are the steps:",
        "",
        " \n ",
    ],
)
def test_what_states_nothing_is_not_counted(text: str) -> None:
    assert support(text) == Support()


@pytest.mark.parametrize("opening", ["Sure! ", "Of course, ", "I'm sorry, but ", "Yes, ", "Thank you! Good news: "])
def test_a_polite_beginning_does_not_hide_a_statement(opening: str) -> None:
    found = support(f"{opening}you can pay with shells and pearls.")
    assert (found.sentences, found.supported) == (1, 0)


def test_half_true_is_half_confident() -> None:
    whole = support(f"{TRUE} [1].", cited=[1]).confidence or 0
    half = support(f"{TRUE} [1]. Our gnomes are painted by hand in Iceland.", cited=[1])
    assert (half.sentences, half.supported) == (2, 1)
    assert half.confidence == pytest.approx(whole / 2, abs=0.01)


def test_a_less_related_source_gives_less_confidence() -> None:
    question = message("How long do I have to return an item for a refund?")
    far = Grounding([replace(RETURNS, relevance_score=0.3)], [question], cited=[1])
    far.hear(f"{TRUE} [1].")
    assert (far.finish().confidence or 0) < (support(f"{TRUE} [1].", cited=[1]).confidence or 0)


def test_what_a_tool_said_supports_and_is_no_source() -> None:
    text = "Your order 471199 left the warehouse on 3 May."
    assert support(text).supported == 0
    found = support(text, told='{"order": "471199", "status": "left the warehouse", "on": "3 May"}')
    assert (found.supported, found.used) == (1, [])
    assert (found.confidence or 0) > 0.5


def test_passages_that_a_tool_found_support_what_follows() -> None:
    grounding = Grounding(PASSAGES, [ASKED], cited=[])
    grounding.hear("Gift wrapping is offered in winter. ")
    grounding.add([source("Gift wrapping is offered in winter.", rank=4)])
    grounding.hear("Gift wrapping is offered in winter. ")
    found = grounding.finish()
    # The first was not judged before the next had begun.
    assert (found.sentences, found.supported, found.used) == (2, 2, [4])


def test_sentences_end_where_they_end() -> None:
    text = "Refunds, e.g. for an unused item, are full. Standard shipping takes 3-5 business days! [2] \n- free shipping for Premium\n"
    assert support(text, cited=[1, 2]).sentences == 3


def test_without_an_end_it_is_judged_in_parts() -> None:
    found = support("unused item refund " * 500)
    assert found.sentences == 5
    assert found.supported >= 4


@given(st.text(alphabet="ab .!?\n[1]30", max_size=120), st.integers(1, 30))
def test_pieces_change_nothing(text: str, size: int) -> None:
    assert support(text, cited=[1, 2], size=size) == support(text, cited=[1, 2], size=1)


@given(
    st.lists(st.sampled_from([f"{TRUE} [1]. ", "Cash is accepted [2]. ", "Thanks! ", "[3] ", "30 days\n"]), max_size=8)
)
def test_it_hears_what_citations_let_out(parts: list[str]) -> None:
    citations = Citations([1, 2, 3])
    grounding = Grounding(PASSAGES, [ASKED], cited=citations.used)
    for part in parts:
        grounding.hear(citations.feed(part))
    grounding.hear(citations.finish())
    found = grounding.finish()
    assert set(found.used).isdisjoint(citations.used)
    assert 0 <= found.supported <= found.sentences
    assert found.confidence is None or 0 <= found.confidence <= 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("30 days", {("30", "day")}),
        ("a 30-day window", {("30", "day")}),
        ("thirty days", {("30", "day")}),
        ("3 to 5 business days", {("3", "day"), ("5", "day")}),
        ("3-5 Werktage", {("3", "day"), ("5", "day")}),
        ("$1,000.00", {("1000", "$")}),
        ("2,50 €", {("2.5", "€")}),
        ("20 %", {("20", "%")}),
        ("9 am to 6 pm", {("9:00", "time"), ("18:00", "time")}),
        ("12 am", {("0:00", "time")}),
        ("from 9:00 to 18:00", {("9:00", "time"), ("18:00", "time")}),
        ("1. Open it [2].\n2) Close it [13].", set()),
        ("two of them", set()),
        ("two days", {("2", "day")}),
        ("no number", set()),
    ],
)
def test_quantities_are_read_in_one_writing(text: str, found: set[tuple[str, str]]) -> None:
    assert quantities(text, stated=True) == {Quantity(*quantity) for quantity in found}
