"""What is remembered of a customer's words, and what is not: R38."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.agent.domain import facts
from services.agent.domain.facts import Fact

from .fakes import message


def told(*texts: str) -> list[tuple[str, str]]:
    found = facts.told(message(text, seq=n) for n, text in enumerate(texts, start=1))
    return [(fact.kind, fact.value) for fact in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my email is Ann@Example.com", [("email", "ann@example.com")]),
        ("Reach me at ann.lee+shop@mail.example.co.uk.", [("email", "ann.lee+shop@mail.example.co.uk")]),
        ("my mail: support@ann.example, thanks", [("email", "support@ann.example")]),
        ("<bob@example.org>", [("email", "bob@example.org")]),
        ("my phone number is +49 151 1234-5678", [("phone", "+4915112345678")]),
        ("call me at (555) 123-4567", [("phone", "5551234567")]),
        ("you can text me on 0151 23456789", [("phone", "015123456789")]),
        ("+1 555 123 4567", [("phone", "+15551234567")]),
        ("Meine Handynummer: 0151/23456789", [("phone", "015123456789")]),
        ("mi número es 612 345 678", [("phone", "612345678")]),
        ("where is order 12345?", [("order", "12345")]),
        ("Order #A-1042 is late", [("order", "A-1042")]),
        ("#A-1042", [("order", "A-1042")]),
        ("my order number is 4711-B", [("order", "4711-B")]),
        ("order number: 998877", [("order", "998877")]),
        ("order no. 77123", [("order", "77123")]),
        ("my order is ORD-2024-0815", [("order", "ORD-2024-0815")]),
        ("what about order ab12cd34?", [("order", "AB12CD34")]),
        ("the package for #123456 never came", [("order", "123456")]),
        ("Bestellnummer 4711", [("order", "4711")]),
        ("meine Bestellung 123456 fehlt", [("order", "123456")]),
        ("el pedido 12345 no llega", [("order", "12345")]),
        ("numéro de commande : 55512", [("order", "55512")]),
        ("I'm ann@example.com, order 12345, tel. 030 1234567", [
            ("email", "ann@example.com"), ("order", "12345"), ("phone", "0301234567"),
        ]),
    ],
)  # fmt: skip
def test_facts_are_found(text: str, expected: list[tuple[str, str]]) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "my order is late",
        "my order isn't here",
        "My order number is wrong",
        "where is my order number?",
        "order in 2024",
        "I placed my order 2024-05-01",
        "my order 2024 was late",
        "my order of 12.05.2024",
        "I want to order 1500 pens",
        "can I order 5000 pieces",
        "please order 2 pizzas",
        "we order 10000 a year",
        "an order over $12000",
        "order 1200 euros worth",
        "call me at noon",
        "call me at 10:30",
        "call me at 10.30 - 12.00",
        "call me on 2024-05-01",
        "call me on 01.05.2024",
        "call me between 2024-2026",
        "it costs 1 200 000 dollars",
        "I paid $1234567.89",
        "it was 12345678 €",
        "my server is 192.168.100.200",
        "call me at 192.168.100.200",
        "I was born on 12/05/1990",
        "between 2019 and 2024",
        "tracking number 1234567890",
        "invoice 123-456-7890",
        "my card is 4111 1111 1111 1111",
        "phone 4111 1111 1111 1111",
        "error #12345",
        "ticket #4711",
        "the colour #123456 please",
        "version 1.2.3.4567890",
        "write to support@deskbus.example",
        "I wrote to info@shop.example twice",
        "@ann said hi",
        "not an address: ann@localhost",
        "",
    ],
)
def test_r38_nothing_is_made_up(text: str) -> None:
    assert told(text) == []


def test_a_fact_told_again_counts_as_told_last() -> None:
    assert told("a@example.com", "b@example.com", "A@example.com") == [
        ("email", "b@example.com"),
        ("email", "a@example.com"),
    ]


def test_only_the_customers_words_count() -> None:
    assert facts.told([message("write to ann@example.com", role="assistant")]) == []


def test_a_fact_knows_its_message() -> None:
    assert facts.told([message("order 12345", seq=7)]) == [Fact(kind="order", value="12345", seq=7)]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("my email is ann@example.com", ["email"]),
        ("ann@example.com", ["email"]),
        ("My order number is 12345 and my phone is +49 151 1234567.", ["order", "phone"]),
        ("my email is ann@example.com, how long does shipping take?", []),
        ("my order 12345 arrived broken", []),
        ("hello", []),
    ],
)
def test_a_message_may_tell_nothing_else(text: str, kinds: list[str]) -> None:
    assert facts.tells_only_facts(text) == kinds


@given(st.text("ab1 @.#-+/()order", max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    assert len(told(text)) <= 10


@pytest.mark.parametrize("piece", ["1", "1 ", "a@", "a.", "order ", "#1", "my ", "+1", "-1", "order 1", "12345 "])
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 4000)[:4000]
    started = time.process_time()
    told(text)
    facts.tells_only_facts(text)
    assert time.process_time() - started < 0.3
